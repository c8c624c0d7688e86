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
    gw_metric retries;
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
};

struct gw_upstreams {
    struct gw_upstream_set *set;
    struct gw_loop *loop;
    struct gw_metrics_shard *shard;
    struct gw_worker_upstream *upstreams; /* as set->upstreams */
    h2o_linklist_t failed;                /* calls whose end is to be told at the end of the turn */
    bool closing;
};

/* Tells them now. */
void gw_upstream_calls_end_failed(struct gw_upstreams *upstreams);

#endif
