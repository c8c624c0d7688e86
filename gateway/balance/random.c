/* Any eligible endpoint that was not tried, each with the same probability. */
#include "base/random.h"

#include <stdlib.h>

#include "balance/eligible.h"
#include "balance/strategies.h"
#include "base/mem.h"

struct random {
    struct gw_balancer super;
    struct gw_eligible eligible;
};

static struct gw_balancer *create(const struct gw_balancer_endpoint *endpoints, size_t count,
                                  size_t first)
{
    (void)first;
    struct random *self = gw_alloc(sizeof(*self));
    self->super.ops = &gw_random;
    gw_eligible_set(&self->eligible, endpoints, count, false);
    return &self->super;
}

static int pick_untried(const struct gw_eligible *e, const struct gw_pick *pick)
{
    uint32_t untried = 0;
    for (size_t i = 0; i < e->count; i++)
        untried += !gw_pick_was_tried(pick, e->items[i].endpoint);
    if (untried == 0)
        return GW_BALANCER_NONE;
    uint32_t skip = gw_random_below(untried);
    size_t i = 0;
    while (gw_pick_was_tried(pick, e->items[i].endpoint) || skip-- > 0)
        i++;
    return (int)e->items[i].endpoint;
}

static int pick(struct gw_balancer *super, const struct gw_pick *pick)
{
    struct gw_eligible *e = &((struct random *)super)->eligible;
    if (e->count == 0)
        return GW_BALANCER_NONE;
    if (gw_eligible_is_retry(e, pick))
        return pick_untried(e, pick);
    return (int)e->items[gw_random_below((uint32_t)e->count)].endpoint;
}

static void endpoints_changed(struct gw_balancer *super,
                              const struct gw_balancer_endpoint *endpoints, size_t count)
{
    gw_eligible_set(&((struct random *)super)->eligible, endpoints, count, false);
}

static void destroy(struct gw_balancer *super)
{
    gw_eligible_dispose(&((struct random *)super)->eligible);
    free(super);
}

const struct gw_balancer_ops gw_random = {
    .name = "random",
    .create = create,
    .pick = pick,
    .endpoints_changed = endpoints_changed,
    .destroy = destroy,
};
