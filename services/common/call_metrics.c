#include "common/call_metrics.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/strmap.h"

struct method {
    char *path; /* "/user.v1.UserService/GetUser" */
    gw_metric duration;
    gw_metric calls[GW_STATUS_COUNT];
};

struct gw_call_metrics {
    struct gw_metrics_shard *shard;
    struct gw_strmap by_path;
    size_t method_count;
    struct method methods[];
};

static void add_method(struct gw_call_metrics *calls, struct gw_metrics *metrics,
                       const char *service, const char *name, struct method *method)
{
    struct gw_metric_label labels[] = {
        {"service", gw_slice_str(service)},
        {"method", gw_slice_str(name)},
        {"status", {0}},
        {"code", {0}},
    };
    struct gw_buf path = GW_BUF_HEAP;
    gw_buf_printf(&path, "/%s/%s", service, name);
    gw_buf_terminate(&path);
    method->path = path.base;
    for (int code = 0; code < GW_STATUS_COUNT; code++) {
        labels[2].value = gw_slice_str(code == GW_OK ? "success" : "error");
        labels[3].value = gw_slice_str(gw_status_name(code));
        method->calls[code] = gw_metrics_add(metrics, GW_COUNTER, "rpc_calls_total",
                                             "Calls that have ended.", labels, 4);
    }
    method->duration = gw_metrics_add(metrics, GW_HISTOGRAM, "rpc_call_duration_seconds",
                                      "Time from a call's headers to its end.", labels, 2);
    gw_strmap_add(&calls->by_path, gw_buf_slice(&path), method);
}

struct gw_call_metrics *gw_call_metrics_create(struct gw_metrics *metrics,
                                               const ProtobufCServiceDescriptor *service)
{
    struct gw_call_metrics *calls =
        gw_alloc(sizeof(*calls) + service->n_methods * sizeof(calls->methods[0]));
    calls->method_count = service->n_methods;
    for (size_t i = 0; i < calls->method_count; i++)
        add_method(calls, metrics, service->name, service->methods[i].name, &calls->methods[i]);
    gw_metrics_freeze(metrics);
    calls->shard = gw_metrics_shard(metrics, 0);
    return calls;
}

void gw_call_metrics_destroy(struct gw_call_metrics *calls)
{
    if (calls == NULL)
        return;
    for (size_t i = 0; i < calls->method_count; i++)
        free(calls->methods[i].path);
    gw_strmap_dispose(&calls->by_path);
    free(calls);
}

void gw_call_metrics_on_call_end(void *arg, const struct gw_server_call *call, int status,
                                 uint64_t duration_ns)
{
    struct gw_call_metrics *calls = arg;
    const struct method *method = gw_strmap_get(&calls->by_path, gw_server_call_path(call));
    if (method == NULL)
        return;
    int code = status >= 0 && status < GW_STATUS_COUNT ? status : GW_UNKNOWN;
    gw_count(calls->shard, method->calls[code], 1);
    gw_observe(calls->shard, method->duration, duration_ns);
}
