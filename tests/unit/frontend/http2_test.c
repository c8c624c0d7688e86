/* Handlers of the test's own, behind an HTTP/2 connection whose other end is an nghttp2 client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include <unistd.h>

#include "frontend/request_body.h"
#include "worker_fixture.h"

static struct worker_fixture fixture;

/* --- the client --- */

struct answer {
    int32_t stream;
    struct gw_buf headers, body, trailers; /* "name: value\n" */
    bool has_headers, has_ended, is_closed;
    uint32_t error_code; /* of RST_STREAM; 0: none */
};

struct client {
    int fd;
    nghttp2_session *session;
    uint64_t granted; /* by WINDOW_UPDATE, on any stream */
    bool has_goaway;
    struct gw_slice request_body; /* what is left of it */
    bool request_body_ends;
};

static struct answer *answer_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *arg)
{
    (void)flags;
    (void)arg;
    struct answer *a = answer_of(session, frame->hd.stream_id);
    gw_buf_printf(a->has_headers ? &a->trailers : &a->headers, "%.*s: %.*s\n", (int)name_length,
                  (const char *)name, (int)value_length, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t length, void *arg)
{
    (void)flags;
    (void)arg;
    gw_buf_append(&answer_of(session, stream)->body, gw_slice(data, length));
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct client *c = arg;
    struct answer *a = frame->hd.stream_id != 0 ? answer_of(session, frame->hd.stream_id) : NULL;
    if (frame->hd.type == NGHTTP2_HEADERS)
        a->has_headers = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        a->error_code = frame->rst_stream.error_code;
    if (frame->hd.type == NGHTTP2_WINDOW_UPDATE && a != NULL)
        c->granted += (uint64_t)frame->window_update.window_size_increment;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        c->has_goaway = true;
    if (a != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        frame->hd.type <= NGHTTP2_HEADERS)
        a->has_ended = true;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error_code, void *arg)
{
    (void)error_code;
    (void)arg;
    answer_of(session, stream)->is_closed = true;
    return 0;
}

static void open_client(struct client *c, int32_t window)
{
    *c = (struct client){.fd = fixture_connect(&fixture)};
    nghttp2_session_callbacks *cb;
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_option *option;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, window != 0);
    nghttp2_session_client_new2(&c->session, cb, c, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window};
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &settings, window != 0 ? 1 : 0);
}

static void write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0)
            gw_loop_turn(fixture.worker.loop, 0); /* it is full */
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
}

static void pump(struct client *c)
{
    for (int i = 0; i < 20; i++) {
        const uint8_t *out;
        uint8_t in[65536];
        ssize_t n;
        while ((n = nghttp2_session_mem_send(c->session, &out)) > 0)
            write_all(c->fd, out, (size_t)n);
        assert_int_equal(n, 0);
        gw_loop_turn(fixture.worker.loop, 0);
        while ((n = read(c->fd, in, sizeof(in))) > 0)
            assert_int_equal(nghttp2_session_mem_recv(c->session, in, (size_t)n), n);
    }
}

static void close_client(struct client *c)
{
    close(c->fd);
    nghttp2_session_del(c->session);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(fixture.worker.loop, 0);
    assert_int_equal(fixture.worker.connection_count, 0);
}

static void dispose_answer(struct answer *a)
{
    gw_buf_dispose(&a->headers);
    gw_buf_dispose(&a->body);
    gw_buf_dispose(&a->trailers);
}

static ssize_t read_request_body(nghttp2_session *session, int32_t stream, uint8_t *out,
                                 size_t length, uint32_t *flags, nghttp2_data_source *source,
                                 void *arg)
{
    (void)session;
    (void)stream;
    (void)arg;
    struct client *c = source->ptr;
    size_t n = c->request_body.len < length ? c->request_body.len : length;
    if (n == 0 && !c->request_body_ends)
        return NGHTTP2_ERR_DEFERRED;
    memcpy(out, c->request_body.base, n);
    c->request_body = gw_slice_from(c->request_body, n);
    if (c->request_body.len == 0 && c->request_body_ends)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE   \
    }

static void request(struct client *c, const char *method, bool has_body, struct answer *a)
{
    *a = (struct answer){0};
    const nghttp2_nv headers[] = {FIELD(":method", method), FIELD(":scheme", "http"),
                                  FIELD(":path", "/own"), FIELD(":authority", "x")};
    nghttp2_data_provider body = {.source.ptr = c, .read_callback = read_request_body};
    a->stream = nghttp2_submit_request(c->session, NULL, headers, 4, has_body ? &body : NULL, a);
    assert_true(a->stream > 0);
    pump(c);
}

static void send_body(struct client *c, const struct answer *a, struct gw_slice bytes, bool ends)
{
    c->request_body = bytes;
    c->request_body_ends = ends;
    nghttp2_session_resume_data(c->session, a->stream);
    pump(c);
}

static void assert_text(const struct gw_buf *found, const char *expected)
{
    assert_int_equal(found->len, strlen(expected));
    assert_true(gw_slice_eq(gw_buf_slice(found), gw_slice_str(expected)));
}

static bool has_line(const struct gw_buf *lines, const char *line)
{
    return memmem(lines->base, lines->len, line, strlen(line)) != NULL;
}

/* --- the handler --- */

static struct {
    void (*on_req)(h2o_req_t *req);
    h2o_req_t *req;
    h2o_generator_t generator;
    int proceeded, stopped, disposed;
    struct gw_request_body *body;
    int told;
} handler;

static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
    (void)self;
    (void)req;
    handler.proceeded++;
}

static void on_stop(h2o_generator_t *self, h2o_req_t *req)
{
    (void)self;
    (void)req;
    handler.stopped++;
}

static void on_dispose(void *arg)
{
    (void)arg;
    handler.disposed++;
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    h2o_mem_alloc_shared(&req->pool, 1, on_dispose);
    handler.req = req;
    handler.generator = (h2o_generator_t){on_proceed, on_stop};
    handler.body = gw_request_body_of(req);
    handler.on_req(req);
    return 0;
}

static void register_paths(h2o_hostconf_t *host)
{
    h2o_create_handler(h2o_config_register_path(host, "/own", 0), sizeof(h2o_handler_t))->on_req =
        on_req;
}

static void with_handler(void (*fn)(h2o_req_t *req))
{
    memset(&handler, 0, sizeof(handler));
    handler.on_req = fn;
}

static void start(h2o_req_t *req, int status)
{
    static h2o_iovec_t own = {(char *)"x-own", 5};
    req->res.status = status;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("text/plain"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, own.base, own.len, 0, NULL,
                          H2O_STRLIT("yes"));
    h2o_start_response(req, &handler.generator);
}

static void send_text(const char *text, h2o_send_state_t state)
{
    h2o_iovec_t buf = h2o_iovec_init(text, strlen(text));
    h2o_send(handler.req, &buf, buf.len > 0 ? 1 : 0, state);
}

static h2o_headers_t *trailers(h2o_req_t *req)
{
    h2o_headers_t *list = h2o_mem_alloc_pool(&req->pool, sizeof(*list));
    *list = (h2o_headers_t){0};
    h2o_add_header_by_str(&req->pool, list, H2O_STRLIT("grpc-status"), 0, NULL, H2O_STRLIT("0"));
    h2o_add_header_by_str(&req->pool, list, H2O_STRLIT("grpc-message"), 0, NULL,
                          H2O_STRLIT("fine"));
    return list;
}

/* --- answers --- */

static void answer_whole(h2o_req_t *req)
{
    req->res.content_length = 5;
    start(req, 200);
    send_text("hello", H2O_SEND_STATE_FINAL);
}

static void an_answer_has_its_headers_and_body(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(answer_whole);
    request(&c, "GET", false, &a);
    assert_true(has_line(&a.headers, ":status: 200\n"));
    assert_true(has_line(&a.headers, "server: sluice\n"));
    assert_true(has_line(&a.headers, "content-length: 5\n"));
    assert_true(has_line(&a.headers, "content-type: text/plain\n"));
    assert_true(has_line(&a.headers, "x-own: yes\n"));
    assert_text(&a.body, "hello");
    assert_text(&a.trailers, "");
    assert_true(a.is_closed);
    assert_int_equal(handler.disposed, 1);
    assert_int_equal(handler.stopped, 0);
    dispose_answer(&a);
    close_client(&c);
}

static void an_answer_to_head_has_headers_only(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(answer_whole);
    request(&c, "HEAD", false, &a);
    assert_true(has_line(&a.headers, "content-length: 5\n"));
    assert_true(has_line(&a.headers, "x-own: yes\n"));
    assert_text(&a.body, "");
    assert_true(a.is_closed);
    dispose_answer(&a);
    close_client(&c);
}

static void answer_no_content(h2o_req_t *req)
{
    req->res.content_length = 5;
    start(req, 204);
    send_text("hello", H2O_SEND_STATE_FINAL);
}

static void no_content_has_no_length_and_no_body(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(answer_no_content);
    request(&c, "GET", false, &a);
    assert_true(has_line(&a.headers, ":status: 204\n"));
    assert_false(has_line(&a.headers, "content-length"));
    assert_text(&a.body, "");
    assert_true(a.is_closed);
    dispose_answer(&a);
    close_client(&c);
}

static void answer_with_trailers(h2o_req_t *req)
{
    start(req, 200);
    gw_http2_set_trailers(req, trailers(req));
    send_text("hello", H2O_SEND_STATE_FINAL);
}

static void trailers_follow_the_body(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(answer_with_trailers);
    request(&c, "POST", false, &a);
    assert_text(&a.body, "hello");
    assert_text(&a.trailers, "grpc-status: 0\ngrpc-message: fine\n");
    assert_true(has_line(&a.headers, "x-own: yes\n"));
    assert_true(a.is_closed);
    dispose_answer(&a);
    close_client(&c);
}

static void answer_with_trailers_alone(h2o_req_t *req)
{
    start(req, 200);
    gw_http2_set_trailers(req, trailers(req));
    send_text("", H2O_SEND_STATE_FINAL);
}

static void trailers_need_no_body(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(answer_with_trailers_alone);
    request(&c, "POST", false, &a);
    assert_text(&a.body, "");
    assert_text(&a.trailers, "grpc-status: 0\ngrpc-message: fine\n");
    assert_true(a.is_closed);
    dispose_answer(&a);
    close_client(&c);
}

/* --- generators --- */

static void begin_stream(h2o_req_t *req)
{
    start(req, 200);
    send_text("one", H2O_SEND_STATE_IN_PROGRESS);
}

static void a_generator_goes_on_when_its_piece_is_framed(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 4);
    with_handler(begin_stream);
    request(&c, "GET", false, &a);
    assert_text(&a.body, "one");
    assert_int_equal(handler.proceeded, 1);
    send_text("two", H2O_SEND_STATE_IN_PROGRESS);
    pump(&c);
    assert_text(&a.body, "onet"); /* the window is 4 */
    assert_int_equal(handler.proceeded, 1);
    nghttp2_submit_window_update(c.session, NGHTTP2_FLAG_NONE, a.stream, 100);
    pump(&c);
    assert_text(&a.body, "onetwo");
    assert_int_equal(handler.proceeded, 2);
    gw_http2_set_trailers(handler.req, trailers(handler.req));
    send_text("", H2O_SEND_STATE_FINAL);
    pump(&c);
    assert_text(&a.trailers, "grpc-status: 0\ngrpc-message: fine\n");
    assert_true(a.is_closed);
    assert_int_equal(handler.disposed, 1);
    dispose_answer(&a);
    close_client(&c);
}

static void a_generator_that_fails_resets_the_stream(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(begin_stream);
    request(&c, "GET", false, &a);
    h2o_send(handler.req, NULL, 0, H2O_SEND_STATE_ERROR);
    pump(&c);
    assert_int_equal(a.error_code, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(handler.disposed, 1);
    dispose_answer(&a);
    close_client(&c);
}

static void a_reset_disposes_of_the_request(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(begin_stream);
    request(&c, "GET", false, &a);
    assert_int_equal(handler.disposed, 0);
    nghttp2_submit_rst_stream(c.session, NGHTTP2_FLAG_NONE, a.stream, NGHTTP2_CANCEL);
    pump(&c);
    assert_int_equal(handler.stopped, 1);
    assert_int_equal(handler.disposed, 1);
    dispose_answer(&a);
    close_client(&c);
}

static void a_lost_connection_disposes_of_its_requests(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(begin_stream);
    request(&c, "GET", false, &a);
    dispose_answer(&a);
    close_client(&c);
    assert_int_equal(handler.stopped, 1);
    assert_int_equal(handler.disposed, 1);
}

static void a_drain_ends_with_the_last_request(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(begin_stream);
    request(&c, "GET", false, &a);
    gw_http2_drain(fixture.worker.http2);
    pump(&c);
    assert_true(c.has_goaway);
    assert_false(a.is_closed);
    assert_int_equal(fixture.worker.connection_count, 1);
    send_text("two", H2O_SEND_STATE_FINAL);
    pump(&c);
    assert_text(&a.body, "onetwo");
    assert_true(a.is_closed);
    assert_false(nghttp2_session_want_read(c.session));
    dispose_answer(&a);
    close_client(&c);
}

/* --- request bodies --- */

static void on_more(void *arg)
{
    (void)arg;
    handler.told++;
}

static void read_as_it_comes(h2o_req_t *req)
{
    (void)req;
    gw_request_body_read(handler.body, on_more, NULL);
}

static void a_body_reaches_its_reader_as_it_comes(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(read_as_it_comes);
    request(&c, "POST", true, &a);
    assert_non_null(handler.req); /* which runs when the headers are in */
    assert_int_equal(handler.told, 0);
    send_body(&c, &a, GW_SLICE("abc"), false);
    assert_int_equal(handler.told, 1);
    assert_true(gw_slice_eq(handler.body->bytes, GW_SLICE("abc")));
    assert_false(handler.body->is_complete);
    gw_request_body_consume(handler.body, 3);
    send_body(&c, &a, GW_SLICE("def"), true);
    assert_int_equal(handler.told, 2);
    assert_true(gw_slice_eq(handler.body->bytes, GW_SLICE("def")));
    assert_true(handler.body->is_complete);
    start(handler.req, 200);
    send_text("hello", H2O_SEND_STATE_FINAL);
    pump(&c);
    assert_text(&a.body, "hello");
    dispose_answer(&a);
    close_client(&c);
}

#define WINDOW_BYTES ((size_t)256 << 10)

static void a_body_that_is_not_consumed_stops_its_client(void **state)
{
    (void)state;
    struct client c;
    struct answer a;
    open_client(&c, 0);
    with_handler(read_as_it_comes);
    request(&c, "POST", true, &a);
    size_t bytes = 3 * WINDOW_BYTES;
    char *body = gw_alloc(bytes);
    send_body(&c, &a, gw_slice(body, bytes), true);
    for (int i = 0; i < 10; i++)
        pump(&c);
    assert_int_equal(handler.body->received, WINDOW_BYTES);
    assert_int_equal(c.granted, 0);
    while (!handler.body->is_complete) {
        gw_request_body_consume(handler.body, handler.body->bytes.len);
        pump(&c);
        assert_true(handler.body->bytes.len <= WINDOW_BYTES);
    }
    assert_int_equal(handler.body->received, bytes);
    free(body);
    dispose_answer(&a);
    close_client(&c);
}

static void an_answer_may_come_before_the_end_of_the_request(void **state)
{
    (void)state;
    struct client c;
    struct answer a, next;
    open_client(&c, 0);
    with_handler(answer_whole);
    request(&c, "POST", true, &a);
    assert_text(&a.body, "hello");
    assert_true(a.has_ended);
    assert_false(a.is_closed);
    assert_int_equal(handler.disposed, 1);
    send_body(&c, &a, GW_SLICE("late"), true);
    assert_true(a.is_closed);
    assert_int_equal(a.error_code, 0);
    request(&c, "GET", false, &next);
    assert_text(&next.body, "hello");
    dispose_answer(&a);
    dispose_answer(&next);
    close_client(&c);
}

/* --- the preface --- */

static void the_preface_is_told_from_requests(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (size_t n = 0; n < 24; n++)
        assert_int_equal(gw_http2_preface_check(gw_slice(preface, n)), GW_HTTP2_PREFACE_INCOMPLETE);
    assert_int_equal(gw_http2_preface_check(gw_slice(preface, 24)), GW_HTTP2_PREFACE_PRESENT);
    assert_int_equal(gw_http2_preface_check(GW_SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore")),
                     GW_HTTP2_PREFACE_PRESENT);
    assert_int_equal(gw_http2_preface_check(GW_SLICE("PUT ")), GW_HTTP2_PREFACE_ABSENT);
    assert_int_equal(gw_http2_preface_check(GW_SLICE("PRI * HTTP/1.1")), GW_HTTP2_PREFACE_ABSENT);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_open(&fixture, argv[1], "request_body: 1MiB", register_paths);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_its_headers_and_body),
        cmocka_unit_test(an_answer_to_head_has_headers_only),
        cmocka_unit_test(no_content_has_no_length_and_no_body),
        cmocka_unit_test(trailers_follow_the_body),
        cmocka_unit_test(trailers_need_no_body),
        cmocka_unit_test(a_generator_goes_on_when_its_piece_is_framed),
        cmocka_unit_test(a_generator_that_fails_resets_the_stream),
        cmocka_unit_test(a_reset_disposes_of_the_request),
        cmocka_unit_test(a_lost_connection_disposes_of_its_requests),
        cmocka_unit_test(a_drain_ends_with_the_last_request),
        cmocka_unit_test(a_body_reaches_its_reader_as_it_comes),
        cmocka_unit_test(a_body_that_is_not_consumed_stops_its_client),
        cmocka_unit_test(an_answer_may_come_before_the_end_of_the_request),
        cmocka_unit_test(the_preface_is_told_from_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
