#include "grpc/server_call.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "grpc/server_connection.h"

/* More than HIGH waiting is back pressure, until no more than LOW is. */
#define QUEUE_HIGH ((size_t)64 << 10)
#define QUEUE_LOW ((size_t)32 << 10)
/* Of a request that is already answered. */
#define REST_BYTES ((size_t)64 << 10)

static const struct gw_server_limits *limits(const struct gw_server_call *call)
{
    return &call->connection->server->options.limits;
}

/* --- life --- */

static void on_deadline(struct gw_timer *timer);

struct gw_server_call *gw_server_call_create(struct gw_server_connection *connection,
                                             int32_t stream_id)
{
    struct gw_server_call *call = gw_alloc(sizeof(*call));
    call->connection = connection;
    call->stream_id = stream_id;
    call->started_ns = gw_clock_ns();
    call->deadline.fn = on_deadline;
    call->closed = true;
    h2o_mem_init_pool(&call->pool);
    call->request.metadata.pool = &call->pool;
    call->response.headers.pool = &call->pool;
    call->response.trailers.pool = &call->pool;
    call->response.status = GW_CANCELLED;
    gw_frame_reader_init(&call->request.reader, limits(call)->max_message_bytes);
    TAILQ_INSERT_TAIL(&connection->calls, call, link);
    return call;
}

static void tell_closed(struct gw_server_call *call)
{
    if (call->closed)
        return;
    call->closed = true;
    const struct gw_grpc_server_options *options = &call->connection->server->options;
    if (options->on_call_end != NULL)
        options->on_call_end(options->arg, call, call->response.status,
                             gw_clock_ns() - call->started_ns);
    if (call->method->on_close != NULL)
        call->method->on_close(call->method->arg, call);
}

void gw_server_call_destroy(struct gw_server_call *call)
{
    if (call == NULL)
        return;
    /* Before the handler hears of it, so that nothing it does meets this call again. */
    TAILQ_REMOVE(&call->connection->calls, call, link);
    if (call->is_writable)
        TAILQ_REMOVE(&call->connection->writable, call, writable_link);
    gw_timer_stop(call->connection->server->loop, &call->deadline);
    call->response.finished = true;
    tell_closed(call);
    gw_frame_reader_dispose(&call->request.reader);
    gw_buf_dispose(&call->response.queue);
    h2o_mem_clear_pool(&call->pool);
    free(call);
}

/* --- answering --- */

struct header_list {
    nghttp2_nv *items;
    size_t count;
};

static struct header_list header_list(struct gw_server_call *call, size_t room)
{
    return (struct header_list){h2o_mem_alloc_pool(&call->pool, room * sizeof(nghttp2_nv)), 0};
}

/* Names and values are literals or in the call's pool: nghttp2 need not copy them. */
static void put(struct header_list *list, struct gw_slice name, struct gw_slice value)
{
    list->items[list->count++] = (nghttp2_nv){
        (uint8_t *)name.base,
        (uint8_t *)value.base,
        name.len,
        value.len,
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
}

static void put_all(struct header_list *list, const struct gw_metadata_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        put(list, store->items[i].name, store->items[i].value);
}

#define STATUS_HEADERS 3

static void put_status(struct gw_server_call *call, struct header_list *list)
{
    put(list, GW_SLICE("grpc-status"), gw_pool_printf(&call->pool, "%d", call->response.status));
    if (call->response.message.len > 0)
        put(list, GW_SLICE("grpc-message"), call->response.message);
    if (call->response.details.len > 0)
        put(list, GW_SLICE("grpc-status-details-bin"), call->response.details);
}

/* Headers, and the status too where nothing was written ("Trailers-Only"). */
static void begin_response(struct gw_server_call *call)
{
    bool trailers_only = call->response.finished;
    struct header_list list = header_list(call, 2 + STATUS_HEADERS + call->response.headers.count +
                                                    call->response.trailers.count);
    put(&list, GW_SLICE(":status"), GW_SLICE("200"));
    put(&list, GW_SLICE("content-type"), GW_SLICE("application/grpc"));
    put_all(&list, &call->response.headers);
    if (trailers_only) {
        put_status(call, &list);
        put_all(&list, &call->response.trailers);
    }
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = gw_server_call_read};
    nghttp2_submit_response(call->connection->session, call->stream_id, list.items, list.count,
                            trailers_only ? NULL : &provider);
    call->response.begun = true;
}

static void submit_trailers(struct gw_server_call *call)
{
    struct header_list list = header_list(call, STATUS_HEADERS + call->response.trailers.count);
    put_status(call, &list);
    put_all(&list, &call->response.trailers);
    nghttp2_submit_trailer(call->connection->session, call->stream_id, list.items, list.count);
}

static size_t waiting(const struct gw_server_call *call)
{
    return call->response.queue.len - call->response.sent;
}

ssize_t gw_server_call_read(nghttp2_session *session, int32_t stream_id, uint8_t *out,
                            size_t length, uint32_t *flags, nghttp2_data_source *source,
                            void *connection)
{
    (void)session;
    (void)stream_id;
    (void)out;
    (void)connection;
    struct gw_server_call *call = source->ptr;
    size_t left = waiting(call);
    if (left == 0 && !call->response.finished)
        return NGHTTP2_ERR_DEFERRED;
    size_t n = left < length ? left : length;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == left && call->response.finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(call);
    }
    return (ssize_t)n;
}

struct gw_slice gw_server_call_take(struct gw_server_call *call, size_t length)
{
    struct gw_slice bytes = gw_slice(call->response.queue.base + call->response.sent, length);
    call->response.sent += length;
    call->response.any_sent = true;
    if (call->response.blocked && waiting(call) <= QUEUE_LOW && !call->is_writable) {
        TAILQ_INSERT_TAIL(&call->connection->writable, call, writable_link);
        call->is_writable = true;
    }
    return bytes;
}

static void finish(struct gw_server_call *call, int status, struct gw_slice message,
                   struct gw_slice details)
{
    if (call->response.finished)
        return;
    call->response.finished = true;
    call->response.status = status;
    struct gw_buf text = gw_buf_in_pool(&call->pool), base64 = text;
    gw_grpc_message_encode(&text, message);
    call->response.message = gw_buf_slice(&text);
    gw_base64_encode(&base64, details);
    while (base64.len > 0 && base64.base[base64.len - 1] == '=')
        base64.len--; /* as gRPC writes it */
    call->response.details = gw_buf_slice(&base64);
    if (call->response.begun)
        nghttp2_session_resume_data(call->connection->session, call->stream_id);
    else
        begin_response(call);
    gw_server_connection_flush_later(call->connection);
}

/* Answered by the server itself. */
static void fail(struct gw_server_call *call, int status, struct gw_slice message)
{
    finish(call, status, message, GW_SLICE(""));
}

/* Not a gRPC request: an answer in HTTP's terms. */
static void fail_http(struct gw_server_call *call, struct gw_slice status, struct gw_slice name,
                      struct gw_slice value)
{
    struct header_list list = header_list(call, 2);
    put(&list, GW_SLICE(":status"), status);
    put(&list, name, value);
    call->response.begun = call->response.finished = true;
    nghttp2_submit_response(call->connection->session, call->stream_id, list.items, list.count,
                            NULL);
    gw_server_connection_flush_later(call->connection);
}

/* --- headers --- */

/* "application/grpc", alone or before "+proto" or ";...". */
static bool is_grpc(struct gw_slice content_type)
{
    static const struct gw_slice wanted = {"application/grpc", 16};
    if (!gw_slice_starts_with(content_type, wanted))
        return false;
    return content_type.len == wanted.len || content_type.base[wanted.len] == '+' ||
           content_type.base[wanted.len] == ';';
}

/* What belongs to the protocol is not metadata. */
static bool is_metadata(struct gw_slice name)
{
    return name.base[0] != ':' && !gw_slice_eq(name, GW_SLICE("te")) &&
           !gw_slice_eq(name, GW_SLICE("host")) && !gw_slice_eq(name, GW_SLICE("content-length")) &&
           !gw_slice_eq(name, GW_SLICE("grpc-accept-encoding")) &&
           !gw_slice_eq(name, GW_SLICE("grpc-message-type"));
}

void gw_server_call_receive_header(struct gw_server_call *call, struct gw_slice name,
                                   struct gw_slice value)
{
    call->request.header_count++;
    call->request.header_bytes += name.len + value.len + 32;
    if (call->request.header_bytes > limits(call)->max_header_bytes ||
        call->request.header_count > limits(call)->max_header_count)
        call->request.headers_too_large = true;
    if (call->request.headers_too_large)
        return; /* answered at their end, lest the compression context be lost */
    if (gw_slice_eq(name, GW_SLICE(":path")))
        call->request.path = gw_pool_dup(&call->pool, value);
    else if (gw_slice_eq(name, GW_SLICE(":method")))
        call->request.is_post = gw_slice_eq(value, GW_SLICE("POST"));
    else if (gw_slice_eq(name, GW_SLICE("content-type")))
        call->request.is_grpc = is_grpc(value);
    else if (gw_slice_eq(name, GW_SLICE("grpc-timeout")))
        call->request.timeout = gw_pool_dup(&call->pool, value);
    else if (gw_slice_eq(name, GW_SLICE("grpc-encoding")))
        call->request.encoding = gw_pool_dup(&call->pool, value);
    else if (is_metadata(name))
        gw_metadata_store_add(&call->request.metadata, name, value);
}

static void fail_unknown(struct gw_server_call *call)
{
    struct gw_slice path = call->request.path;
    if (path.len > 0 && path.base[0] == '/')
        path = gw_slice_from(path, 1);
    if (path.len > 256)
        path.len = 256;
    const char *slash = path.len > 0 ? memrchr(path.base, '/', path.len) : NULL;
    struct gw_slice service =
        gw_slice(path.base, slash != NULL ? (size_t)(slash - path.base) : path.len);
    if (gw_strmap_get(&call->connection->server->services, service) == NULL)
        fail(call, GW_UNIMPLEMENTED,
             gw_pool_printf(&call->pool, "unknown service %.*s", GW_SLICE_ARG(service)));
    else
        fail(call, GW_UNIMPLEMENTED,
             gw_pool_printf(&call->pool, "unknown method %.*s", GW_SLICE_ARG(path)));
}

/* false, having answered, where grpc-timeout is malformed or has passed already. */
static bool start_deadline(struct gw_server_call *call)
{
    uint64_t timeout_ns, at_ns;
    if (call->request.timeout.base == NULL)
        return true;
    if (gw_grpc_timeout_parse(call->request.timeout, &timeout_ns) != 0) {
        fail(call, GW_INTERNAL, GW_SLICE("malformed grpc-timeout"));
        return false;
    }
    if (timeout_ns == 0) {
        fail(call, GW_DEADLINE_EXCEEDED, GW_SLICE("the deadline has passed"));
        return false;
    }
    if (__builtin_add_overflow(call->started_ns, timeout_ns, &at_ns))
        return true; /* in centuries */
    gw_timer_start(call->connection->server->loop, &call->deadline,
                   at_ns / 1000000 + (at_ns % 1000000 != 0));
    return true;
}

void gw_server_call_receive_headers_end(struct gw_server_call *call)
{
    struct gw_grpc_server *server = call->connection->server;
    if (call->request.headers_too_large) {
        fail(call, GW_RESOURCE_EXHAUSTED, GW_SLICE("too many or too large headers"));
        return;
    }
    if (!call->request.is_post) {
        fail_http(call, GW_SLICE("405"), GW_SLICE("allow"), GW_SLICE("POST"));
        return;
    }
    if (!call->request.is_grpc) {
        fail_http(call, GW_SLICE("415"), GW_SLICE("accept"), GW_SLICE("application/grpc"));
        return;
    }
    const struct gw_server_method *method = gw_strmap_get(&server->methods, call->request.path);
    if (method == NULL) {
        fail_unknown(call);
        return;
    }
    if (!start_deadline(call))
        return;
    call->method = method;
    call->closed = false;
    if (method->on_start != NULL)
        method->on_start(method->arg, call);
}

/* --- request messages --- */

static void fail_request(struct gw_server_call *call, int reason)
{
    if (reason == GW_FRAME_TOO_LARGE) {
        fail(call, GW_RESOURCE_EXHAUSTED,
             gw_pool_printf(&call->pool, "the request message is longer than %llu bytes",
                            (unsigned long long)limits(call)->max_message_bytes));
    } else if (reason == GW_FRAME_MALFORMED) {
        fail(call, GW_INTERNAL, GW_SLICE("the request is not a sequence of gRPC messages"));
    } else if (call->request.encoding.len == 0 ||
               gw_slice_eq(call->request.encoding, GW_SLICE("identity"))) {
        fail(call, GW_INTERNAL, GW_SLICE("compressed message without grpc-encoding"));
    } else {
        if (!call->response.begun)
            gw_metadata_store_add(&call->response.headers, GW_SLICE("grpc-accept-encoding"),
                                  GW_SLICE("identity"));
        fail(call, GW_UNIMPLEMENTED, GW_SLICE("compression is not supported"));
    }
}

static void end_request(struct gw_server_call *call)
{
    const struct gw_server_method *method = call->method;
    if (gw_frame_reader_held(&call->request.reader) > 0) {
        fail(call, GW_INTERNAL, GW_SLICE("the request ends within a message"));
        return;
    }
    if (!method->client_streaming) {
        if (!call->request.has_message) {
            fail(call, GW_INTERNAL, GW_SLICE("the request has no message"));
            return;
        }
        method->on_message(method->arg, call, call->request.message);
    }
    call->request.all_delivered = true;
    if (method->on_half_close != NULL && !call->response.finished)
        method->on_half_close(method->arg, call);
}

/* Hands out what is there while the answers find room: a peer that does not read its answers does
 * not get its window back. */
static void deliver(struct gw_server_call *call)
{
    struct gw_slice message;
    int rc = GW_FRAME_MESSAGE;
    while (!call->response.finished && !call->response.blocked) {
        rc = gw_frame_reader_next(&call->request.reader, &message);
        if (rc != GW_FRAME_MESSAGE)
            break;
        if (call->method->client_streaming) {
            call->method->on_message(call->method->arg, call, message);
        } else if (call->request.has_message) {
            fail(call, GW_INTERNAL, GW_SLICE("more than one request message"));
        } else {
            call->request.message = gw_pool_dup(&call->pool, message);
            call->request.has_message = true;
        }
    }
    if (rc < 0) {
        fail_request(call, rc);
    } else if (rc == GW_FRAME_MORE) {
        nghttp2_session_consume_stream(call->connection->session, call->stream_id,
                                       call->request.unconsumed);
        call->request.unconsumed = 0;
        if (call->request.half_closed && !call->request.all_delivered)
            end_request(call);
    }
    gw_frame_reader_keep(&call->request.reader);
}

/* The answer is out and more of the request comes. A little is let pass, for many clients take a
 * reset, even without error, for a failure; more is not asked for (RFC 9113 section 8.1). */
static void refuse_rest(struct gw_server_call *call)
{
    if (call->response.ended && call->request.unconsumed > REST_BYTES)
        gw_server_call_reset(call, NGHTTP2_NO_ERROR);
}

void gw_server_call_receive_data(struct gw_server_call *call, struct gw_slice chunk)
{
    call->request.unconsumed += chunk.len;
    if (call->response.finished) {
        refuse_rest(call);
        return;
    }
    gw_frame_reader_feed(&call->request.reader, chunk);
    deliver(call);
    gw_server_connection_flush_later(call->connection);
}

void gw_server_call_receive_end(struct gw_server_call *call)
{
    call->request.half_closed = true;
    if (!call->response.finished)
        deliver(call);
}

void gw_server_call_resume(struct gw_server_call *call)
{
    call->response.blocked = false;
    if (!call->response.finished && call->method->on_writable != NULL)
        call->method->on_writable(call->method->arg, call);
    if (!call->response.finished)
        deliver(call);
}

/* --- the end --- */

void gw_server_call_reset(struct gw_server_call *call, uint32_t error_code)
{
    nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream_id,
                              error_code);
    gw_server_connection_flush_later(call->connection);
}

void gw_server_call_sent_end(struct gw_server_call *call)
{
    call->response.ended = true;
    gw_timer_stop(call->connection->server->loop, &call->deadline);
    tell_closed(call);
    refuse_rest(call);
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_server_call *call = H2O_STRUCT_FROM_MEMBER(struct gw_server_call, deadline, timer);
    bool stuck = call->response.finished || (call->response.any_sent && waiting(call) > 0);
    if (stuck) {
        /* The peer does not read, and a status cannot overtake half a message. */
        gw_server_call_reset(call, NGHTTP2_CANCEL);
        if (!call->response.finished)
            call->response.status = GW_DEADLINE_EXCEEDED;
        call->response.finished = true;
    } else {
        call->response.queue.len = call->response.sent = 0;
        fail(call, GW_DEADLINE_EXCEEDED, GW_SLICE("the deadline has passed"));
    }
    tell_closed(call);
}

/* --- the handler's side --- */

struct gw_slice gw_server_call_path(const struct gw_server_call *call)
{
    return call->request.path;
}

struct gw_metadata gw_server_call_metadata(const struct gw_server_call *call)
{
    return gw_metadata_of(&call->request.metadata);
}

struct gw_slice gw_server_call_peer(const struct gw_server_call *call)
{
    return gw_server_connection_peer(call->connection);
}

gw_pool *gw_server_call_pool(struct gw_server_call *call)
{
    return &call->pool;
}

void **gw_server_call_data(struct gw_server_call *call)
{
    return &call->data;
}

void gw_server_call_add_header(struct gw_server_call *call, struct gw_slice name,
                               struct gw_slice value)
{
    if (!call->response.begun && gw_metadata_is_allowed(name, value))
        gw_metadata_store_add(&call->response.headers, name, value);
}

void gw_server_call_add_trailer(struct gw_server_call *call, struct gw_slice name,
                                struct gw_slice value)
{
    if (!call->response.finished && gw_metadata_is_allowed(name, value))
        gw_metadata_store_add(&call->response.trailers, name, value);
}

bool gw_server_call_is_writable(const struct gw_server_call *call)
{
    return waiting(call) <= QUEUE_HIGH;
}

/* Drops what is sent, where that is cheap. */
static void compact(struct gw_server_call *call)
{
    struct gw_buf *queue = &call->response.queue;
    if (call->response.sent < queue->len / 2 || call->response.sent == 0)
        return;
    gw_buf_consume(queue, call->response.sent);
    call->response.sent = 0;
}

char *gw_server_call_queue(struct gw_server_call *call, size_t length)
{
    assert(length <= UINT32_MAX);
    if (call->response.finished)
        return NULL;
    compact(call);
    struct gw_buf *queue = &call->response.queue;
    char *at = gw_buf_reserve(queue, GW_GRPC_PREFIX_BYTES + length);
    gw_grpc_prefix_write(at, (uint32_t)length);
    queue->len += GW_GRPC_PREFIX_BYTES + length;
    if (!gw_server_call_is_writable(call))
        call->response.blocked = true;
    if (call->response.begun)
        nghttp2_session_resume_data(call->connection->session, call->stream_id);
    else
        begin_response(call);
    gw_server_connection_flush_later(call->connection);
    return at + GW_GRPC_PREFIX_BYTES;
}

bool gw_server_call_write(struct gw_server_call *call, struct gw_slice message)
{
    char *body = gw_server_call_queue(call, message.len);
    if (body != NULL && message.len > 0)
        memcpy(body, message.base, message.len);
    return gw_server_call_is_writable(call);
}

void gw_server_call_finish(struct gw_server_call *call, int status, struct gw_slice message,
                           struct gw_slice details)
{
    finish(call, status, message, details);
}
