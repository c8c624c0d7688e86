/* Calls that go well, and what goes over the wire for them. */
#include "record.h"

static void a_unary_call_is_answered(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    assert_int_equal(r->headers, 1);
    assert_int_equal(r->messages, 1);
    assert_text(r->bytes, "hello");
    assert_int_equal(r->result.status, GW_OK);
    assert_true(r->result.from_peer);
    assert_int_equal(r->result.fate, GW_CALL_SEEN);
    assert_int_equal(r->sent, 1);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_NO_ERROR);
    assert_int_equal(gw_grpc_client_call_count(fx.client), 0);
}

static void the_request_has_the_headers_of_grpc(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    static const struct gw_metadatum metadata[] = {
        {{"x-one", 5}, {"1", 1}},
        {{"x-data-bin", 10}, {"AAEC", 4}},
    };
    params.metadata = (struct gw_metadata){metadata, 2};
    params.deadline_ms = gw_clock_ms() + 4000;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    const struct gw_buf *head = &fx.peer.streams[0].head;
    static const char *const expected[] = {
        ":method: POST\n",          ":scheme: http\n",  ":path: /test.v1.Test/Echo\n",
        ":authority: test.local\n", "\nte: trailers\n", "\ncontent-type: application/grpc\n",
        "\nuser-agent: sluice/",    "\nx-one: 1\n",     "\nx-data-bin: AAEC\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        assert_true(contains(head, expected[i]));
    const char *timeout = memmem(head->base, head->len, "\ngrpc-timeout: ", 15);
    assert_non_null(timeout);
    uint64_t ns;
    size_t digits = strspn(timeout + 15, "0123456789");
    assert_int_equal(gw_grpc_timeout_parse(gw_slice(timeout + 15, digits + 1), &ns), 0);
    assert_in_range(ns / 1000000, 3000, 4000);
}

static void no_deadline_sends_no_timeout(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    assert_false(contains(&fx.peer.streams[0].head, "grpc-timeout"));
}

static void a_limit_is_not_told_unless_it_ends_before_the_deadline(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    params.limit_ms = gw_clock_ms() + 60000;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_false(contains(&fx.peer.streams[0].head, "grpc-timeout"));
    params = params_for(&fx.records[1]);
    params.limit_ms = gw_clock_ms() + 60000;
    params.deadline_ms = gw_clock_ms() + 500000;
    r = start_with(1, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    const char *timeout = strstr(gw_buf_terminate(&fx.peer.streams[1].head), "\ngrpc-timeout: ");
    assert_non_null(timeout);
    assert_in_range(strtoul(timeout + 15, NULL, 10), 50000, 60000);
}

static void much_metadata_is_sent(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct gw_metadatum metadata[90];
    for (size_t i = 0; i < 90; i++)
        metadata[i] = (struct gw_metadatum){GW_SLICE("x-many"), GW_SLICE("abcdefghijklm")};
    struct gw_call_params params = params_for(&fx.records[0]);
    params.metadata = (struct gw_metadata){metadata, 90};
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
    assert_in_range(fx.peer.streams[0].head.len, 90 * 22, 90 * 22 + 300);
}

/* Up to one frame they are plain literals, above it nghttp2's. */
static void headers_around_one_frame_arrive_as_they_were_sent(void **state)
{
    (void)state;
    static char big[40000];
    memset(big, 'v', sizeof(big));
    fx.peer.on_request = peer_echo;
    fixture_connect();
    static const size_t lengths[] = {1, 15900, 16030, 16050, 16200, 16384, 40000, 2};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct gw_metadatum metadata[] = {
            {GW_SLICE("x-recurs"), GW_SLICE("yes"), GW_INDEX_FIELD},
            {GW_SLICE("x-big"), gw_slice(big, lengths[i]), GW_INDEX_NOT},
            {GW_SLICE("x-last"), GW_SLICE("1"), GW_INDEX_NEVER},
        };
        struct gw_call_params params = params_for(&fx.records[i]);
        params.metadata = (struct gw_metadata){metadata, 3};
        params.deadline_ms = gw_clock_ms() + 4000;
        struct record *r = start_with(i, &params);
        gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
        gw_call_request(r->call, 1);
        run_until(r->ended);
        assert_int_equal(r->result.status, GW_OK);
        const struct gw_buf *head = &fx.peer.streams[i].head;
        assert_true(contains(head, "x-recurs: yes\n"));
        assert_true(contains(head, "x-last: 1\n"));
        assert_true(contains(head, "grpc-timeout: "));
        const char *value = memmem(head->base, head->len, "x-big: ", 7);
        assert_non_null(value);
        assert_memory_equal(value + 7, big, lengths[i]);
        assert_int_equal(value[7 + lengths[i]], '\n');
    }
}

static void metadata_over_64_kib_is_refused_here(void **state)
{
    (void)state;
    static char big[70000];
    memset(big, 'v', sizeof(big));
    struct gw_metadatum metadata = {GW_SLICE("x-big"), gw_slice(big, sizeof(big))};
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    params.metadata = (struct gw_metadata){&metadata, 1};
    struct record *r = start_with(0, &params);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_RESOURCE_EXHAUSTED);
    assert_int_equal(r->result.http_status, 431);
    r = start_unary(1);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
}

static struct record *call_with(size_t i, const struct gw_metadatum *metadata, size_t count)
{
    struct gw_call_params params = params_for(&fx.records[i]);
    params.metadata = (struct gw_metadata){metadata, count};
    struct record *r = start_with(i, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    return r;
}

/* Whatever has made the call, and has looked at it or not. */
static void what_a_peer_might_not_take_never_leaves(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    static const struct gw_metadatum bad[] = {
        {GW_SLICE_INIT("x-bin"), GW_SLICE_INIT("!")},
        {GW_SLICE_INIT("x-bin"), GW_SLICE_INIT("AAEC,A")},
        {GW_SLICE_INIT("grpc-trace-bin"), GW_SLICE_INIT("AB")},
        {GW_SLICE_INIT("a!b"), GW_SLICE_INIT("x")},
        {GW_SLICE_INIT(":path"), GW_SLICE_INIT("/x")},
        {GW_SLICE_INIT("te"), GW_SLICE_INIT("gzip")},
        {GW_SLICE_INIT("x"), GW_SLICE_INIT("a\nb")},
    };
    size_t count = sizeof(bad) / sizeof(*bad);
    for (size_t i = 0; i < count; i++) {
        struct record *r = call_with(i, &bad[i], 1);
        assert_int_equal(r->result.status, GW_INVALID_ARGUMENT);
        assert_int_equal(r->result.http_status, 400);
        assert_int_equal(r->result.fate, GW_CALL_UNSENT);
    }
    struct record *r = start_unary(count);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
    assert_int_equal(fx.peer.stream_count, 1);
}

static void lists_of_binary_values_leave_one_by_one(void **state)
{
    (void)state;
    static char big[20000];
    memset(big, 'v', sizeof(big));
    fx.peer.on_request = peer_echo;
    fixture_connect();
    /* As plain literals, and by nghttp2. */
    static const size_t lengths[] = {1, sizeof(big)};
    for (size_t i = 0; i < 2; i++) {
        struct gw_metadatum metadata[] = {
            {GW_SLICE("x-bin"), GW_SLICE(" AA==,AAE , ,AAEC ")},
            {GW_SLICE("x"), GW_SLICE("a,b")},
            {GW_SLICE("y-bin"), gw_slice(NULL, 0)},
            {GW_SLICE("x-big"), gw_slice(big, lengths[i])},
        };
        struct record *r = call_with(i, metadata, 4);
        assert_int_equal(r->result.status, GW_OK);
        const struct gw_buf *head = &fx.peer.streams[i].head;
        assert_true(contains(head, "\nx-bin: AA==\nx-bin: AAE\nx-bin: \nx-bin: AAEC\n"));
        assert_true(contains(head, "\nx: a,b\ny-bin: \n"));
    }
}

static void a_header_list_over_the_peers_limit_is_refused_here(void **state)
{
    (void)state;
    static char big[2000];
    memset(big, 'v', sizeof(big));
    fx.peer.on_request = peer_echo;
    fx.peer.max_header_list = 1150;
    fixture_connect();
    size_t taken = 0;
    for (size_t length = 560, i = 0; i < 8; i++, length += 20) {
        struct gw_metadatum metadata = {GW_SLICE("x"), gw_slice(big, length)};
        struct record *r = call_with(i, &metadata, 1);
        if (r->result.status == GW_OK) {
            taken++;
            continue;
        }
        assert_int_equal(r->result.status, GW_RESOURCE_EXHAUSTED);
        assert_int_equal(r->result.http_status, 431);
        assert_int_equal(r->result.fate, GW_CALL_UNSENT);
    }
    assert_in_range(taken, 1, 7);
    assert_int_equal(fx.peer.stream_count, taken);
}

static void what_a_client_calls_itself_goes_on(void **state)
{
    (void)state;
    static char big[20000];
    memset(big, 'v', sizeof(big));
    fx.peer.on_request = peer_echo;
    fixture_connect();
    static const size_t lengths[] = {1, sizeof(big)};
    for (size_t i = 0; i < 2; i++) {
        struct gw_metadatum metadata = {GW_SLICE("x-big"), gw_slice(big, lengths[i])};
        struct gw_call_params params = params_for(&fx.records[i]);
        params.metadata = (struct gw_metadata){&metadata, 1};
        params.user_agent = GW_SLICE("mine/1 sluice/2");
        struct record *r = start_with(i, &params);
        gw_call_send(r->call, GW_SLICE("\0\0\0\0\2hi"), GW_SEND_END);
        gw_call_request(r->call, 1);
        run_until(r->ended);
        const struct gw_buf *head = &fx.peer.streams[i].head;
        const char *at = memmem(head->base, head->len, "\nuser-agent: ", 13);
        assert_non_null(at);
        assert_memory_equal(at + 13, "mine/1 sluice/2\n", 16);
        size_t rest = head->len - (size_t)(at + 1 - head->base);
        assert_null(memmem(at + 1, rest, "\nuser-agent: ", 13));
    }
}

static void answer_with_everything(struct peer_stream *stream)
{
    nghttp2_nv head[] = {NV(":status", "200"), NV("content-type", "application/grpc"),
                         NV("x-head", "h")};
    static nghttp2_nv tail[] = {NV("grpc-status", "9"), NV("grpc-message", "not%20now %25"),
                                NV("grpc-status-details-bin", "CAkSAXg"), NV("x-tail", "t")};
    peer_send_headers(stream, head, 3);
    peer_send_message(stream, GW_SLICE("m"));
    peer_send_trailers(stream, tail, 4);
}

static void metadata_trailers_and_details_come_back(void **state)
{
    (void)state;
    fx.peer.on_request = answer_with_everything;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    assert_text(r->header_text, "x-head: h\n");
    assert_text(r->trailer_text, "x-tail: t\n");
    assert_int_equal(r->result.status, GW_FAILED_PRECONDITION);
    assert_true(r->result.from_peer);
    assert_text(r->message, "not now %");
    assert_text(r->details, "\x08\x09\x12\x01x");
}

static void answer_trailers_only(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", "application/grpc"),
                       NV("grpc-status", "5"), NV("grpc-message", "gone"), NV("x-tail", "t")};
    nghttp2_submit_response(stream->peer->session, stream->id, nv, 5, NULL);
}

static void a_trailers_only_answer_has_no_headers(void **state)
{
    (void)state;
    fx.peer.on_request = answer_trailers_only;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    assert_int_equal(r->headers, 0);
    assert_int_equal(r->messages, 0);
    assert_int_equal(r->result.status, GW_NOT_FOUND);
    assert_true(r->result.from_peer);
    assert_text(r->message, "gone");
    assert_text(r->trailer_text, "x-tail: t\n");
}

static void calls_started_before_the_connection_stands_wait_for_it(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fx.peer.hold_settings = fx.peer.stalled = true;
    fixture_connect();
    assert_int_equal(gw_grpc_client_state(fx.client), GW_CLIENT_CONNECTING);
    struct record *r = start_unary(0);
    run_for(30);
    assert_int_equal(fx.peer.connections, 1);
    assert_int_equal(fx.peer.stream_count, 0);
    assert_int_equal(gw_grpc_client_state(fx.client), GW_CLIENT_CONNECTING);
    fx.peer.stalled = false;
    peer_send_settings(&fx.peer);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
    assert_int_equal(gw_grpc_client_state(fx.client), GW_CLIENT_READY);
    assert_int_equal(fx.last_state, GW_CLIENT_READY);
}

static void request_and_message_leave_in_one_write(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    run_for(10);
    start_unary(0);
    start_unary(1);
    gw_loop_turn(fx.loop, 0);
    peer_pump(&fx.peer);
    assert_int_equal(fx.peer.stream_count, 2);
    assert_true(fx.peer.streams[0].ended);
    assert_true(fx.peer.streams[1].ended);
}

static void calls_above_the_peers_limit_wait(void **state)
{
    (void)state;
    fx.peer.max_streams = 2;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    assert_int_equal(gw_grpc_client_call_limit(fx.client), 2);
    for (size_t i = 0; i < 5; i++)
        start_unary(i);
    run_for(20);
    assert_int_equal(fx.peer.stream_count, 2);
    assert_int_equal(gw_grpc_client_call_count(fx.client), 5);
    fx.changes = 0;
    peer_echo(&fx.peer.streams[1]);
    run_until(fx.records[1].ended);
    run_until(fx.peer.stream_count == 3);
    assert_int_equal(fx.changes, 0);
    fx.peer.on_request = peer_echo;
    peer_echo(&fx.peer.streams[0]);
    peer_echo(&fx.peer.streams[2]);
    for (size_t i = 0; i < 5; i++)
        run_until(fx.records[i].ended);
    assert_int_equal(fx.peer.stream_count, 5);
    run_until(fx.changes > 0); /* room again */
}

static void a_waiting_call_that_is_cancelled_is_never_sent(void **state)
{
    (void)state;
    fx.peer.max_streams = 1;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    start_unary(0);
    struct record *second = start_unary(1);
    start_unary(2);
    run_for(10);
    gw_call_cancel(second->call);
    fx.peer.on_request = peer_echo;
    peer_echo(&fx.peer.streams[0]);
    run_until(fx.records[2].ended);
    assert_int_equal(fx.peer.stream_count, 2);
    assert_int_equal(second->ended, 0);
}

static void cancelling_resets_the_stream_and_nothing_is_heard(void **state)
{
    (void)state;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(fx.peer.stream_count == 1);
    gw_call_cancel(r->call);
    assert_int_equal(gw_grpc_client_call_count(fx.client), 0);
    peer_echo(&fx.peer.streams[0]);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
    assert_int_equal(r->headers + r->messages + r->ended, 0);
    gw_call_cancel(NULL);
}

/* The metadata is gone before the request would have been framed. */
static void a_call_cancelled_in_the_turn_that_started_it_leaves_no_trace(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    char *name = gw_strdup(GW_SLICE("x-gone"));
    struct gw_metadatum metadata = {gw_slice(name, 6), GW_SLICE("1")};
    struct gw_call_params params = params_for(&fx.records[0]);
    params.metadata = (struct gw_metadata){&metadata, 1};
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, gw_slice(name, 6), GW_SEND_END);
    gw_call_cancel(r->call);
    free(name);
    run_for(10);
    assert_int_equal(fx.peer.stream_count, 0);
}

static void cancel_it(struct record *r)
{
    gw_call_cancel(r->call);
    r->call = NULL;
}

static void cancel_on_message(struct record *r, struct gw_slice message)
{
    (void)message;
    cancel_it(r);
}

static void answer_three_messages(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    for (int i = 0; i < 3; i++)
        peer_send_message(stream, GW_SLICE("abc"));
    peer_send_ok(stream);
}

static void a_call_may_be_cancelled_from_any_of_its_callbacks(void **state)
{
    (void)state;
    fx.peer.on_request = answer_three_messages;
    fixture_connect();
    fx.records[0].on_headers = cancel_it;
    fx.records[1].on_message = cancel_on_message;
    fx.records[2].on_sent = cancel_it;
    for (size_t i = 0; i < 4; i++)
        start_unary(i);
    run_until(fx.records[3].ended);
    run_for(10);
    assert_int_equal(fx.records[0].headers, 1);
    assert_int_equal(fx.records[0].messages + fx.records[0].ended, 0);
    assert_int_equal(fx.records[1].messages, 1);
    assert_text(fx.records[1].bytes, "abc");
    assert_int_equal(fx.records[1].ended, 0);
    assert_int_equal(fx.records[2].headers + fx.records[2].ended, 0);
    assert_int_equal(fx.records[3].messages, 3);
    assert_int_equal(gw_grpc_client_call_count(fx.client), 0);
}

static void start_the_next(struct record *r)
{
    if (r + 1 < fx.records + 4)
        start_unary((size_t)(r + 1 - fx.records));
}

static void calls_may_be_started_from_on_end(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    for (size_t i = 0; i < 4; i++)
        fx.records[i].on_end = start_the_next;
    start_unary(0);
    run_until(fx.records[3].ended);
    assert_int_equal(fx.records[3].result.status, GW_OK);
}

static void destroy_the_client(struct record *r)
{
    (void)r;
    gw_grpc_client_destroy(fx.client);
    fx.client = NULL;
}

static void destroy_on_message(struct record *r, struct gw_slice message)
{
    (void)message;
    destroy_the_client(r);
}

static void assert_destroyed_calls_ended(size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fx.records[i].ended, 1);
    run_for(10);
    assert_int_equal(fx.closed, 0);
}

static void the_client_may_be_destroyed_from_on_end(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    fx.records[0].on_end = destroy_the_client;
    for (size_t i = 0; i < 3; i++)
        start_unary(i);
    run_until(fx.records[0].ended);
    assert_destroyed_calls_ended(3);
    assert_int_equal(fx.records[2].result.status, GW_UNAVAILABLE);
    assert_int_equal(fx.records[2].result.http_status, 503);
}

static void the_client_may_be_destroyed_from_on_end_of_a_waiting_call(void **state)
{
    (void)state;
    fx.peer.raw = true;
    fixture_connect();
    fx.records[0].on_end = destroy_the_client;
    for (size_t i = 0; i < 3; i++)
        start_unary(i);
    run_until(fx.peer.received.len > 0);
    close(fx.peer.listener);
    fx.peer.listener = -1;
    peer_disconnect(&fx.peer);
    run_until(fx.records[0].ended);
    assert_destroyed_calls_ended(3);
}

static void the_client_may_be_destroyed_from_on_message(void **state)
{
    (void)state;
    fx.peer.on_request = answer_three_messages;
    fixture_connect();
    fx.records[0].on_message = destroy_on_message;
    for (size_t i = 0; i < 3; i++)
        start_unary(i);
    run_until(fx.records[0].ended);
    assert_destroyed_calls_ended(3);
    assert_text(fx.records[0].bytes, "abc");
}

static void the_client_may_be_destroyed_from_on_sent(void **state)
{
    (void)state;
    fixture_connect();
    fx.records[0].on_sent = destroy_the_client;
    for (size_t i = 0; i < 3; i++)
        start_unary(i);
    run_until(fx.records[0].ended);
    assert_destroyed_calls_ended(3);
}

static void destroying_ends_the_calls_that_are_left(void **state)
{
    (void)state;
    fx.peer.max_streams = 1;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    start_unary(0);
    start_unary(1);
    run_until(fx.peer.stream_count == 1);
    destroy_the_client(NULL);
    assert_destroyed_calls_ended(2);
    assert_int_equal(fx.records[0].result.fate, GW_CALL_SEEN);
    assert_int_equal(fx.records[1].result.fate, GW_CALL_UNSENT);
    gw_grpc_client_destroy(NULL);
}

static void a_client_may_be_destroyed_before_it_is_connected(void **state)
{
    (void)state;
    fixture_connect();
    start_unary(0);
    destroy_the_client(NULL);
    assert_destroyed_calls_ended(1);
    assert_int_equal(fx.records[0].result.fate, GW_CALL_UNSENT);
}

static void a_drained_client_closes_after_its_last_call(void **state)
{
    (void)state;
    fx.destroy_on_close = true;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(fx.peer.stream_count == 1);
    gw_grpc_client_drain(fx.client);
    assert_int_equal(gw_grpc_client_state(fx.client), GW_CLIENT_DRAINING);
    struct gw_call_params params = params_for(&fx.records[1]);
    assert_null(gw_grpc_client_start(fx.client, &params));
    run_for(10);
    assert_int_equal(fx.closed, 0);
    peer_echo(&fx.peer.streams[0]);
    run_until(fx.closed);
    assert_int_equal(r->result.status, GW_OK);
    assert_null(fx.client);
}

static size_t count_reset_streams(void)
{
    size_t count = 0;
    for (size_t i = 0; i < fx.peer.stream_count; i++)
        count += fx.peer.streams[i].closed && fx.peer.streams[i].error_code == NGHTTP2_CANCEL;
    return count;
}

/* A peer that counts resets would end it, and the call that goes on. */
static void a_client_with_too_many_cancelled_calls_drains(void **state)
{
    (void)state;
    fx.destroy_on_close = true;
    fixture_connect();
    struct record *stays = start_unary(0);
    run_until(fx.peer.stream_count == 1);
    size_t started = 1;
    while (!gw_grpc_client_is_worn(fx.client)) {
        for (size_t i = 1; i <= 5; i++, started++)
            start_unary(i);
        run_until(fx.peer.stream_count == started);
        for (size_t i = 1; i <= 5; i++)
            gw_call_cancel(fx.records[i].call);
        run_for(1);
    }
    assert_int_equal(gw_grpc_client_state(fx.client), GW_CLIENT_DRAINING);
    size_t resets = count_reset_streams();
    assert_in_range(resets, 150, 199);
    assert_in_range(resets, 150, started - 2); /* some are held back, */
    run_until(count_reset_streams() > resets); /* but not for ever */
    assert_int_equal(stays->ended, 0);
    peer_echo(&fx.peer.streams[0]);
    run_until(fx.closed);
    assert_int_equal(stays->result.status, GW_OK);
}

/* Their metadata is gone then; the peer never hears of them, so they wear nothing out. */
static void cancelled_calls_that_have_not_gone_out_are_taken_back(void **state)
{
    (void)state;
    enum { CALLS = 250, BYTES = 3000 };
    static struct record records[CALLS];
    fx.peer.max_streams = CALLS;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    char *value = malloc(BYTES);
    memset(value, 'v', BYTES);
    const struct gw_metadatum metadata[] = {
        {GW_SLICE("x-literal"), gw_slice(value, BYTES), GW_INDEX_NOT},
        {GW_SLICE("x-indexed"), gw_slice(value, 20), GW_INDEX_FIELD},
    };
    for (size_t i = 0; i < CALLS; i++) {
        struct gw_call_params params = params_for(&records[i]);
        params.metadata = (struct gw_metadata){metadata, 2};
        records[i].call = gw_grpc_client_start(fx.client, &params);
        gw_call_send(records[i].call, GW_SLICE("\0\0\0\0\5hello"), GW_SEND_END);
    }
    gw_loop_turn(fx.loop, 1); /* what one write takes */
    for (size_t i = 0; i < CALLS; i++)
        gw_call_cancel(records[i].call);
    memset(value, 0, BYTES);
    free(value);
    run_until(fx.peer.stream_count > 0);
    run_for(50);
    assert_in_range(fx.peer.stream_count, 1, CALLS / 2);
    assert_false(gw_grpc_client_is_worn(fx.client));
}

static void an_idle_client_that_is_drained_closes_at_once(void **state)
{
    (void)state;
    fx.destroy_on_close = true;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    gw_grpc_client_drain(fx.client);
    assert_int_equal(fx.closed, 0);
    run_until(fx.closed);
    fixture_connect();
    gw_grpc_client_drain(fx.client);
    run_until(fx.closed);
}

static void messages_both_ways_one_by_one(struct record *r)
{
    if (r->sent < 50)
        gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    else if (r->sent == 50)
        gw_call_send(r->call, gw_slice(NULL, 0), GW_SEND_END);
}

static void a_stream_of_requests_is_sent_message_by_message(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = &fx.records[0];
    struct gw_call_params params = params_for(r);
    r->on_sent = messages_both_ways_one_by_one;
    start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(r->ended);
    assert_int_equal(r->sent, 50);
    assert_int_equal(r->messages, 50);
    assert_int_equal(r->bytes.len, 200);
    assert_int_equal(r->result.status, GW_OK);
}

static void a_request_that_pauses_is_resumed(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = &fx.records[0];
    struct gw_call_params params = params_for(r);
    start_with(0, &params);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(fx.peer.stream_count == 1);
    run_for(5);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\1a"), GW_SEND_MORE);
    run_until(r->sent == 1);
    run_for(5);
    assert_int_equal(fx.peer.streams[0].body.len, 6);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\1b"), GW_SEND_END);
    run_until(r->ended);
    assert_text(r->bytes, "ab");
    assert_int_equal(r->sent, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call_is_answered),
        TEST(the_request_has_the_headers_of_grpc),
        TEST(no_deadline_sends_no_timeout),
        TEST(a_limit_is_not_told_unless_it_ends_before_the_deadline),
        TEST(much_metadata_is_sent),
        TEST(headers_around_one_frame_arrive_as_they_were_sent),
        TEST(metadata_over_64_kib_is_refused_here),
        TEST(what_a_peer_might_not_take_never_leaves),
        TEST(lists_of_binary_values_leave_one_by_one),
        TEST(a_header_list_over_the_peers_limit_is_refused_here),
        TEST(what_a_client_calls_itself_goes_on),
        TEST(metadata_trailers_and_details_come_back),
        TEST(a_trailers_only_answer_has_no_headers),
        TEST(calls_started_before_the_connection_stands_wait_for_it),
        TEST(request_and_message_leave_in_one_write),
        TEST(calls_above_the_peers_limit_wait),
        TEST(a_waiting_call_that_is_cancelled_is_never_sent),
        TEST(cancelling_resets_the_stream_and_nothing_is_heard),
        TEST(a_call_cancelled_in_the_turn_that_started_it_leaves_no_trace),
        TEST(a_call_may_be_cancelled_from_any_of_its_callbacks),
        TEST(calls_may_be_started_from_on_end),
        TEST(the_client_may_be_destroyed_from_on_end),
        TEST(the_client_may_be_destroyed_from_on_end_of_a_waiting_call),
        TEST(the_client_may_be_destroyed_from_on_message),
        TEST(the_client_may_be_destroyed_from_on_sent),
        TEST(destroying_ends_the_calls_that_are_left),
        TEST(a_client_may_be_destroyed_before_it_is_connected),
        TEST(a_drained_client_closes_after_its_last_call),
        TEST(a_client_with_too_many_cancelled_calls_drains),
        TEST(cancelled_calls_that_have_not_gone_out_are_taken_back),
        TEST(an_idle_client_that_is_drained_closes_at_once),
        TEST(a_stream_of_requests_is_sent_message_by_message),
        TEST(a_request_that_pauses_is_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
