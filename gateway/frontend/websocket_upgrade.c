#include "frontend/websocket.h"

#include <h2o/http1.h>

#include "base/mem.h"
#include "frontend/hooked.h"
#include "frontend/websocket_handshake.h"
#include "frontend/websocket_internal.h"

static struct gw_metadata copy_metadata(gw_pool *pool, const struct gw_metadata *from)
{
    struct gw_metadatum *items = h2o_mem_alloc_pool(pool, from->count * sizeof(*items));
    for (size_t i = 0; i < from->count; i++) {
        items[i] = from->items[i];
        items[i].name = gw_pool_dup(pool, items[i].name);
        items[i].value = gw_pool_dup(pool, items[i].value);
    }
    return (struct gw_metadata){items, from->count};
}

/* What the request has that is needed after its end. */
static struct gw_websocket *create(const struct gw_exchange *x)
{
    struct gw_websocket *ws = gw_alloc(sizeof(*ws));
    h2o_mem_init_pool(&ws->pool);
    ws->worker = x->worker;
    ws->connection = x->connection;
    ws->route = x->route;
    ws->upstream = x->upstream;
    ws->began_ns = x->began_ns;
    ws->deadline_ms = x->deadline_ms;
    ws->grpc_status = -1;
    ws->trace_id = gw_pool_dup(&ws->pool, x->headers.trace.x_trace_id);
    ws->request_id = gw_pool_dup(&ws->pool, x->headers.request_id);
    ws->remote_addr = gw_pool_dup(&ws->pool, x->headers.client_address);
    ws->metadata = copy_metadata(&ws->pool, &x->headers.metadata);
    ws->message = ws->waiting = ws->writing_from = GW_BUF_HEAP;
    gw_websocket_frames_init(&ws->frames, gw_websocket_config(ws)->limits.request_body_bytes);
    return ws;
}

static const struct gw_route *route_of(const struct gw_route_match *match)
{
    return match->value;
}

static bool streams(const struct gw_route_match *match)
{
    const struct gw_method *method = route_of(match)->method;
    return method != NULL && (method->client_streaming || method->server_streaming);
}

static bool is_better(const struct gw_route_match *match, const struct gw_route_match *than)
{
    return route_of(match)->method == route_of(than)->method &&
           gw_route_takes_messages(route_of(match)) && !gw_route_takes_messages(route_of(than));
}

/* The handshake is always a GET. Of the path's routes whose methods stream: the one for GET, or
 * else the first; but one that takes messages instead of one that does not, to the same method. */
static bool find_route(const struct gw_snapshot *snapshot, struct gw_slice path,
                       struct gw_route_match *ret_match)
{
    struct gw_route_match all, one;
    bool found =
        gw_snapshot_match(snapshot, GW_SLICE("GET"), path, ret_match) && streams(ret_match);
    gw_snapshot_match(snapshot, GW_SLICE(""), path, &all);
    for (size_t i = 0; i < all.allowed_count; i++) {
        if (gw_snapshot_match(snapshot, all.allowed[i], path, &one) && streams(&one) &&
            (!found || is_better(&one, ret_match))) {
            *ret_match = one;
            found = true;
        }
    }
    return found;
}

/* What the client's messages are translated with; the one message itself, where path and query are
 * all of it. */
static int prepare(struct gw_websocket *ws, const struct gw_translate_request *request,
                   gw_pool *pool, struct gw_failure *ret_failure)
{
    struct gw_translate_request own = {
        .path = gw_pool_dup(&ws->pool, request->path),
        .query = gw_pool_dup(&ws->pool, request->query),
    };
    struct gw_route_match match;
    struct gw_slice framed;
    find_route(ws->worker->frontend->snapshot, own.path, &match);
    ws->path = own.path;
    ws->takes = gw_route_takes_messages(ws->route)              ? TAKES_MANY
                : ws->route->binding->body_kind != GW_BODY_NONE ? TAKES_ONE
                                                                : TAKES_NONE;
    if (gw_route_message_source(&match, &own, &ws->pool, &ws->source, ret_failure) != 0)
        return -1;
    if (ws->takes != TAKES_NONE)
        return 0;
    if (gw_route_translate(&match, &own, pool, &framed, ret_failure) != 0)
        return -1;
    gw_buf_append(&ws->message, framed);
    return 0;
}

static void answer_fault(struct gw_exchange *x, const struct gw_request_fault *fault)
{
    if (fault->http_status == 426)
        gw_websocket_add_version(x->req);
    gw_exchange_answer_error(x, fault->http_status, gw_status_of_http_error(fault->http_status),
                             gw_slice_str(fault->message), (struct gw_slice){0});
}

static void upgrade(struct gw_exchange *x, struct gw_websocket *ws)
{
    gw_hooked_drop(x);
    ws->ctx = gw_pool_dup(&ws->pool, gw_hooked_ctx(x));
    gw_exchange_unwatch_client(x);
    x->is_handed_over = true;
    x->req->res.status = 101;
    x->req->res.reason = "Switching Protocols";
    gw_exchange_add_headers(x, (struct gw_slice){0});
    gw_websocket_add_headers(x->req);
    gw_exchange_await_taking(x);
    h2o_http1_upgrade(x->req, NULL, 0, gw_websocket_on_upgraded, ws);
}

void gw_websocket_open(struct gw_exchange *x, const struct gw_translate_request *request)
{
    struct gw_websocket *ws = create(x);
    struct gw_failure failure;
    if (prepare(ws, request, &x->req->pool, &failure) == 0) {
        upgrade(x, ws);
        return;
    }
    gw_websocket_dispose(ws);
    gw_exchange_answer_failure(x, &failure);
}

bool gw_websocket_serve(struct gw_exchange *x, const struct gw_translate_request *request)
{
    struct gw_route_match match;
    if (!gw_websocket_is_asked_for(x->req) || request->body.len > 0 ||
        x->headers.protocol != GW_PROTOCOL_REST ||
        !find_route(x->worker->frontend->snapshot, request->path, &match))
        return false;
    gw_exchange_take_route(x, match.value);
    gw_hooked_begin(x, &match);
    struct gw_request_fault fault = gw_websocket_fault(x->req, x->cors);
    if (fault.http_status != 0) {
        answer_fault(x, &fault);
        return true;
    }
    if (gw_exchange_refuses_metadata(x))
        return true;
    x->wants_websocket = true;
    if (gw_exchange_take_deadline(x))
        gw_exchange_serve(x, &match);
    return true;
}
