/* What the files of this folder share; nobody else includes it. */
#ifndef GW_UPSTREAM_INTERNAL_H
#define GW_UPSTREAM_INTERNAL_H

#include "balance/balancer.h"
#include "upstream/endpoint.h"
#include "upstream/upstream.h"

/* Shared by all workers. */
struct gw_set_upstream {
    const struct gw_config_upstream *config;
    const struct gw_balancer_ops *balancer;
    uint32_t beginning; /* random, or all gateways would begin with the first endpoint */
    struct gw_endpoint_metrics *endpoint_metrics; /* as config->endpoints */
    uint32_t *failing_workers; /* likewise; atomic: in how many workers the endpoint fails */
    gw_metric retries[GW_CALL_RETIRED + 1]; /* by enum gw_call_fate; none of GW_CALL_SEEN */
    gw_metric pending;
    /* Calls of all workers that wait for room: touched by those alone, hence apart from the rest,
     * which every call reads. */
    char apart[64];
    uint32_t waiting_count;
};

struct gw_upstream_set {
    struct gw_set_upstream *upstreams;
    size_t count;
    uint32_t worker_count;
    struct gw_metrics *metrics;
    gw_endpoint_change_fn on_change; /* NULL: nobody is told */
    void *on_change_arg;
};

/* One worker's. */
struct gw_worker_upstream {
    struct gw_upstreams *owner;
    const struct gw_set_upstream *shared;
    struct gw_balancer *balancer;
    struct gw_balancer_endpoint *eligibility; /* as config->endpoints */
    struct gw_endpoint **endpoints;           /* likewise */
    uint32_t *waiting_count;                  /* shared->waiting_count */
    uint64_t *passed_over;                    /* bit set, for the duration of a pick */
    /* struct gw_waiter of calls for which all endpoints are full. Those given back go first. */
    h2o_linklist_t given_back, pending;
};

struct gw_upstreams {
    struct gw_upstream_set *set;
    struct gw_loop *loop;
    struct gw_metrics_shard *shard;
    struct gw_worker_upstream *upstreams; /* as set->upstreams */
    h2o_linklist_t failed;                /* calls whose end is to be told at the end of the turn */
    bool closing;
};

/* `endpoint` may have room for them. */
void gw_upstream_serve_pending(struct gw_worker_upstream *u, size_t endpoint);
/* No endpoint is left, or the upstream closes. */
void gw_upstream_fail_pending(struct gw_worker_upstream *u);
/* Tells them now. */
void gw_upstream_calls_end_failed(struct gw_upstreams *upstreams);

#endif
