#include "frontend/exchange.h"

#include "base/clock.h"
#include "base/recycle.h"
#include "frontend/cors.h"
#include "frontend/error_stream.h"
#include "frontend/exchange_internal.h"
#include "frontend/files.h"
#include "frontend/grpc.h"
#include "frontend/hooked.h"
#include "frontend/http1.h"
#include "frontend/http_target.h"
#include "frontend/request_stream.h"
#include "frontend/stream.h"
#include "frontend/streaming.h"
#include "frontend/websocket.h"
#include "transcode/transcode.h"

/* --- the end --- */

static struct gw_slice slice_of(h2o_iovec_t v)
{
    return gw_slice(v.base, v.len);
}

static struct gw_slice path_of(const h2o_req_t *req)
{
    size_t length = req->input.query_at != SIZE_MAX ? req->input.query_at : req->input.path.len;
    return gw_slice(req->input.path.base, length);
}

static void log_access(const struct gw_exchange *x, uint64_t duration_ns)
{
    gw_access_log_write(x->worker->access_log,
                        &(struct gw_access_log_entry){
                            .time_us = gw_clock_wall_us() - (int64_t)(duration_ns / 1000),
                            .method = slice_of(x->req->input.method),
                            .path = path_of(x->req),
                            .route = x->route ? x->route->template : (struct gw_slice){0},
                            .status = x->req->res.status,
                            .grpc_status = x->grpc_status,
                            .error = x->error,
                            .upstream = x->report.upstream,
                            .endpoint = x->report.endpoint,
                            .tries = x->report.tries,
                            .duration_us = duration_ns / 1000,
                            .bytes_in = x->body != NULL ? x->body->received : 0,
                            .bytes_out = x->req->bytes_sent,
                            .trace_id = x->headers.trace.x_trace_id,
                            .request_id = x->headers.request_id,
                            .remote_addr = x->headers.client_address,
                            .tls_version = h2o_socket_get_ssl_protocol_version(x->connection->sock),
                            .tls_client = x->connection->tls.client,
                            .ctx = gw_hooked_ctx(x),
                        });
}

static void finish(struct gw_exchange *x)
{
    gw_exchange_cancel_call(x);
    gw_hooked_drop(x);
    gw_task_cancel(x->worker->loop, &x->leave);
    gw_stream_dispose(x->stream);
    gw_exchange_dispose_translations(x);
    gw_answer_memory_dispose(&x->memory);
    gw_buf_dispose(&x->json);
    gw_request_stream_dispose(x->request_stream);
    if (x->watching)
        h2o_socket_dont_read(x->req->conn->callbacks->get_socket(x->req->conn), 0);
    if (x->req->res.status == 0)
        x->req->res.status = 499; /* the connection went before there was an answer */
    if (gw_exchange_is_http1(x))
        gw_http1_request_done(x->connection, x->req);
    if (x->is_handed_over)
        return;
    uint64_t duration_ns = gw_clock_ns() - x->began_ns;
    gw_http_metrics_count_request(x->worker->frontend->http_metrics, x->worker->shard, x->route,
                                  slice_of(x->req->input.method), x->req->res.status, duration_ns);
    if (x->worker->access_log != NULL)
        log_access(x, duration_ns);
}

static void on_dispose(void *arg)
{
    struct gw_exchange *x = *(struct gw_exchange **)arg;
    struct gw_recycler *recycler = gw_loop_recycler(x->worker->loop);
    finish(x);
    gw_recycler_free(recycler, x);
}

static struct gw_exchange *begin(h2o_req_t *req)
{
    struct gw_worker *worker = gw_worker_of(req->conn->ctx);
    struct gw_exchange *x = gw_recycler_alloc(gw_loop_recycler(worker->loop), sizeof(*x));
    struct gw_exchange **holder = h2o_mem_alloc_shared(&req->pool, sizeof(x), on_dispose);
    *holder = x;
    x->req = req;
    x->worker = worker;
    x->connection = gw_connection_of(req->conn);
    if (gw_exchange_is_http1(x))
        gw_http1_request_begun(x->connection, x);
    x->route = NULL;
    x->upstream = 0;
    x->cors = gw_snapshot_cors(x->worker->frontend->snapshot);
    x->began_ns = gw_clock_ns();
    x->body = NULL;
    x->call = NULL;
    x->report = (struct gw_call_report){0};
    x->grpc_status = -1;
    x->error = (struct gw_slice){0};
    x->json = gw_buf_in_pool(&req->pool);
    gw_answer_memory_init(&x->memory, &x->connection->memory, gw_exchange_on_settled);
    x->lacks_memory = false;
    x->message_count = 0;
    x->message_error.status = GW_OK;
    x->translation = x->translated_request = NULL;
    x->match = NULL;
    x->wants_websocket = false;
    x->hook_phases = 0;
    x->hooked = NULL;
    x->framed = (struct gw_slice){0};
    x->stream = NULL;
    x->request_stream = NULL;
    x->deadline_ms = 0;
    x->stream_format = NULL;
    x->leave = (struct gw_task){.fn = gw_exchange_on_leave};
    x->watching = false;
    x->is_handed_over = false;
    gw_request_headers_read(req, &x->worker->frontend->header_kinds, x->worker->frontend->config,
                            &x->connection->peer, x->connection->tls.client, &x->headers);
    if (x->headers.protocol != GW_PROTOCOL_REST)
        gw_grpc_init(x);
    return x;
}

/* --- requests --- */

/* `http://host/path` instead of `/path`, RFC 9112 section 3.2.2: its host counts, not Host. Where
 * HTTP/1.0 has neither, libh2o makes up one. */
static void take_target(h2o_req_t *req)
{
    if (req->input.authority.base == req->conn->hosts[0]->authority.hostport.base)
        req->input.authority.len = 0;
    struct gw_slice authority, path, target = slice_of(req->input.path);
    if (gw_slice_starts_with(target, GW_SLICE("/")) ||
        !gw_http_split_absolute(target, &authority, &path))
        return;
    if (!gw_slice_starts_with(path, GW_SLICE("/")))
        path = gw_pool_printf(&req->pool, "/%.*s", GW_SLICE_ARG(path));
    req->input.authority = h2o_iovec_init(authority.base, authority.len);
    req->input.path = h2o_iovec_init(path.base, path.len);
    const char *query = memchr(path.base, '?', path.len);
    req->input.query_at = query != NULL ? (size_t)(query - path.base) : SIZE_MAX;
}

void gw_exchange_count_limit(const struct gw_exchange *x, enum gw_limit limit)
{
    gw_http_metrics_count_limit(x->worker->frontend->http_metrics, x->worker->shard, limit);
}

static void answer_fault(struct gw_exchange *x, const struct gw_request_fault *fault)
{
    if (fault->http_status == 431)
        gw_exchange_count_limit(x, GW_LIMIT_HEADERS);
    else if (fault->http_status == 413)
        gw_exchange_count_limit(x, GW_LIMIT_REQUEST_BODY);
    if (gw_exchange_is_http1(x)) {
        x->req->http1_is_persistent = 0;
        gw_connection_linger(x->connection);
    }
    gw_exchange_answer_error(x, fault->http_status, gw_status_of_http_error(fault->http_status),
                             gw_slice_str(fault->message), (struct gw_slice){0});
}

static struct gw_slice body_too_large(const struct gw_exchange *x)
{
    uint64_t limit = x->worker->frontend->config->limits.request_body_bytes;
    return gw_pool_printf(&x->req->pool, "%s is over %llu bytes",
                          x->headers.protocol == GW_PROTOCOL_REST ? "the body" : "a message",
                          (unsigned long long)limit);
}

void gw_exchange_body_failure(struct gw_exchange *x, struct gw_failure *ret_failure)
{
    *ret_failure = (struct gw_failure){.http_status = 503, .code = GW_UNAVAILABLE};
    switch (x->body->fault) {
    case GW_BODY_TOO_SLOW:
        ret_failure->http_status = 408;
        ret_failure->code = GW_DEADLINE_EXCEEDED;
        ret_failure->message = GW_SLICE("the body did not arrive in time");
        break;
    case GW_BODY_OVER_CONNECTION_MEMORY:
        ret_failure->message = GW_SLICE("the connection's requests take too much memory");
        break;
    case GW_BODY_OVER_MEMORY:
        ret_failure->message = GW_SLICE("no memory for the request");
        break;
    default:
        ret_failure->http_status = 413;
        ret_failure->code = GW_RESOURCE_EXHAUSTED;
        ret_failure->message = body_too_large(x);
        break;
    }
    gw_exchange_count_limit(x, gw_request_body_limit(x->body->fault));
}

struct gw_translate_request gw_exchange_request_of(const struct gw_exchange *x)
{
    const h2o_req_t *req = x->req;
    struct gw_slice path = path_of(req);
    return (struct gw_translate_request){
        .http_method = slice_of(req->input.method),
        .path = path,
        .query = path.len < req->input.path.len
                     ? gw_slice_from(slice_of(req->input.path), path.len + 1)
                     : (struct gw_slice){0},
        .content_type = x->headers.content_type,
        .body = x->body->bytes,
        .body_goes_on = !x->body->is_complete,
    };
}

static void send_unary(struct gw_exchange *x, struct gw_slice framed)
{
    gw_exchange_watch_client(x);
    gw_exchange_start_call(x, &gw_exchange_unary_answer);
    gw_call_request(x->call, GW_REQUEST_ALL);
    gw_call_send(x->call, framed, GW_SEND_END);
}

static void serve_translated(struct gw_exchange *x)
{
    const struct gw_failure *failure;
    struct gw_slice framed = gw_exchange_translated_request(x, &failure);
    if (framed.base == NULL)
        gw_exchange_answer_failure(x, failure);
    else
        send_unary(x, framed);
}

static void serve_unary(struct gw_exchange *x, const struct gw_route_match *match,
                        const struct gw_translate_request *request)
{
    struct gw_slice framed = x->framed;
    struct gw_failure failure;
    if (framed.base != NULL) {
        send_unary(x, framed);
    } else if (gw_exchange_translate_request(x, match, request, serve_translated)) {
        gw_exchange_watch_client(x);
    } else if (gw_route_translate(match, request, &x->req->pool, &framed, &failure) == 0) {
        send_unary(x, framed);
    } else {
        gw_exchange_answer_failure(x, &failure);
    }
}

void gw_exchange_serve_match(struct gw_exchange *x, const struct gw_route_match *match)
{
    const struct gw_method *method = x->route->method;
    struct gw_translate_request request = gw_exchange_request_of(x);
    if (x->wants_websocket)
        gw_websocket_open(x, &request);
    else if (x->headers.protocol != GW_PROTOCOL_REST)
        gw_grpc_serve(x);
    else if (method == NULL)
        gw_files_serve(x);
    else if (method->client_streaming || method->server_streaming)
        gw_streaming_serve(x, match, &request);
    else
        serve_unary(x, match, &request);
}

void gw_exchange_serve(struct gw_exchange *x, const struct gw_route_match *match)
{
    if (x->body->fault != GW_BODY_SOUND) {
        struct gw_failure failure;
        gw_exchange_body_failure(x, &failure);
        gw_exchange_answer_failure(x, &failure);
    } else if (x->hooked != NULL) {
        gw_hooked_request(x);
    } else {
        gw_exchange_serve_match(x, match);
    }
}

bool gw_exchange_refuses_metadata(struct gw_exchange *x)
{
    if (x->headers.fault == GW_METADATA_SOUND || x->route->method == NULL)
        return false;
    gw_exchange_answer_error(x, 400, GW_INVALID_ARGUMENT,
                             gw_request_headers_fault_text(&x->headers, &x->req->pool),
                             (struct gw_slice){0});
    return true;
}

static void on_body(void *arg)
{
    struct gw_exchange *x = arg;
    gw_exchange_serve(x, x->match);
}

void gw_exchange_take_route(struct gw_exchange *x, const struct gw_route *route)
{
    x->route = route;
    x->cors = route->cors;
    x->upstream = route->upstream;
}

/* Whether there is a route; else it is answered. */
static bool find_route(struct gw_exchange *x, struct gw_route_match *match)
{
    struct gw_translate_request request = gw_exchange_request_of(x);
    struct gw_failure failure;
    if (gw_cors_serve_preflight(x, request.path) || gw_websocket_serve(x, &request))
        return false;
    if (gw_snapshot_route(x->worker->frontend->snapshot, &request, &x->req->pool, match,
                          &failure) == 0)
        gw_exchange_take_route(x, match->value);
    if (x->headers.protocol != GW_PROTOCOL_REST)
        return gw_grpc_begin(x, match);
    gw_hooked_begin(x, match);
    if (x->route == NULL) {
        gw_exchange_answer_failure(x, &failure);
        return false;
    }
    return x->route->method == NULL || gw_exchange_take_deadline(x);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    take_target(req);
    struct gw_exchange *x = begin(req);
    x->body = gw_request_body_of(req);
    struct gw_request_fault fault = gw_connection_fault(x->connection, req);
    if (fault.http_status != 0) {
        answer_fault(x, &fault);
        return 0;
    }
    if (x->headers.lacks_http2) {
        gw_exchange_answer_error(x, 415, GW_INVALID_ARGUMENT,
                                 GW_SLICE("gRPC needs HTTP/2; over HTTP/1.1 there is gRPC-Web"),
                                 (struct gw_slice){0});
        return 0;
    }
    struct gw_route_match match;
    if (!find_route(x, &match) || gw_exchange_refuses_metadata(x))
        return 0;
    bool is_read_as_it_comes = !gw_exchange_is_http1(x) && gw_route_takes_messages(x->route);
    if (is_read_as_it_comes || gw_request_body_collect(x->body, on_body, x)) {
        gw_exchange_serve(x, &match);
    } else {
        x->match = h2o_mem_alloc_pool(&req->pool, sizeof(match));
        *x->match = match;
    }
    return 0;
}

/* --- errors that libh2o answers by itself: a body over the limit, broken framing, an unknown
 * expectation --- */

/* The head is all there, and so the route is known. */
static const struct gw_config_cors *cors_of(const struct gw_exchange *x)
{
    struct gw_route_match match;
    return gw_snapshot_match(x->worker->frontend->snapshot, slice_of(x->req->input.method),
                             path_of(x->req), &match)
               ? ((const struct gw_route *)match.value)->cors
               : x->cors;
}

static void on_setup_error_stream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    struct gw_exchange *x = begin(req);
    if (gw_exchange_is_http1(x))
        gw_connection_linger(x->connection);
    if (req->res.status == 413)
        gw_exchange_count_limit(x, GW_LIMIT_REQUEST_BODY);
    struct gw_slice message =
        req->res.status == 413 ? body_too_large(x) : gw_slice_str(req->res.reason);
    x->cors = cors_of(x);
    h2o_setup_next_ostream(req, gw_error_stream_put(x, message, slot));
}

void gw_exchange_register(h2o_hostconf_t *host)
{
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream =
        on_setup_error_stream;
}
