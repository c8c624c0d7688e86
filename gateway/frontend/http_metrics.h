/* The series that count requests and calls: which number each one has. */
#ifndef GW_FRONTEND_HTTP_METRICS_H
#define GW_FRONTEND_HTTP_METRICS_H

#include "metrics/metrics.h"
#include "runtime/snapshot.h"

struct gw_http_metrics;

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

/* Appends the "methods" object of /stats. */
void gw_http_metrics_stats(const struct gw_http_metrics *m, struct gw_buf *out);

#endif
