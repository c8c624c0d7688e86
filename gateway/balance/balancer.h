/* Balancing strategies: which endpoint of an upstream gets the next call.
 *
 * A strategy is pure. It knows endpoints as indexes 0 .. count - 1 with weights, is told which are
 * eligible, and picks. A balancer is worker-local: each worker has its own, started at another
 * position, so that no line of memory is shared and each worker by itself keeps to the weights.
 *
 * To add one: write its .c file with a `const struct gw_balancer_ops`, name it in balancer.c's
 * array, add its test. */
#ifndef GW_BALANCE_BALANCER_H
#define GW_BALANCE_BALANCER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define GW_BALANCER_NONE (-1)

struct gw_balancer_endpoint {
    uint32_t weight;  /* at least 1 */
    bool is_eligible; /* not unhealthy, not ejected */
};

struct gw_pick {
    const uint64_t *tried; /* bit set of endpoints that this call has tried, or NULL: none */
    uint64_t hash;         /* of the call, for strategies that want one; 0 where there is none */
};

static inline bool gw_pick_was_tried(const struct gw_pick *pick, size_t endpoint)
{
    return pick->tried != NULL && (pick->tried[endpoint / 64] >> endpoint % 64 & 1);
}

struct gw_balancer; /* each strategy begins its own struct with this one */

struct gw_balancer_ops {
    const char *name; /* as in the configuration; required, as every slot but began and ended */
    /* `endpoints` is borrowed. `first`, below `count`, is where to begin, as far as weights and
     * eligibility leave a choice. */
    struct gw_balancer *(*create)(const struct gw_balancer_endpoint *endpoints, size_t count,
                                  size_t first);
    /* An eligible endpoint that was not tried, or GW_BALANCER_NONE. */
    int (*pick)(struct gw_balancer *self, const struct gw_pick *pick);
    /* A try on `endpoint` began, ended (after duration_us; failed: by connection, or with
     * UNAVAILABLE). */
    void (*began)(struct gw_balancer *self, size_t endpoint);
    void (*ended)(struct gw_balancer *self, size_t endpoint, uint64_t duration_us, bool failed);
    /* The same endpoints with other eligibility or weights, or another set: endpoints keep no
     * identity. */
    void (*endpoints_changed)(struct gw_balancer *self,
                              const struct gw_balancer_endpoint *endpoints, size_t count);
    void (*destroy)(struct gw_balancer *self);
};

struct gw_balancer {
    const struct gw_balancer_ops *ops;
};

/* All strategies, ending with NULL. */
extern const struct gw_balancer_ops *const gw_balancers[];

/* NULL where there is none of that name. */
const struct gw_balancer_ops *gw_balancer_find(struct gw_slice name);

/* `first` for one of the balancers of an upstream: workers begin apart from each other, all of them
 * `beginning` endpoints on, which is the same number for all workers and another one in each
 * process. */
static inline size_t gw_balancer_first(size_t count, uint32_t beginning, uint32_t worker,
                                       uint32_t worker_count)
{
    return count == 0 ? 0 : (beginning % count + count * worker / worker_count) % count;
}

static inline int gw_balancer_pick(struct gw_balancer *b, const struct gw_pick *pick)
{
    return b->ops->pick(b, pick);
}

static inline void gw_balancer_began(struct gw_balancer *b, size_t endpoint)
{
    if (b->ops->began != NULL)
        b->ops->began(b, endpoint);
}

static inline void gw_balancer_ended(struct gw_balancer *b, size_t endpoint, uint64_t duration_us,
                                     bool failed)
{
    if (b->ops->ended != NULL)
        b->ops->ended(b, endpoint, duration_us, failed);
}

static inline void gw_balancer_endpoints_changed(struct gw_balancer *b,
                                                 const struct gw_balancer_endpoint *endpoints,
                                                 size_t count)
{
    b->ops->endpoints_changed(b, endpoints, count);
}

/* NULL is allowed. */
static inline void gw_balancer_destroy(struct gw_balancer *b)
{
    if (b != NULL)
        b->ops->destroy(b);
}

#endif
