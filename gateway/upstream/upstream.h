/* Upstreams: named sets of endpoints behind a balancing strategy. A call names an upstream; this
 * layer picks an endpoint, keeps the connections, and, where a connection fails before the call was
 * seen by the peer, goes on to the next endpoint, to each at most once.
 *
 * struct gw_upstream_set is shared by all workers (immutable but for counters); struct gw_upstreams
 * is one worker's side of it: its connections and its balancers. */
#ifndef GW_UPSTREAM_UPSTREAM_H
#define GW_UPSTREAM_UPSTREAM_H

#include "base/loop.h"
#include "config/config.h"
#include "grpc/call.h"
#include "metrics/metrics.h"

struct gw_upstream_set;
struct gw_upstreams;

/* Registers upstream_* series. `config` is borrowed for life. */
struct gw_upstream_set *gw_upstream_set_create(const struct gw_config_upstream *config,
                                               size_t count, uint32_t worker_count,
                                               struct gw_metrics *metrics);
void gw_upstream_set_destroy(struct gw_upstream_set *set);

/* Longest `reason`, with its zero. */
#define GW_ENDPOINT_REASON_BYTES 160

/* An endpoint has begun to fail in one worker, where it did in none before; or it fails in none any
 * more. `upstream` and `endpoint` are the configuration's; `reason` is for logs, "" where it is
 * back, and valid during the call. */
struct gw_endpoint_change {
    const char *upstream, *endpoint;
    bool is_failing;
    const char *reason;
};
typedef void (*gw_endpoint_change_fn)(void *arg, const struct gw_endpoint_change *change);
/* Tells of changes from here on, on the worker's thread that they happen in. Before the workers'
 * sides are created. */
void gw_upstream_set_watch(struct gw_upstream_set *set, gw_endpoint_change_fn fn, void *arg);

/* Appends the "upstreams" object of /stats. Any thread. */
void gw_upstream_set_stats(const struct gw_upstream_set *set, struct gw_buf *out);

/* One worker's. Opens pool.initial_size connections to each endpoint. Worker-local from here on. */
struct gw_upstreams *gw_upstreams_create(struct gw_upstream_set *set, struct gw_loop *loop,
                                         struct gw_metrics_shard *shard, uint32_t worker);
/* Calls that are left end with UNAVAILABLE, and so do those that begin from here on. */
void gw_upstreams_close(struct gw_upstreams *upstreams);
/* Closes, where that is left to do. NULL is allowed. */
void gw_upstreams_destroy(struct gw_upstreams *upstreams);

/* What a call went through; filled as it goes, final at on_end. */
struct gw_call_report {
    const char *upstream;
    const char *endpoint; /* the last one tried; NULL: none */
    uint32_t tries;
};

/* As described in grpc/call.h. timeout_ms: of one try, which its peer is told; 0 for the
 * upstream's. params->deadline_ms and limit_ms, of the whole call, may be sooner; where they have
 * passed nothing is sent. With GW_NO_TIMEOUT a try lasts as long as the call may, but to wait for a
 * connection is still limited by the upstream's timeout. report: written until the call is over;
 * may be NULL. Where no endpoint can be had, on_end comes at once, in this turn. */
struct gw_call *gw_upstream_call(struct gw_upstreams *upstreams, size_t upstream,
                                 const struct gw_call_params *params, uint64_t timeout_ms,
                                 struct gw_call_report *report);

#endif
