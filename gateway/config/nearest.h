/* The name that was probably meant. */
#ifndef GW_CONFIG_NEAREST_H
#define GW_CONFIG_NEAREST_H

#include "base/slice.h"

/* "; did you mean \"x\"?" for the candidate nearest to `name` by edit distance, or "" when none is
 * near. Writes at most `size` bytes with the terminator and returns `out`. */
const char *gw_nearest(char *out, size_t size, struct gw_slice name, const char *const *candidates,
                       size_t count);

#endif
