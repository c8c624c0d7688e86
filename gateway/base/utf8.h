/* UTF-8 validation (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef GW_BASE_UTF8_H
#define GW_BASE_UTF8_H

#include <stdint.h>

#include "base/slice.h"

/* Length of the sequence that s begins with (1 to 4), or 0 if it is not a valid one (or s is
 * empty). */
size_t gw_utf8_step(struct gw_slice s);
/* Offset of the first byte that is not UTF-8, or s.len. */
size_t gw_utf8_check(struct gw_slice s);
/* Writes a code point (not a surrogate, at most 0x10ffff) and returns its length, 1 to 4. */
size_t gw_utf8_put(char out[4], uint32_t code_point);

#endif
