#include "balance/balancer.h"

#include "balance/strategies.h"

const struct gw_balancer_ops *const gw_balancers[] = {
    &gw_round_robin,
    &gw_random,
    &gw_weighted,
    NULL,
};

const struct gw_balancer_ops *gw_balancer_find(struct gw_slice name)
{
    for (size_t i = 0; gw_balancers[i] != NULL; i++) {
        if (gw_slice_eq(name, gw_slice_str(gw_balancers[i]->name)))
            return gw_balancers[i];
    }
    return NULL;
}
