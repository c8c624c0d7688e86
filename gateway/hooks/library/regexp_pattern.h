/* Regular expressions as Ruby writes them, in PCRE2's words. The two agree but for few things,
 * which are said differently here or refused, never taken for something else: \h is a hexadecimal
 * digit, (?m) lets a dot match a newline, {,3} has a lower bound of 0; a class in a class and &&
 * are unknown to PCRE2. */
#ifndef GW_HOOKS_LIBRARY_REGEXP_PATTERN_H
#define GW_HOOKS_LIBRARY_REGEXP_PATTERN_H

#include "base/slice.h"

/* The longest pattern, and how much longer it may become. */
#define GW_HOOK_PATTERN_MAX 65536
#define GW_HOOK_PATTERN_GROWTH 6

/* Writes to `to`, which has room for GW_HOOK_PATTERN_GROWTH bytes for each of the source's.
 * `is_extended` as by the flag x: there are comments. Returns NULL, or what is wrong, a static
 * text.
 */
const char *gw_hook_pattern_translate(struct gw_slice source, bool is_extended, char *to,
                                      size_t *ret_length);

#endif
