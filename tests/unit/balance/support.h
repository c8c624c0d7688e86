/* What the tests of all strategies share. */
#ifndef TEST_BALANCE_SUPPORT_H
#define TEST_BALANCE_SUPPORT_H

#include "balance/balancer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/random.h"

#define MAX_ENDPOINTS 256

static const struct gw_pick first_pick = {0};

/* `count` eligible endpoints of weights 1 to max_weight. */
static inline void make_endpoints(struct gw_balancer_endpoint *endpoints, size_t count,
                                  uint32_t max_weight)
{
    for (size_t i = 0; i < count; i++)
        endpoints[i] = (struct gw_balancer_endpoint){
            .weight = 1 + gw_random_below(max_weight),
            .is_eligible = true,
        };
}

static inline struct gw_balancer *make_balancer(const char *name,
                                                const struct gw_balancer_endpoint *endpoints,
                                                size_t count, uint32_t worker,
                                                uint32_t worker_count)
{
    const struct gw_balancer_ops *ops = gw_balancer_find(gw_slice_str(name));
    assert_non_null(ops);
    return ops->create(endpoints, count, gw_balancer_first(count, 0, worker, worker_count));
}

static inline void set_tried(uint64_t *tried, size_t endpoint)
{
    tried[endpoint / 64] |= UINT64_C(1) << endpoint % 64;
}

static inline double magnitude(double x)
{
    return x < 0 ? -x : x;
}

#endif
