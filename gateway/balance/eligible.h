/* What strategies share: the eligible endpoints in order, and a rotation for retries.
 *
 * A retry cannot go to every endpoint. If it took its turn from the schedule of first picks, the
 * endpoint behind a failing one would get all of that one's calls, or the failing one lose its turn
 * and with it the exact shares. Retries therefore rotate by themselves, in proportion to the
 * weights of those that were not tried. */
#ifndef GW_BALANCE_ELIGIBLE_H
#define GW_BALANCE_ELIGIBLE_H

#include "balance/balancer.h"

#define GW_CREDIT_UNIT 1024

struct gw_eligible_item {
    uint32_t endpoint;
    uint32_t weight;
    int64_t retry_credit; /* in GW_CREDIT_UNITs of weight */
};

/* Zero-initialised is empty. */
struct gw_eligible {
    struct gw_eligible_item *items; /* ascending by endpoint */
    size_t count;
    size_t endpoint_count; /* eligible or not */
};

/* Fills it anew; without weights all are 1. */
void gw_eligible_set(struct gw_eligible *e, const struct gw_balancer_endpoint *endpoints,
                     size_t count, bool with_weights);
void gw_eligible_dispose(struct gw_eligible *e);

/* The item of `endpoint`, or of the first eligible one behind it, going round; 0 if there is none.
 */
size_t gw_eligible_from(const struct gw_eligible *e, size_t endpoint);

/* Whether the call has tried an endpoint before. */
bool gw_eligible_is_retry(const struct gw_eligible *e, const struct gw_pick *pick);
/* An endpoint that was not tried, or GW_BALANCER_NONE. O(count). */
int gw_eligible_pick_retry(struct gw_eligible *e, const struct gw_pick *pick);

#endif
