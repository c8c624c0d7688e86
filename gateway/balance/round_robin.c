/* Each eligible endpoint in turn. */
#include <stdlib.h>

#include "balance/eligible.h"
#include "balance/strategies.h"
#include "base/mem.h"

struct round_robin {
    struct gw_balancer super;
    struct gw_eligible eligible;
    size_t next;     /* of eligible.items */
    size_t endpoint; /* whose turn it was at the last change */
};

/* Goes on with `endpoint`, or the first eligible one behind it. */
static void set_endpoints(struct round_robin *self, const struct gw_balancer_endpoint *endpoints,
                          size_t count)
{
    struct gw_eligible *e = &self->eligible;
    gw_eligible_set(e, endpoints, count, false);
    self->next = gw_eligible_from(e, self->endpoint);
}

static struct gw_balancer *create(const struct gw_balancer_endpoint *endpoints, size_t count,
                                  size_t first)
{
    struct round_robin *self = gw_alloc(sizeof(*self));
    self->super.ops = &gw_round_robin;
    self->endpoint = first;
    set_endpoints(self, endpoints, count);
    return &self->super;
}

static int pick(struct gw_balancer *super, const struct gw_pick *pick)
{
    struct round_robin *self = (struct round_robin *)super;
    struct gw_eligible *e = &self->eligible;
    if (e->count == 0)
        return GW_BALANCER_NONE;
    if (gw_eligible_is_retry(e, pick))
        return gw_eligible_pick_retry(e, pick);
    int endpoint = (int)e->items[self->next].endpoint;
    if (++self->next == e->count)
        self->next = 0;
    return endpoint;
}

static void endpoints_changed(struct gw_balancer *super,
                              const struct gw_balancer_endpoint *endpoints, size_t count)
{
    struct round_robin *self = (struct round_robin *)super;
    if (self->eligible.count > 0)
        self->endpoint = self->eligible.items[self->next].endpoint;
    set_endpoints(self, endpoints, count);
}

static void destroy(struct gw_balancer *super)
{
    gw_eligible_dispose(&((struct round_robin *)super)->eligible);
    free(super);
}

const struct gw_balancer_ops gw_round_robin = {
    .name = "round_robin",
    .create = create,
    .pick = pick,
    .endpoints_changed = endpoints_changed,
    .destroy = destroy,
};
