/* The descriptor set of what the services serve, built into the program: what reflection answers
 * from. */
#ifndef COMMON_DESCRIPTOR_SET_H
#define COMMON_DESCRIPTOR_SET_H

#include "base/slice.h"

struct gw_slice gw_descriptor_set(void);

#endif
