/* What a pick costs, by strategy and number of endpoints: a first pick, and one after a failed try.
 */
#include <stdio.h>
#include <stdlib.h>

#include "balance/balancer.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#define PICKS 200000

static double ns_per_pick(struct gw_balancer *b, const struct gw_pick *pick)
{
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        uint64_t begin = gw_clock_ns();
        for (int i = 0; i < PICKS; i++) {
            if (gw_balancer_pick(b, pick) == GW_BALANCER_NONE)
                abort();
        }
        double ns = (double)(gw_clock_ns() - begin) / PICKS;
        best = ns < best ? ns : best;
    }
    return best;
}

static void run(const struct gw_balancer_ops *ops, size_t count)
{
    struct gw_balancer_endpoint *endpoints = gw_alloc(count * sizeof(*endpoints));
    uint64_t *tried = gw_alloc((count / 64 + 1) * sizeof(*tried));
    for (size_t i = 0; i < count; i++)
        endpoints[i] = (struct gw_balancer_endpoint){1 + gw_random_below(10), true};
    tried[0] = 1;
    struct gw_balancer *b = ops->create(endpoints, count, 0);
    printf("%-12s %5zu endpoints: first %6.1f ns, retry %8.1f ns\n", ops->name, count,
           ns_per_pick(b, &(struct gw_pick){0}), ns_per_pick(b, &(struct gw_pick){.tried = tried}));
    gw_balancer_destroy(b);
    free(endpoints);
    free(tried);
}

int main(void)
{
    static const size_t counts[] = {2, 3, 10, 100, 1000};
    for (size_t i = 0; gw_balancers[i] != NULL; i++) {
        for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++)
            run(gw_balancers[i], counts[k]);
    }
    return 0;
}
