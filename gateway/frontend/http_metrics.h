/* The series that count requests and calls: which number each one has. */
#ifndef GW_FRONTEND_HTTP_METRICS_H
#define GW_FRONTEND_HTTP_METRICS_H

#include "metrics/metrics.h"
#include "runtime/snapshot.h"

struct gw_http_metrics;

/* What http_limits_total{limit} counts: that a client met a limit. */
enum gw_limit {
    GW_LIMIT_CONNECTIONS,
    GW_LIMIT_CONNECTIONS_PER_ADDRESS,
    GW_LIMIT_HEADERS,
    GW_LIMIT_REQUEST_BODY,
    GW_LIMIT_REQUEST_MEMORY,
    GW_LIMIT_REQUEST_MEMORY_PER_CONNECTION,
    GW_LIMIT_CONCURRENT_STREAMS,
    GW_LIMIT_EARLY_RESETS,
    GW_LIMIT_CONTROL_FRAMES,
    GW_LIMIT_HANDSHAKE_TIMEOUT,
    GW_LIMIT_HEADER_TIMEOUT,
    GW_LIMIT_BODY_TIMEOUT,
    GW_LIMIT_WRITE_TIMEOUT,
    GW_LIMIT_IDLE_TIMEOUT,
    GW_LIMIT_STREAM_IDLE_TIMEOUT,
    GW_LIMIT_COUNT
};

/* Registers http_* and rpc_* series for every route and method of the snapshot. */
struct gw_http_metrics *gw_http_metrics_create(struct gw_metrics *metrics,
                                               const struct gw_snapshot *snapshot);
void gw_http_metrics_destroy(struct gw_http_metrics *m);

/* A request has been answered; route is NULL where none matched, `method` is the client's. */
void gw_http_metrics_count_request(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                   const struct gw_route *route, struct gw_slice method, int status,
                                   uint64_t duration_ns);
/* A gRPC call has ended. */
void gw_http_metrics_count_call(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                const struct gw_route *route, int grpc_status,
                                uint64_t duration_ns);

/* A gRPC call was cancelled because its client has left, which is no error. */
void gw_http_metrics_count_cancelled(const struct gw_http_metrics *m,
                                     struct gw_metrics_shard *shard, const struct gw_route *route,
                                     uint64_t duration_ns);

void gw_http_metrics_count_limit(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                 enum gw_limit limit);

/* Appends the "methods" object of /stats. */
void gw_http_metrics_stats(const struct gw_http_metrics *m, struct gw_buf *out);

#endif
