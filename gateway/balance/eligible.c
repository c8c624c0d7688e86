#include "balance/eligible.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

void gw_eligible_set(struct gw_eligible *e, const struct gw_balancer_endpoint *endpoints,
                     size_t count, bool with_weights)
{
    free(e->items);
    *e =
        (struct gw_eligible){.items = gw_alloc(count * sizeof(*e->items)), .endpoint_count = count};
    for (size_t i = 0; i < count; i++) {
        assert(endpoints[i].weight > 0);
        if (!endpoints[i].is_eligible)
            continue;
        uint32_t weight = with_weights ? endpoints[i].weight : 1;
        /* A random start, or the retries of all workers would march in step. */
        int64_t credit = (int64_t)gw_random_below(GW_CREDIT_UNIT) * weight;
        e->items[e->count++] = (struct gw_eligible_item){(uint32_t)i, weight, credit};
    }
}

void gw_eligible_dispose(struct gw_eligible *e)
{
    free(e->items);
    *e = (struct gw_eligible){0};
}

size_t gw_eligible_from(const struct gw_eligible *e, size_t endpoint)
{
    size_t i = 0;
    while (i < e->count && e->items[i].endpoint < endpoint)
        i++;
    return i < e->count ? i : 0;
}

bool gw_eligible_is_retry(const struct gw_eligible *e, const struct gw_pick *pick)
{
    if (pick->tried == NULL)
        return false;
    for (size_t word = 0; word < (e->endpoint_count + 63) / 64; word++) {
        if (pick->tried[word] != 0)
            return true;
    }
    return false;
}

/* nginx's smooth weighted round robin: everybody earns its weight, the richest is picked and pays
 * for all. Those tried neither earn nor lose. */
int gw_eligible_pick_retry(struct gw_eligible *e, const struct gw_pick *pick)
{
    struct gw_eligible_item *best = NULL;
    int64_t total = 0;
    for (size_t i = 0; i < e->count; i++) {
        struct gw_eligible_item *item = &e->items[i];
        if (gw_pick_was_tried(pick, item->endpoint))
            continue;
        int64_t earned = (int64_t)item->weight * GW_CREDIT_UNIT;
        item->retry_credit += earned;
        total += earned;
        if (best == NULL || item->retry_credit > best->retry_credit)
            best = item;
    }
    if (best == NULL)
        return GW_BALANCER_NONE;
    best->retry_credit -= total;
    return (int)best->endpoint;
}
