/* Flow control, both ways, and what is held in memory meanwhile. */
#include "grpc/client_internal.h"
#include "record.h"

#define MESSAGE_BYTES 10000
#define MESSAGE_COUNT 200

static char payload[MESSAGE_BYTES];

static void answer_a_long_stream(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    for (int i = 0; i < MESSAGE_COUNT; i++)
        peer_send_message(stream, gw_slice(payload, sizeof(payload)));
    peer_send_ok(stream);
}

static struct record *start_unread(size_t i)
{
    struct gw_call_params params = params_for(&fx.records[i]);
    struct record *r = start_with(i, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\0"), GW_SEND_END);
    return r;
}

static size_t unsent(size_t stream)
{
    return fx.peer.streams[stream].out.len;
}

static void a_peer_whose_messages_nobody_asks_for_is_held_back(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_long_stream;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(r->headers);
    run_for(50);
    const size_t total = (size_t)MESSAGE_COUNT * (MESSAGE_BYTES + 5);
    assert_int_equal(r->messages, 0);
    assert_int_equal(total - unsent(0), GW_CLIENT_STREAM_WINDOW);
    struct gw_client_call *call = (struct gw_client_call *)r->call;
    assert_int_equal(gw_frame_reader_held(&call->reader), GW_CLIENT_STREAM_WINDOW);

    /* What is asked for comes, and no more. */
    gw_call_request(r->call, 3);
    assert_int_equal(r->messages, 0);
    run_until(r->messages == 3);
    run_for(20);
    assert_int_equal(r->messages, 3);
    assert_in_range(total - unsent(0), GW_CLIENT_STREAM_WINDOW,
                    GW_CLIENT_STREAM_WINDOW + 3 * (MESSAGE_BYTES + 5));

    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(r->ended);
    assert_int_equal(r->messages, MESSAGE_COUNT);
    assert_int_equal(r->result.status, GW_OK);
}

static void ask_for_one(struct record *r)
{
    gw_call_request(r->call, 1);
}

static void ask_for_one_on_message(struct record *r, struct gw_slice message)
{
    (void)message;
    gw_call_request(r->call, 1);
}

static void a_stream_may_be_read_one_by_one(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_long_stream;
    fixture_connect();
    fx.records[0].on_headers = ask_for_one;
    fx.records[0].on_message = ask_for_one_on_message;
    struct record *r = start_unread(0);
    run_until(r->ended);
    assert_int_equal(r->messages, MESSAGE_COUNT);
    assert_int_equal(r->result.status, GW_OK);
}

static void a_stream_may_be_read_one_a_turn(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_long_stream;
    fixture_connect();
    struct record *r = start_unread(0);
    for (int i = 1; i <= MESSAGE_COUNT; i++) {
        gw_call_request(r->call, 1);
        run_until(r->messages == i);
    }
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
}

static void calls_that_nobody_reads_do_not_stop_the_others(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_long_stream;
    fixture_connect();
    for (size_t i = 0; i < 7; i++)
        start_unread(i);
    run_until(fx.records[6].headers);
    run_for(50);
    struct record *r = start_unread(7);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(r->ended);
    assert_int_equal(r->messages, MESSAGE_COUNT);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(fx.records[i].messages, 0);
}

static void the_connections_window_is_given_back(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_long_stream;
    fixture_connect();
    /* 24 MB, where the window is 16 MiB: also bytes of cancelled calls are given back. */
    for (int round = 0; round < 12; round++) {
        struct record *r = &fx.records[0];
        record_dispose(r);
        *r = (struct record){0};
        start_unread(0);
        if (round % 3 == 0) {
            run_until(r->headers);
            run_for(2);
            gw_call_cancel(r->call);
            run_for(2);
        } else {
            gw_call_request(r->call, GW_REQUEST_ALL);
            run_until(r->ended);
            assert_int_equal(r->messages, MESSAGE_COUNT);
        }
        peer_forget_streams(&fx.peer);
    }
}

#define BIG_BYTES (4 << 20)

static void answer_a_big_message(struct peer_stream *stream)
{
    char *big = gw_alloc(BIG_BYTES);
    memset(big, 'b', BIG_BYTES);
    peer_send_grpc_headers(stream);
    peer_send_message(stream, gw_slice(big, BIG_BYTES));
    peer_send_ok(stream);
    free(big);
}

static void a_message_larger_than_the_window_comes_whole(void **state)
{
    (void)state;
    fx.peer.on_request = answer_a_big_message;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(r->headers);
    run_for(20);
    struct gw_client_call *call = (struct gw_client_call *)r->call;
    assert_in_range(gw_frame_reader_held(&call->reader), 1, GW_CLIENT_STREAM_WINDOW);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_int_equal(r->messages, 1);
    assert_int_equal(r->bytes.len, BIG_BYTES);
    assert_int_equal(r->result.status, GW_OK);
}

static void answer_two_and_fail(struct peer_stream *stream)
{
    static nghttp2_nv tail[] = {NV("grpc-status", "10"), NV("grpc-message", "enough"),
                                NV("grpc-status-details-bin", "CAo"), NV("x-tail", "t")};
    peer_send_grpc_headers(stream);
    peer_send_message(stream, GW_SLICE("one"));
    peer_send_message(stream, GW_SLICE("two"));
    peer_send_trailers(stream, tail, 4);
}

static void the_end_waits_for_messages_that_were_not_asked_for(void **state)
{
    (void)state;
    fx.peer.on_request = answer_two_and_fail;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(fx.peer.streams[0].closed);
    run_for(10);
    assert_int_equal(r->ended, 0);
    gw_call_request(r->call, 1);
    run_until(r->messages == 1);
    run_for(10);
    assert_int_equal(r->ended, 0);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_text(r->bytes, "onetwo");
    assert_int_equal(r->result.status, GW_ABORTED);
    assert_true(r->result.from_peer);
    assert_text(r->message, "enough");
    assert_text(r->details, "\x08\x0a");
    assert_text(r->trailer_text, "x-tail: t\n");
}

static void a_held_end_may_be_cancelled(void **state)
{
    (void)state;
    fx.peer.on_request = answer_two_and_fail;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(fx.peer.streams[0].closed);
    run_for(10);
    gw_call_cancel(r->call);
    assert_int_equal(gw_grpc_client_call_count(fx.client), 0);
    r = start_unread(1);
    run_until(fx.peer.stream_count == 2 && fx.peer.streams[1].closed);
    run_for(10);
    gw_call_request(r->call, 1);
    r->on_message = NULL;
    run_until(r->messages == 1);
    gw_call_cancel(r->call);
    run_for(10);
    assert_int_equal(r->ended, 0);
}

static void a_held_end_survives_the_peers_goaway(void **state)
{
    (void)state;
    fx.peer.on_request = answer_two_and_fail;
    fx.destroy_on_close = true;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(fx.peer.streams[0].closed);
    nghttp2_submit_goaway(fx.peer.session, 0, fx.peer.streams[0].id, NGHTTP2_NO_ERROR, NULL, 0);
    run_until(fx.last_state == GW_CLIENT_DRAINING);
    run_for(10);
    assert_int_equal(fx.closed, 0);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(fx.closed);
    assert_int_equal(r->result.status, GW_ABORTED);
}

static void a_whole_answer_survives_the_loss_of_the_connection(void **state)
{
    (void)state;
    fx.peer.on_request = answer_two_and_fail;
    fx.destroy_on_close = true;
    fixture_connect();
    struct record *r = start_unread(0);
    run_until(fx.peer.streams[0].closed);
    run_for(10);
    assert_int_equal(r->messages, 0);
    peer_disconnect(&fx.peer);
    run_until(fx.closed);
    assert_text(r->bytes, "onetwo");
    assert_int_equal(r->ended, 1);
    assert_int_equal(r->result.status, GW_ABORTED);
    assert_true(r->result.from_peer);
}

static void a_request_larger_than_the_peers_window_waits_for_it(void **state)
{
    (void)state;
    fx.peer.stalled = false;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    struct gw_buf framed = GW_BUF_HEAP;
    gw_grpc_prefix_write(gw_buf_reserve(&framed, 5), 1 << 20);
    framed.len = 5;
    memset(gw_buf_reserve(&framed, 1 << 20), 'r', 1 << 20);
    framed.len += 1 << 20;
    struct gw_call_params params = params_for(&fx.records[0]);
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, gw_buf_slice(&framed), GW_SEND_END);
    gw_call_request(r->call, GW_REQUEST_ALL);
    gw_loop_turn(fx.loop, 1);
    gw_loop_turn(fx.loop, 1);
    assert_int_equal(r->sent, 0);
    run_until(r->ended);
    assert_int_equal(r->sent, 1);
    assert_int_equal(r->bytes.len, 1 << 20);
    gw_buf_dispose(&framed);
}

/* A peer with a great window that does not read: what is framed stays within one write. */
static void a_peer_that_does_not_read_does_not_fill_our_memory(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30};
    nghttp2_submit_settings(fx.peer.session, 0, &window, 1);
    nghttp2_session_set_local_window_size(fx.peer.session, 0, 0, 1 << 30);
    run_for(20);
    fx.peer.stalled = true;

    const size_t size = 64 << 20;
    char *big = gw_alloc(size + 5);
    gw_grpc_prefix_write(big, (uint32_t)size);
    struct gw_call_params params = params_for(&fx.records[0]);
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, gw_slice(big, size + 5), GW_SEND_END);
    run_for(100);
    assert_int_equal(r->sent, 0);
    assert_true(fx.client->output.writing);
    assert_in_range(fx.client->output.bytes.capacity, 1, 4 * GW_H2_OUTPUT_BYTES);

    /* Cancelled with frames in the write: the rest is never sent. */
    gw_call_cancel(r->call);
    free(big);
    fx.peer.stalled = false;
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
    assert_true(fx.peer.streams[0].body.len < size);
}

/* More requests than one write takes: the last ones wait in nghttp2, which only borrows their
 * metadata. */
static void a_request_that_was_not_framed_may_be_cancelled(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    run_for(10);
    const size_t size = 60000;
    char *big = gw_alloc(size);
    memset(big, 'v', size);
    struct gw_metadatum metadata = {GW_SLICE("x-big"), gw_slice(big, size)};
    for (size_t i = 0; i < 8; i++) {
        struct gw_call_params params = params_for(&fx.records[i]);
        params.metadata = (struct gw_metadata){&metadata, 1};
        start_with(i, &params);
        gw_call_send(fx.records[i].call, GW_SLICE("\0\0\0\0\0"), GW_SEND_END);
    }
    gw_loop_turn(fx.loop, 0);
    assert_int_equal(fx.client->stream_count, 8);
    assert_true(nghttp2_session_want_write(fx.client->session));
    for (size_t i = 0; i < 8; i++)
        gw_call_cancel(fx.records[i].call);
    memset(big, 'x', size);
    free(big);
    run_until(fx.client->stream_count == 0);
    run_for(20);
    assert_in_range(fx.peer.stream_count, 1, 7);
    for (size_t i = 0; i < fx.peer.stream_count; i++) {
        assert_int_equal(fx.peer.streams[i].error_code, NGHTTP2_CANCEL);
        assert_false(contains(&fx.peer.streams[i].head, "x-big: x"));
    }
    fx.peer.on_request = peer_echo;
    struct record *r = &fx.records[0];
    *r = (struct record){0};
    start_unary(0);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
}

static void an_idle_connection_holds_no_output(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    run_for(10);
    assert_null(fx.client->output.bytes.base);
    assert_int_equal(fx.client->socket->input->capacity, 2 * H2O_SOCKET_INITIAL_INPUT_BUFFER_SIZE);
    assert_null(fx.client->socket->input->bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_peer_whose_messages_nobody_asks_for_is_held_back),
        TEST(a_stream_may_be_read_one_by_one),
        TEST(a_stream_may_be_read_one_a_turn),
        TEST(calls_that_nobody_reads_do_not_stop_the_others),
        TEST(the_connections_window_is_given_back),
        TEST(a_message_larger_than_the_window_comes_whole),
        TEST(the_end_waits_for_messages_that_were_not_asked_for),
        TEST(a_held_end_may_be_cancelled),
        TEST(a_held_end_survives_the_peers_goaway),
        TEST(a_whole_answer_survives_the_loss_of_the_connection),
        TEST(a_request_larger_than_the_peers_window_waits_for_it),
        TEST(a_peer_that_does_not_read_does_not_fill_our_memory),
        TEST(a_request_that_was_not_framed_may_be_cancelled),
        TEST(an_idle_connection_holds_no_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
