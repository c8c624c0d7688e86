#include "frontend/http2_stream.h"

#include <stdlib.h>

#include "base/digits.h"
#include "base/mem.h"
#include "base/recycle.h"
#include "frontend/connection.h"
#include "frontend/http2_guard.h"
#include "frontend/http_target.h"
#include "grpc/hpack_literal.h"

/* A list of headers this many times over the limit is not worth an answer. */
#define HEADER_BOMB_FACTOR 4

/* How long a client may go on to send a request that is answered. */
#define LEFTOVER_MS 1000

_Static_assert(sizeof(struct gw_http2_stream) <= GW_RECYCLE_MAX, "requests recycle their memory");

static struct gw_http2_stream *stream_of(const h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, req, req);
}

/* --- life --- */

static void grant(struct gw_request_body *body, size_t n)
{
    struct gw_http2_stream *stream =
        H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, request.body, body);
    stream->request.granted += n;
    nghttp2_session_consume_stream(stream->session->nghttp2, stream->id, n);
    gw_http2_flush_later(stream->session);
}

static void send_answer(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                        h2o_send_state_t state);

struct gw_http2_stream *gw_http2_stream_create(struct gw_http2_session *session, int32_t id)
{
    static const struct gw_request_body_ops body_ops = {.grant = grant};
    struct gw_http2_stream *stream =
        gw_recycler_alloc(gw_loop_recycler(session->worker->loop), sizeof(*stream));
    memset(stream, 0, offsetof(struct gw_http2_stream, req));
    stream->session = session;
    stream->id = id;
    stream->began_ms = gw_http2_now_ms(session);
    gw_request_body_init(&stream->request.body, &body_ops,
                         gw_http2_limits(session)->request_body_bytes,
                         &gw_connection_of(&session->super)->memory);
    stream->response.final.do_send = send_answer;
    h2o_init_request(&stream->req, &session->super, NULL);
    stream->req._ostr_top = &stream->response.final;
    h2o_linklist_insert(&session->streams, &stream->link);
    session->stream_count++;
    session->idle_since_ms = 0;
    return stream;
}

static void unlink_if_linked(h2o_linklist_t *link)
{
    if (h2o_linklist_is_linked(link))
        h2o_linklist_unlink(link);
}

static bool is_leftover(const struct gw_http2_stream *stream)
{
    return stream->answered_ms != 0;
}

static void dispose_request(struct gw_http2_stream *stream)
{
    struct gw_http2_session *session = stream->session;
    h2o_linklist_unlink(&stream->link);
    unlink_if_linked(&stream->news);
    unlink_if_linked(&stream->writable);
    if (--session->stream_count == 0)
        session->idle_since_ms = gw_http2_now_ms(session);
    h2o_dispose_request(&stream->req);
    gw_request_body_dispose(&stream->request.body);
}

void gw_http2_stream_destroy(struct gw_http2_stream *stream)
{
    if (stream == NULL)
        return;
    struct gw_http2_session *session = stream->session;
    if (session->head_of == stream)
        session->head_of = NULL;
    if (is_leftover(stream)) {
        h2o_linklist_unlink(&stream->link);
        session->leftover_count--;
    } else {
        dispose_request(stream);
    }
    gw_recycler_free(gw_loop_recycler(session->worker->loop), stream);
}

static void reset(struct gw_http2_stream *stream, uint32_t error_code)
{
    nghttp2_submit_rst_stream(stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, error_code);
    gw_http2_flush_later(stream->session);
}

struct gw_request_body *gw_http2_request_body(h2o_req_t *req)
{
    return &stream_of(req)->request.body;
}

struct gw_request_fault gw_http2_fault(const h2o_req_t *req)
{
    return stream_of(req)->request.fault;
}

void gw_http2_reset(h2o_req_t *req)
{
    reset(stream_of(req), NGHTTP2_CANCEL);
}

void gw_http2_end_when_answered(h2o_req_t *req)
{
    stream_of(req)->response.ends_request = true;
}

/* --- the request's headers; nghttp2 has checked their form --- */

static h2o_iovec_t copy(struct gw_http2_stream *stream, struct gw_slice s)
{
    return h2o_strdup(&stream->req.pool, s.base, s.len);
}

static void fault(struct gw_http2_stream *stream, int http_status, const char *message)
{
    if (stream->request.fault.http_status == 0)
        stream->request.fault = (struct gw_request_fault){http_status, message};
}

static void pseudo_header(struct gw_http2_stream *stream, struct gw_slice name,
                          struct gw_slice value)
{
    h2o_req_t *req = &stream->req;
    if (gw_slice_eq(name, GW_SLICE(":method")))
        req->input.method = copy(stream, value);
    else if (gw_slice_eq(name, GW_SLICE(":path")))
        req->input.path = copy(stream, value);
    else if (gw_slice_eq(name, GW_SLICE(":authority")))
        req->input.authority = copy(stream, value);
    else if (!gw_slice_eq_nocase(value, GW_SLICE("http")) &&
             !gw_slice_eq_nocase(value, GW_SLICE("https")))
        fault(stream, 400, ":scheme is neither http nor https");
}

/* Crumbs become one header (RFC 9113 section 8.2.3). */
static void add_cookie(struct gw_http2_stream *stream, struct gw_slice value)
{
    struct gw_buf *cookie = &stream->request.cookie;
    cookie->pool = &stream->req.pool;
    if (cookie->len > 0)
        gw_buf_append(cookie, GW_SLICE("; "));
    gw_buf_append(cookie, value);
}

/* As libh2o's HTTP/1.1, which keeps what concerns the connection and the framing to itself. */
static void regular_header(struct gw_http2_stream *stream, struct gw_slice name,
                           struct gw_slice value)
{
    h2o_req_t *req = &stream->req;
    const h2o_token_t *token = h2o_lookup_token(name.base, name.len);
    if (token == H2O_TOKEN_COOKIE) {
        add_cookie(stream, value);
    } else if (token == H2O_TOKEN_CONTENT_LENGTH) {
        size_t length = h2o_strtosize(value.base, value.len);
        stream->request.body.announced = length != SIZE_MAX ? length : 0;
    } else if (token == H2O_TOKEN_HOST) {
        stream->request.host = gw_pool_dup(&req->pool, value);
    } else if (token == H2O_TOKEN_EXPECT) {
        stream->request.expects_continue = gw_slice_eq_nocase(value, GW_SLICE("100-continue"));
        if (!stream->request.expects_continue)
            fault(stream, 417, "unknown expectation");
    } else if (token == NULL) {
        h2o_add_header_by_str(&req->pool, &req->headers, copy(stream, name).base, name.len, 0, NULL,
                              copy(stream, value).base, value.len);
    } else if (!token->is_init_header_special) {
        h2o_add_header(&req->pool, &req->headers, token, NULL, copy(stream, value).base, value.len);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Which makes a request malformed (RFC 9113 section 8.2.1), but gRPC's own libraries send it. */
static bool has_space_around(struct gw_slice value)
{
    return value.len > 0 && (is_blank(value.base[0]) || is_blank(value.base[value.len - 1]));
}

void gw_http2_stream_header(struct gw_http2_stream *stream, struct gw_slice name,
                            struct gw_slice value)
{
    const struct gw_config_limits *limits = gw_http2_limits(stream->session);
    stream->request.header_bytes += name.len + value.len + 32;
    if (has_space_around(value))
        value = gw_slice_trim(value);
    if (stream->request.header_bytes > HEADER_BOMB_FACTOR * limits->header_bytes) {
        gw_http2_over_limit(stream->session, GW_LIMIT_HEADERS, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    if (stream->request.has_headers)
        return; /* trailers, of which nobody makes use */
    if (stream->request.header_bytes > limits->header_bytes)
        fault(stream, 431, "the request's headers are too large");
    if (name.base[0] == ':')
        pseudo_header(stream, name, value);
    else if (++stream->request.header_count > limits->header_count)
        fault(stream, 431, "the request has too many headers");
    else if (stream->request.fault.http_status == 0)
        regular_header(stream, name, value);
}

static void check_authority(struct gw_http2_stream *stream)
{
    h2o_iovec_t *authority = &stream->req.input.authority;
    struct gw_slice host = stream->request.host;
    if (authority->len == 0)
        *authority = h2o_iovec_init(host.base, host.len);
    else if (host.len > 0 && !gw_slice_eq_nocase(gw_slice(authority->base, authority->len), host))
        fault(stream, 400, ":authority and Host differ");
    if (!gw_http_is_authority(gw_slice(authority->base, authority->len)))
        fault(stream, 400, "an :authority that is no host");
}

static void check_path(struct gw_http2_stream *stream)
{
    const h2o_req_t *req = &stream->req;
    struct gw_slice path = gw_slice(req->input.path.base, req->input.path.len);
    if (gw_http_has_fragment(path))
        fault(stream, 400, "the request's target has a fragment");
    else if (!gw_http_is_path(gw_slice(req->input.method.base, req->input.method.len), path))
        fault(stream, 400, "the request's target is no path");
}

static void tell_later(struct gw_http2_stream *stream)
{
    if (!h2o_linklist_is_linked(&stream->news))
        h2o_linklist_insert(&stream->session->news, &stream->news);
}

void gw_http2_stream_headers_end(struct gw_http2_stream *stream)
{
    h2o_req_t *req = &stream->req;
    stream->request.has_headers = true;
    req->version = 0x200;
    req->input.scheme =
        stream->session->sock->ssl != NULL ? &H2O_URL_SCHEME_HTTPS : &H2O_URL_SCHEME_HTTP;
    if (req->input.path.len == 0) {
        req->input.path = h2o_iovec_init(H2O_STRLIT("/"));
        fault(stream, 400, "CONNECT is not supported");
    }
    check_path(stream);
    check_authority(stream);
    if (stream->request.cookie.len > 0)
        h2o_add_header(&req->pool, &req->headers, H2O_TOKEN_COOKIE, NULL,
                       stream->request.cookie.base, stream->request.cookie.len);
    tell_later(stream);
}

/* --- the request's body --- */

static bool is_answered(const struct gw_http2_stream *stream)
{
    return stream->response.has_begun && stream->response.state != H2O_SEND_STATE_IN_PROGRESS;
}

/* What is left of a request is not asked for any more (RFC 9113 section 8.1). The stream is gone.
 */
static void cut_short(struct gw_http2_stream *stream)
{
    nghttp2_session_set_stream_user_data(stream->session->nghttp2, stream->id, NULL);
    reset(stream, NGHTTP2_NO_ERROR);
    gw_http2_stream_destroy(stream);
}

/* Many clients read an answer only when they have sent their request, or take a reset, even one
 * without error, for a failure: they may send on for a while, and what comes is dropped. */
static void drop_rest(struct gw_http2_stream *stream)
{
    uint64_t n = stream->request.body.received - stream->request.granted;
    if (stream->response.ends_request || stream->request.has_ended || n == 0)
        return;
    if (gw_http2_guard_drop(stream->session, n))
        grant(&stream->request.body, n);
    else if (is_leftover(stream))
        cut_short(stream);
}

void gw_http2_stream_data(struct gw_http2_stream *stream, struct gw_slice chunk)
{
    struct gw_request_body *body = &stream->request.body;
    if (is_answered(stream)) {
        body->received += chunk.len;
        drop_rest(stream);
        return;
    }
    bool was_sound = body->fault == GW_BODY_SOUND;
    gw_request_body_receive(body, chunk);
    bool is_read = stream->request.is_at_handler && !body->collects;
    if (is_read && was_sound && body->fault != GW_BODY_SOUND) {
        gw_http2_count_limit(stream->session, gw_request_body_limit(body->fault));
        reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    tell_later(stream);
}

void gw_http2_stream_end(struct gw_http2_stream *stream)
{
    stream->request.has_ended = true;
    if (is_leftover(stream))
        return;
    gw_request_body_end(&stream->request.body);
    tell_later(stream);
}

/* The handler has seen the headers, and goes on to wait for the body. */
static void invite_body(struct gw_http2_stream *stream)
{
    static const nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"100", 7, 3,
                                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    if (stream->response.has_begun || stream->request.has_ended ||
        stream->request.body.received > 0)
        return;
    stream->response.is_continuing = true;
    nghttp2_submit_headers(stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, NULL, &status,
                           1, NULL);
}

void gw_http2_stream_tell(struct gw_http2_stream *stream)
{
    if (!stream->request.is_at_handler) {
        stream->request.is_at_handler = true;
        h2o_process_request(&stream->req);
        if (stream->request.expects_continue)
            invite_body(stream);
    } else if (!is_answered(stream)) {
        gw_request_body_tell(&stream->request.body);
    }
}

/* --- the answer's headers ---
 *
 * nghttp2 codes those that recur; the others, which are nobody's but this answer's, follow as plain
 * literals, which is cheaper for both sides than Huffman's code. */

void gw_http2_set_trailers(h2o_req_t *req, const h2o_headers_t *trailers)
{
    stream_of(req)->response.trailers = trailers;
}

size_t gw_http2_max_header_list(h2o_req_t *req)
{
    static const uint32_t most = 64 << 10;
    uint32_t theirs = nghttp2_session_get_remote_settings(stream_of(req)->session->nghttp2,
                                                          NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    return theirs < most ? theirs : most;
}

struct header_list {
    nghttp2_nv *items;
    size_t count;
};

static void put(struct header_list *list, struct gw_slice name, struct gw_slice value,
                uint8_t flags)
{
    flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    list->items[list->count++] =
        (nghttp2_nv){(uint8_t *)name.base, (uint8_t *)value.base, name.len, value.len, flags};
}

/* A name that libh2o does not know has mostly a value of this request alone, which would only push
 * others out of the compression table. */
static bool is_own(const h2o_header_t *h)
{
    return !h2o_iovec_is_token(h->name);
}

/* Of a connection in HTTP/1.1; and the date, which is ours. */
static bool is_dropped(const h2o_header_t *h)
{
    return !is_own(h) && ((const h2o_token_t *)h->name)->proxy_should_drop_for_res;
}

static struct gw_slice name_of(const h2o_header_t *h)
{
    return gw_slice(h->name->base, h->name->len);
}

static struct gw_slice value_of(const h2o_header_t *h)
{
    return gw_slice(h->value.base, h->value.len);
}

static void put_all(struct header_list *list, const h2o_headers_t *headers, bool with_own)
{
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *h = &headers->entries[i];
        if (is_own(h) ? with_own : !is_dropped(h))
            put(list, name_of(h), value_of(h), is_own(h) ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
    }
}

/* For status, date, server and content-length. */
#define FIXED_BYTES 256

static size_t headers_bound(const h2o_headers_t *headers)
{
    size_t bytes = FIXED_BYTES;
    for (size_t i = 0; i < headers->size; i++)
        bytes +=
            gw_hpack_literal_bound(name_of(&headers->entries[i]), value_of(&headers->entries[i]));
    return bytes;
}

void gw_http2_stream_append_literals(struct gw_http2_stream *stream)
{
    const h2o_headers_t *headers = &stream->req.res.headers;
    struct gw_buf *bytes = &stream->session->output.bytes;
    char *to = gw_buf_reserve(bytes, headers_bound(headers));
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *h = &headers->entries[i];
        if (is_own(h))
            to = gw_hpack_put_literal(to, name_of(h), value_of(h), false);
    }
    bytes->len = (size_t)(to - bytes->base);
    stream->response.has_literals = false;
}

/* The loop's time to the second; the text that libh2o has of it lives on with the request. */
static struct gw_slice date_of(h2o_req_t *req)
{
    h2o_timestamp_t *at = &req->processed_at;
    if (h2o_get_timestamp(req->conn->ctx, NULL, NULL)->tv_sec != at->at.tv_sec)
        h2o_get_timestamp(req->conn->ctx, &req->pool, at);
    return gw_slice(at->str->rfc1123, H2O_TIMESTR_RFC1123_LEN);
}

static ssize_t read_data(nghttp2_session *nghttp2, int32_t id, uint8_t *out, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *arg);

static bool is_bodiless(const h2o_req_t *req)
{
    return req->res.status == 204 || req->res.status == 304 ||
           h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
}

/* Fields that every answer may have, and room for those of most. */
#define OWN_FIELDS 4
#define USUAL_FIELDS 32

static void put_own(struct gw_http2_stream *stream, struct header_list *list)
{
    h2o_req_t *req = &stream->req;
    const h2o_iovec_t *server = &req->conn->ctx->globalconf->server_name;
    char *status = stream->response.status, *length = stream->response.content_length;
    gw_digits_put_3(status, (uint32_t)req->res.status);
    put(list, GW_SLICE(":status"), gw_slice(status, 3), 0);
    put(list, GW_SLICE("date"), date_of(req), 0);
    if (server->len > 0)
        put(list, GW_SLICE("server"), gw_slice(server->base, server->len), 0);
    if (req->res.content_length != SIZE_MAX && req->res.status != 204 && req->res.status != 304)
        put(list, GW_SLICE("content-length"),
            gw_slice(length, (size_t)(gw_digits_put(length, req->res.content_length) - length)), 0);
}

static void submit_headers(struct gw_http2_stream *stream)
{
    h2o_req_t *req = &stream->req;
    nghttp2_nv usual[USUAL_FIELDS];
    size_t room = OWN_FIELDS + req->res.headers.size;
    struct header_list list = {
        room <= USUAL_FIELDS ? usual : h2o_mem_alloc_pool(&req->pool, room * sizeof(*usual)), 0};
    bool is_all = stream->response.state == H2O_SEND_STATE_FINAL &&
                  stream->response.buf_count == 0 && stream->response.trailers == NULL;
    /* After the answer's last frame the stream is gone, and with it what is to be appended. */
    stream->response.has_literals =
        !is_all && headers_bound(&req->res.headers) <= GW_H2_PAYLOAD_BYTES;
    put_own(stream, &list);
    put_all(&list, &req->res.headers, !stream->response.has_literals);
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_data};
    nghttp2_submit_response(stream->session->nghttp2, stream->id, list.items, list.count,
                            is_all ? NULL : &provider);
}

static void submit_trailers(struct gw_http2_stream *stream)
{
    const h2o_headers_t *trailers = stream->response.trailers;
    struct header_list list = {
        h2o_mem_alloc_pool(&stream->req.pool, trailers->size * sizeof(nghttp2_nv)), 0};
    put_all(&list, trailers, true);
    nghttp2_submit_trailer(stream->session->nghttp2, stream->id, list.items, list.count);
}

/* --- the answer's body --- */

static void keep_bufs(struct gw_http2_stream *stream, const h2o_iovec_t *bufs, size_t count)
{
    stream->response.bufs =
        count <= GW_HTTP2_INLINE_BUFS
            ? stream->response.inline_bufs
            : h2o_mem_alloc_pool(&stream->req.pool, count * sizeof(*stream->response.bufs));
    stream->response.buf_count = 0;
    for (size_t i = 0; i < count && !stream->response.is_bodiless; i++) {
        if (bufs[i].len > 0)
            stream->response.bufs[stream->response.buf_count++] = bufs[i];
    }
    if (stream->response.buf_count > 0)
        stream->response.waits_since_ms = gw_http2_now_ms(stream->session);
}

/* The generator goes on when its last piece is framed. */
static void await_next(struct gw_http2_stream *stream)
{
    stream->response.waits_since_ms = 0;
    if (stream->response.state == H2O_SEND_STATE_IN_PROGRESS &&
        !h2o_linklist_is_linked(&stream->writable))
        h2o_linklist_insert(&stream->session->writable, &stream->writable);
}

static void send_answer(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                        h2o_send_state_t state)
{
    (void)self;
    struct gw_http2_stream *stream = stream_of(req);
    bool begins = !stream->response.has_begun;
    stream->response.has_begun = true;
    stream->response.state = state;
    if (begins)
        stream->response.is_bodiless = is_bodiless(req);
    keep_bufs(stream, bufs, count);
    /* libh2o's file handler has no end where a file shrinks while it is sent. */
    bool is_stuck = !begins && !stream->response.is_bodiless &&
                    state == H2O_SEND_STATE_IN_PROGRESS && stream->response.buf_count == 0;
    if (state == H2O_SEND_STATE_ERROR || is_stuck)
        reset(stream, NGHTTP2_INTERNAL_ERROR);
    else if (begins)
        submit_headers(stream);
    else
        nghttp2_session_resume_data(stream->session->nghttp2, stream->id);
    if (stream->response.buf_count == 0 && !is_stuck)
        await_next(stream);
    if (state == H2O_SEND_STATE_FINAL)
        drop_rest(stream);
    gw_http2_flush_later(stream->session);
}

static ssize_t read_data(nghttp2_session *nghttp2, int32_t id, uint8_t *out, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)nghttp2;
    (void)id;
    (void)out;
    (void)arg;
    struct gw_http2_stream *stream = source->ptr;
    size_t count = stream->response.buf_count;
    bool is_final = stream->response.state == H2O_SEND_STATE_FINAL;
    if (count == 0 && !is_final)
        return NGHTTP2_ERR_DEFERRED;
    size_t left = count > 0 ? stream->response.bufs->len : 0;
    size_t n = left < length ? left : length;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (is_final && count <= 1 && n == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->response.trailers != NULL) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(stream);
        }
    }
    return (ssize_t)n;
}

struct gw_slice gw_http2_stream_take(struct gw_http2_stream *stream, size_t length)
{
    if (length == 0)
        return (struct gw_slice){0};
    h2o_iovec_t *buf = stream->response.bufs;
    struct gw_slice bytes = gw_slice(buf->base, length);
    *buf = h2o_iovec_init(buf->base + length, buf->len - length);
    stream->req.bytes_sent += length;
    stream->response.waits_since_ms = gw_http2_now_ms(stream->session);
    if (buf->len == 0) {
        stream->response.bufs++;
        if (--stream->response.buf_count == 0)
            await_next(stream);
    }
    return bytes;
}

static struct gw_http2_stream *oldest_leftover(const struct gw_http2_session *session)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, link, session->leftovers.next);
}

static void keep_leftover(struct gw_http2_stream *stream)
{
    struct gw_http2_session *session = stream->session;
    dispose_request(stream);
    stream->answered_ms = gw_http2_now_ms(session);
    h2o_linklist_insert(&session->leftovers, &stream->link);
    if (++session->leftover_count > gw_http2_limits(session)->concurrent_streams)
        cut_short(oldest_leftover(session));
}

void gw_http2_stream_answered(struct gw_http2_stream *stream)
{
    stream->response.has_ended = true;
    gw_http2_guard_answered(stream->session);
    if (stream->request.has_ended)
        return; /* nghttp2 closes the stream */
    if (stream->response.ends_request)
        cut_short(stream);
    else
        keep_leftover(stream);
}

/* --- time limits --- */

void gw_http2_stream_sweep(struct gw_http2_stream *stream, uint64_t now_ms)
{
    const struct gw_config_limits *limits = gw_http2_limits(stream->session);
    struct gw_request_body *body = &stream->request.body;
    bool is_late = now_ms - stream->began_ms >= limits->body_timeout_ms;
    if (is_late && gw_request_body_is_awaited(body)) {
        gw_request_body_fail(body, GW_BODY_TOO_SLOW);
        gw_request_body_tell(body);
    }
    /* While a write waits for the client, the connection's own limit counts. */
    uint64_t waits_since = stream->response.waits_since_ms;
    if (waits_since != 0 && !stream->session->output.writing &&
        now_ms - waits_since >= limits->write_timeout_ms) {
        gw_http2_count_limit(stream->session, GW_LIMIT_WRITE_TIMEOUT);
        reset(stream, NGHTTP2_CANCEL);
    }
}

void gw_http2_leftovers_sweep(struct gw_http2_session *session, uint64_t now_ms)
{
    while (session->leftover_count > 0 &&
           now_ms - oldest_leftover(session)->answered_ms >= LEFTOVER_MS)
        cut_short(oldest_leftover(session));
}
