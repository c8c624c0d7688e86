#include "frontend/http_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"

/* Every status that the gateway sends, and those that hooks are likely to; any other counts as the
 * first of its hundred. */
static const int http_codes[] = {101, 200, 201, 202, 203, 204, 206, 300, 301, 302, 303,
                                 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408,
                                 409, 410, 412, 413, 415, 416, 417, 422, 426, 428, 429,
                                 431, 451, 499, 500, 501, 502, 503, 504};
#define CODE_COUNT (sizeof(http_codes) / sizeof(*http_codes))

/* Methods of requests that no route matched; any other counts as the last. */
static const char *const http_methods[] = {"GET",   "POST", "PUT",     "DELETE",
                                           "PATCH", "HEAD", "OPTIONS", "OTHER"};
#define METHOD_COUNT (sizeof(http_methods) / sizeof(*http_methods))

struct route_series {
    gw_metric requests[CODE_COUNT];
    gw_metric duration;
};

struct method_series {
    gw_metric calls[GW_STATUS_COUNT];
    gw_metric cancelled; /* by the client; a backend may say CANCELLED, too */
    gw_metric duration;
};

struct gw_http_metrics {
    const struct gw_metrics *metrics;
    const struct gw_snapshot *snapshot;
    struct route_series *routes; /* by gw_route.index */
    gw_metric unmatched[METHOD_COUNT][CODE_COUNT];
    gw_metric unmatched_duration;
    struct method_series *methods; /* by gw_route.method_index */
    gw_metric limits[GW_LIMIT_COUNT];
};

static const char *const limit_names[GW_LIMIT_COUNT] = {
    [GW_LIMIT_CONNECTIONS] = "connections",
    [GW_LIMIT_CONNECTIONS_PER_ADDRESS] = "connections_per_address",
    [GW_LIMIT_HEADERS] = "headers",
    [GW_LIMIT_REQUEST_BODY] = "request_body",
    [GW_LIMIT_REQUEST_MEMORY] = "request_memory",
    [GW_LIMIT_REQUEST_MEMORY_PER_CONNECTION] = "request_memory_per_connection",
    [GW_LIMIT_CONCURRENT_STREAMS] = "concurrent_streams",
    [GW_LIMIT_EARLY_RESETS] = "early_resets",
    [GW_LIMIT_CONTROL_FRAMES] = "control_frames",
    [GW_LIMIT_HANDSHAKE_TIMEOUT] = "handshake_timeout",
    [GW_LIMIT_HEADER_TIMEOUT] = "header_timeout",
    [GW_LIMIT_BODY_TIMEOUT] = "body_timeout",
    [GW_LIMIT_WRITE_TIMEOUT] = "write_timeout",
    [GW_LIMIT_IDLE_TIMEOUT] = "idle_timeout",
    [GW_LIMIT_STREAM_IDLE_TIMEOUT] = "stream_idle_timeout",
};

static void add_requests(struct gw_metrics *metrics, struct gw_slice route, struct gw_slice method,
                         gw_metric out[CODE_COUNT])
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        char code[8];
        snprintf(code, sizeof(code), "%d", http_codes[i]);
        const struct gw_metric_label labels[] = {
            {"route", route}, {"method", method}, {"code", gw_slice_str(code)}};
        out[i] = gw_metrics_add(metrics, GW_COUNTER, "http_requests_total",
                                "HTTP requests answered.", labels, 3);
    }
}

static gw_metric add_duration(struct gw_metrics *metrics, struct gw_slice route)
{
    const struct gw_metric_label labels[] = {{"route", route}};
    return gw_metrics_add(metrics, GW_HISTOGRAM, "http_request_duration_seconds",
                          "Time from a request's arrival to its answer's end.", labels, 1);
}

static gw_metric add_call(struct gw_metrics *metrics, const struct gw_method *method,
                          struct gw_slice status, int code)
{
    const struct gw_metric_label labels[] = {
        {"service", method->service},
        {"method", method->name},
        {"status", status},
        {"code", gw_slice_str(gw_status_name(code))},
    };
    return gw_metrics_add(metrics, GW_COUNTER, "rpc_calls_total", "gRPC calls ended.", labels, 4);
}

static void add_calls(struct gw_metrics *metrics, const struct gw_method *method,
                      struct method_series *out)
{
    for (int i = 0; i < GW_STATUS_COUNT; i++)
        out->calls[i] =
            add_call(metrics, method, i == GW_OK ? GW_SLICE("success") : GW_SLICE("error"), i);
    out->cancelled = add_call(metrics, method, GW_SLICE("cancelled"), GW_CANCELLED);
    const struct gw_metric_label labels[] = {{"service", method->service},
                                             {"method", method->name}};
    out->duration = gw_metrics_add(metrics, GW_HISTOGRAM, "rpc_call_duration_seconds",
                                   "Time from a gRPC call's start to its status.", labels, 2);
}

struct gw_http_metrics *gw_http_metrics_create(struct gw_metrics *metrics,
                                               const struct gw_snapshot *snapshot)
{
    struct gw_http_metrics *m = gw_alloc(sizeof(*m));
    m->metrics = metrics;
    m->snapshot = snapshot;
    size_t routes = gw_snapshot_route_count(snapshot), methods = gw_snapshot_method_count(snapshot);
    m->routes = gw_alloc(routes * sizeof(*m->routes));
    for (size_t i = 0; i < routes; i++) {
        const struct gw_route *route = gw_snapshot_route_at(snapshot, i);
        add_requests(metrics, route->template, route->http_method, m->routes[i].requests);
        m->routes[i].duration = add_duration(metrics, route->template);
    }
    for (size_t i = 0; i < METHOD_COUNT; i++)
        add_requests(metrics, GW_SLICE("none"), gw_slice_str(http_methods[i]), m->unmatched[i]);
    m->unmatched_duration = add_duration(metrics, GW_SLICE("none"));
    m->methods = gw_alloc(methods * sizeof(*m->methods));
    for (size_t i = 0; i < methods; i++)
        add_calls(metrics, gw_snapshot_method_at(snapshot, i), &m->methods[i]);
    for (int i = 0; i < GW_LIMIT_COUNT; i++) {
        const struct gw_metric_label labels[] = {{"limit", gw_slice_str(limit_names[i])}};
        m->limits[i] = gw_metrics_add(metrics, GW_COUNTER, "http_limits_total",
                                      "Times that a client met a limit.", labels, 1);
    }
    return m;
}

void gw_http_metrics_destroy(struct gw_http_metrics *m)
{
    if (m == NULL)
        return;
    free(m->routes);
    free(m->methods);
    free(m);
}

static size_t code_index(int status)
{
    size_t first = 0;
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (http_codes[i] == status)
            return i;
        if (http_codes[i] / 100 != http_codes[first] / 100 && http_codes[i] / 100 <= status / 100)
            first = i;
    }
    return first;
}

static size_t method_index(struct gw_slice method)
{
    size_t i = 0;
    while (i < METHOD_COUNT - 1 && !gw_slice_eq(method, gw_slice_str(http_methods[i])))
        i++;
    return i;
}

void gw_http_metrics_count_request(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                   const struct gw_route *route, struct gw_slice method, int status,
                                   uint64_t duration_ns)
{
    size_t code = code_index(status);
    if (route != NULL) {
        gw_count(shard, m->routes[route->index].requests[code], 1);
        gw_observe(shard, m->routes[route->index].duration, duration_ns);
    } else {
        gw_count(shard, m->unmatched[method_index(method)][code], 1);
        gw_observe(shard, m->unmatched_duration, duration_ns);
    }
}

void gw_http_metrics_count_call(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                const struct gw_route *route, int grpc_status, uint64_t duration_ns)
{
    const struct method_series *s = &m->methods[route->method_index];
    if (grpc_status < 0 || grpc_status >= GW_STATUS_COUNT)
        grpc_status = GW_UNKNOWN;
    gw_count(shard, s->calls[grpc_status], 1);
    gw_observe(shard, s->duration, duration_ns);
}

void gw_http_metrics_count_cancelled(const struct gw_http_metrics *m,
                                     struct gw_metrics_shard *shard, const struct gw_route *route,
                                     uint64_t duration_ns)
{
    const struct method_series *s = &m->methods[route->method_index];
    gw_count(shard, s->cancelled, 1);
    gw_observe(shard, s->duration, duration_ns);
}

void gw_http_metrics_count_limit(const struct gw_http_metrics *m, struct gw_metrics_shard *shard,
                                 enum gw_limit limit)
{
    gw_count(shard, m->limits[limit], 1);
}

void gw_http_metrics_stats(const struct gw_http_metrics *m, struct gw_buf *out)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p95_ms", 0.95}, {"p99_ms", 0.99}};

    gw_buf_append_byte(out, '{');
    for (size_t i = 0; i < gw_snapshot_method_count(m->snapshot); i++) {
        const struct method_series *s = &m->methods[i];
        uint64_t errors = 0, others = gw_metrics_value(m->metrics, s->calls[GW_OK]) +
                                      gw_metrics_value(m->metrics, s->cancelled);
        for (int code = GW_OK + 1; code < GW_STATUS_COUNT; code++)
            errors += gw_metrics_value(m->metrics, s->calls[code]);
        if (i > 0)
            gw_buf_append_byte(out, ',');
        gw_buf_append_json_string(out, gw_snapshot_method_at(m->snapshot, i)->full_name);
        gw_buf_printf(out, ":{\"calls\":%llu,\"errors\":%llu",
                      (unsigned long long)(others + errors), (unsigned long long)errors);
        for (size_t q = 0; q < sizeof(quantiles) / sizeof(*quantiles); q++) {
            uint64_t ns = gw_metrics_quantile(m->metrics, s->duration, quantiles[q].quantile);
            gw_buf_printf(out, ",\"%s\":%.3f", quantiles[q].name, (double)ns / 1e6);
        }
        gw_buf_append_byte(out, '}');
    }
    gw_buf_append_byte(out, '}');
}
