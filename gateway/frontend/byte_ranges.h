/* What a Range header asks for (RFC 9110 section 14.2), as far as it decides whether to grant it.
 * A server may pass over the header; this one does where the answer could be larger than the file,
 * or would be cut into many parts. Pure. */
#ifndef GW_FRONTEND_BYTE_RANGES_H
#define GW_FRONTEND_BYTE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Of one request; more are answered with the whole file. */
#define GW_BYTE_RANGES_MAX 8

/* Whether `value` is one range, or a few of which no two have a byte of the file in common. A value
 * without a comma always is: whoever serves it finds out whether it is a range at all. */
bool gw_byte_ranges_are_modest(struct gw_slice value, uint64_t file_bytes);

#endif
