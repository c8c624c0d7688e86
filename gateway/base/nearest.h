/* The name that was probably meant, for messages about unknown names. */
#ifndef GW_BASE_NEAREST_H
#define GW_BASE_NEAREST_H

#include "base/slice.h"

/* "; did you mean \"x\"?" for the candidate nearest to `name` by edit distance, or "" when none is
 * near. Writes at most `size` bytes with the terminator and returns `out`. */
const char *gw_nearest(char *out, size_t size, struct gw_slice name, const char *const *candidates,
                       size_t count);

/* The same for candidates that are no array: offer each, then ask. */
struct gw_nearest_search {
    struct gw_slice name, found; /* found.base is NULL while nothing is near; borrowed */
    unsigned distance;
};

void gw_nearest_begin(struct gw_nearest_search *search, struct gw_slice name);
void gw_nearest_offer(struct gw_nearest_search *search, struct gw_slice candidate);
const char *gw_nearest_hint(const struct gw_nearest_search *search, char *out, size_t size);

#endif
