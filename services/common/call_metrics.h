/* rpc_calls_total and rpc_call_duration_seconds of a service's methods. */
#ifndef COMMON_CALL_METRICS_H
#define COMMON_CALL_METRICS_H

#include <protobuf-c/protobuf-c.h>

#include "grpc/server.h"
#include "metrics/metrics.h"

struct gw_call_metrics;

/* Registers the series of every method and freezes the registry, which has one shard. `metrics` is
 * borrowed. */
struct gw_call_metrics *gw_call_metrics_create(struct gw_metrics *metrics,
                                               const ProtobufCServiceDescriptor *service);
/* NULL is allowed. */
void gw_call_metrics_destroy(struct gw_call_metrics *calls);

/* For struct gw_grpc_server_options; arg is the struct gw_call_metrics. Calls of other services
 * (health, reflection) are not counted. */
void gw_call_metrics_on_call_end(void *arg, const struct gw_server_call *call, int status,
                                 uint64_t duration_ns);

#endif
