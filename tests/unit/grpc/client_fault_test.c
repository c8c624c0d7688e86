/* Peers that break off, refuse, answer nonsense or do not answer. */
#include <sys/un.h>

#include "record.h"

static void assert_result(const struct record *r, int status, int http_status,
                          enum gw_call_fate fate)
{
    assert_int_equal(r->ended, 1);
    assert_int_equal(r->result.status, status);
    assert_int_equal(r->result.http_status, http_status);
    assert_int_equal(r->result.fate, fate);
    assert_false(r->result.from_peer);
    assert_true(r->message.len > 0);
}

/* --- the connection --- */

static void a_refused_connection_is_unavailable(void **state)
{
    (void)state;
    close(fx.peer.listener);
    fx.peer.listener = -1;
    fx.destroy_on_close = true;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(fx.closed);
    assert_result(r, GW_UNAVAILABLE, 503, GW_CALL_UNSENT);
    assert_string_equal(fx.reason, "cannot connect: Connection refused");
    assert_string_equal(r->reason, fx.reason);
    assert_memory_equal(r->message.base, "no connection could be made", r->message.len);
}

static void an_address_that_cannot_be_tried_is_reported_later(void **state)
{
    (void)state;
    struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    fx.client =
        gw_grpc_client_create(fx.loop, (struct sockaddr *)&nowhere, sizeof(nowhere),
                              &(struct gw_grpc_client_options){.connect_timeout_ms = 1000,
                                                               .on_change = fixture_on_change});
    struct record *r = start_unary(0);
    assert_int_equal(fx.closed + r->ended, 0);
    run_until(fx.closed);
    assert_result(r, GW_UNAVAILABLE, 503, GW_CALL_UNSENT);
    assert_string_equal(fx.reason, "cannot connect: No such file or directory");
}

static void a_peer_that_says_nothing_times_out(void **state)
{
    (void)state;
    fx.peer.raw = true;
    fixture_connect_to(fx.peer.port, 50);
    struct record *r = start_unary(0);
    uint64_t begin_ms = gw_clock_ms();
    run_until(fx.closed);
    assert_in_range(gw_clock_ms() - begin_ms, 49, 500);
    assert_result(r, GW_UNAVAILABLE, 503, GW_CALL_UNSENT);
    assert_non_null(strstr(fx.reason, "SETTINGS"));
}

static void answer_raw(struct gw_slice bytes)
{
    fx.peer.raw = true;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(fx.peer.received.len >= 24);
    assert_int_equal(send(fx.peer.fd, bytes.base, bytes.len, MSG_NOSIGNAL), bytes.len);
    run_until(fx.closed);
    assert_result(r, GW_INTERNAL, 502, GW_CALL_UNSENT);
    assert_string_equal(fx.reason, "the peer does not speak HTTP/2");
}

static void an_http1_answer_is_a_bad_gateway(void **state)
{
    (void)state;
    answer_raw(GW_SLICE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
}

static void garbage_is_a_bad_gateway(void **state)
{
    (void)state;
    answer_raw(GW_SLICE("\x7f"
                        "ELF\1\2\3\4\5\6\7\10 and much more of it, none of it a frame"));
}

static void a_first_frame_that_is_not_settings_is_a_bad_gateway(void **state)
{
    (void)state;
    answer_raw(GW_SLICE("\0\0\10\6\0\0\0\0\0abcdefgh"));
}

static void a_protocol_error_later_ends_all_calls(void **state)
{
    (void)state;
    fixture_connect();
    start_unary(0);
    run_until(fx.peer.stream_count == 1);
    /* DATA on a stream that was never opened. */
    assert_int_equal(send(fx.peer.fd, "\0\0\1\0\0\0\0\0\63x", 10, MSG_NOSIGNAL), 10);
    run_until(fx.closed);
    assert_result(&fx.records[0], GW_INTERNAL, 502, GW_CALL_SEEN);
    assert_string_equal(fx.reason, "the peer broke the HTTP/2 protocol");
}

static void a_lost_connection_is_unavailable_and_only_waiting_calls_are_unsent(void **state)
{
    (void)state;
    fx.peer.max_streams = 1;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    start_unary(0);
    start_unary(1);
    run_until(fx.peer.stream_count == 1);
    close(fx.peer.listener);
    fx.peer.listener = -1;
    peer_disconnect(&fx.peer);
    run_until(fx.closed);
    assert_result(&fx.records[0], GW_UNAVAILABLE, 503, GW_CALL_SEEN);
    assert_result(&fx.records[1], GW_UNAVAILABLE, 503, GW_CALL_UNSENT);
    assert_string_equal(fx.reason, "connection lost: closed by the peer");
    assert_string_equal(fx.records[0].reason, fx.reason);
    struct gw_call_params params = params_for(&fx.records[2]);
    assert_null(gw_grpc_client_start(fx.client, &params));
}

static void an_answer_sent_before_the_connection_is_lost_counts(void **state)
{
    (void)state;
    fx.peer.on_request = peer_echo;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    gw_loop_turn(fx.loop, 10);
    close(fx.peer.listener);
    fx.peer.listener = -1;
    while (!fx.peer.stream_count) {
        peer_pump(&fx.peer);
        if (fx.peer.stream_count == 0)
            gw_loop_turn(fx.loop, 1);
    }
    peer_flush(&fx.peer);
    peer_disconnect(&fx.peer);
    run_until(fx.closed);
    assert_int_equal(r->result.status, GW_OK);
    assert_text(r->bytes, "hello");
}

static void goaway_lets_started_calls_finish_and_refuses_the_rest(void **state)
{
    (void)state;
    fx.peer.max_streams = 2;
    fx.destroy_on_close = true;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    for (size_t i = 0; i < 3; i++)
        start_unary(i);
    run_until(fx.peer.stream_count == 2);
    nghttp2_submit_goaway(fx.peer.session, 0, fx.peer.streams[0].id, NGHTTP2_NO_ERROR, NULL, 0);
    run_until(fx.records[1].ended && fx.records[2].ended);
    assert_result(&fx.records[1], GW_UNAVAILABLE, 503, GW_CALL_RETIRED); /* above the last stream */
    assert_result(&fx.records[2], GW_UNAVAILABLE, 503, GW_CALL_UNSENT);  /* was waiting */
    assert_int_equal(fx.records[1].result.taken, 1);
    assert_int_equal(fx.records[2].result.taken, 1);
    run_until(fx.last_state == GW_CLIENT_DRAINING);
    struct gw_call_params params = params_for(&fx.records[3]);
    assert_null(gw_grpc_client_start(fx.client, &params));
    assert_int_equal(fx.records[0].ended, 0);
    peer_echo(&fx.peer.streams[0]);
    run_until(fx.closed);
    assert_int_equal(fx.records[0].result.status, GW_OK);
}

static void goaway_on_an_idle_connection_closes_it(void **state)
{
    (void)state;
    fx.destroy_on_close = true;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    nghttp2_submit_goaway(fx.peer.session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
    run_until(fx.closed);
}

static void a_flood_of_pings_ends_the_connection(void **state)
{
    (void)state;
    fixture_connect();
    start_unary(0);
    run_until(fx.peer.stream_count == 1);
    fx.peer.stalled = true;
    struct gw_buf flood = GW_BUF_HEAP;
    for (int i = 0; i < 5000; i++)
        gw_buf_append(&flood, GW_SLICE("\0\0\10\6\0\0\0\0\0abcdefgh"));
    assert_int_equal(send(fx.peer.fd, flood.base, flood.len, MSG_NOSIGNAL), flood.len);
    gw_buf_dispose(&flood);
    run_until(fx.closed);
    assert_result(&fx.records[0], GW_INTERNAL, 502, GW_CALL_SEEN);
}

/* --- the answer --- */

/* The call's end; the connection survives, which a second call shows. */
static struct record *run_answer(void (*fn)(struct peer_stream *stream))
{
    fx.peer.on_request = fn;
    fixture_connect();
    struct record *r = start_unary(0);
    run_until(r->ended);
    fx.peer.on_request = peer_echo;
    struct record *again = start_unary(1);
    run_until(again->ended);
    assert_int_equal(again->result.status, GW_OK);
    assert_int_equal(fx.closed, 0);
    return r;
}

static uint32_t reset_code;

static void answer_reset(struct peer_stream *stream)
{
    peer_reset(stream, reset_code);
}

static void assert_reset(uint32_t code, int status, int http_status, enum gw_call_fate fate)
{
    reset_code = code;
    assert_result(run_answer(answer_reset), status, http_status, fate);
}

#define RESET_TEST(name, ...)                                                                      \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        assert_reset(__VA_ARGS__);                                                                 \
    }

RESET_TEST(a_refused_stream_may_go_again, NGHTTP2_REFUSED_STREAM, GW_UNAVAILABLE, 503,
           GW_CALL_REFUSED)

static void answer_and_refuse(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_message(stream, GW_SLICE("one"));
    peer_flush(stream->peer);
    peer_reset(stream, NGHTTP2_REFUSED_STREAM);
}

static void a_stream_refused_after_it_was_answered_may_not_go_again(void **state)
{
    (void)state;
    assert_result(run_answer(answer_and_refuse), GW_UNAVAILABLE, 503, GW_CALL_SEEN);
}

RESET_TEST(a_cancelled_stream_is_cancelled, NGHTTP2_CANCEL, GW_CANCELLED, 0, GW_CALL_SEEN)
RESET_TEST(a_peer_that_asks_for_calm_is_exhausted, NGHTTP2_ENHANCE_YOUR_CALM, GW_RESOURCE_EXHAUSTED,
           0, GW_CALL_SEEN)
RESET_TEST(a_peer_that_asks_for_security_denies, NGHTTP2_INADEQUATE_SECURITY, GW_PERMISSION_DENIED,
           0, GW_CALL_SEEN)
RESET_TEST(an_internal_error_is_internal, NGHTTP2_INTERNAL_ERROR, GW_INTERNAL, 502, GW_CALL_SEEN)
RESET_TEST(a_reset_without_an_error_is_internal, NGHTTP2_NO_ERROR, GW_INTERNAL, 502, GW_CALL_SEEN)

static void answer_not_grpc(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", "text/html")};
    peer_send_headers(stream, nv, 2);
    peer_send_bytes(stream, GW_SLICE("<html>"));
    stream->end_without_trailers = true;
}

static void another_content_type_is_a_bad_gateway(void **state)
{
    (void)state;
    assert_result(run_answer(answer_not_grpc), GW_UNKNOWN, 502, GW_CALL_SEEN);
}

static void answer_503(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "503"), NV("content-type", "text/plain")};
    nghttp2_submit_response(stream->peer->session, stream->id, nv, 2, NULL);
}

static void an_http_error_is_mapped(void **state)
{
    (void)state;
    assert_result(run_answer(answer_503), GW_UNAVAILABLE, 0, GW_CALL_SEEN);
}

static void answer_404_with_body(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "404"), NV("content-type", "application/grpc")};
    peer_send_headers(stream, nv, 2);
    peer_send_bytes(stream, GW_SLICE("nothing here"));
    stream->end_without_trailers = true;
}

static void an_http_error_with_a_body_is_mapped(void **state)
{
    (void)state;
    assert_result(run_answer(answer_404_with_body), GW_UNIMPLEMENTED, 0, GW_CALL_SEEN);
}

static void answer_without_trailers(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_message(stream, GW_SLICE("m"));
    stream->end_without_trailers = true;
}

static void an_answer_without_trailers_is_malformed(void **state)
{
    (void)state;
    struct record *r = run_answer(answer_without_trailers);
    assert_result(r, GW_UNKNOWN, 502, GW_CALL_SEEN);
    assert_int_equal(r->messages, 1);
}

static void answer_without_grpc_status(struct peer_stream *stream)
{
    static nghttp2_nv nv[] = {NV("x-tail", "t")};
    peer_send_grpc_headers(stream);
    peer_send_trailers(stream, nv, 1);
}

static void trailers_without_a_status_are_malformed(void **state)
{
    (void)state;
    assert_result(run_answer(answer_without_grpc_status), GW_UNKNOWN, 502, GW_CALL_SEEN);
}

static void answer_compressed(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_bytes(stream, GW_SLICE("\1\0\0\0\1x"));
}

static void a_compressed_message_is_malformed(void **state)
{
    (void)state;
    assert_result(run_answer(answer_compressed), GW_INTERNAL, 502, GW_CALL_SEEN);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
}

static void answer_huge(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_bytes(stream, GW_SLICE("\0\0\100\0\1x"));
}

static void a_message_over_the_limit_is_refused(void **state)
{
    (void)state;
    assert_result(run_answer(answer_huge), GW_RESOURCE_EXHAUSTED, 502, GW_CALL_SEEN);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
}

static void answer_half(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_bytes(stream, GW_SLICE("\0\0\0\0\12half"));
    peer_send_ok(stream);
}

static void an_answer_that_ends_within_a_message_is_malformed(void **state)
{
    (void)state;
    struct record *r = run_answer(answer_half);
    assert_result(r, GW_INTERNAL, 502, GW_CALL_SEEN);
    assert_int_equal(r->messages, 0);
}

static void answer_half_and_fail(struct peer_stream *stream)
{
    static nghttp2_nv nv[] = {NV("grpc-status", "10"), NV("grpc-message", "stopped")};
    peer_send_grpc_headers(stream);
    peer_send_bytes(stream, GW_SLICE("\0\0\0\0\12half"));
    peer_send_trailers(stream, nv, 2);
}

static void the_peers_own_error_beats_a_half_message(void **state)
{
    (void)state;
    struct record *r = run_answer(answer_half_and_fail);
    assert_int_equal(r->result.status, GW_ABORTED);
    assert_true(r->result.from_peer);
    assert_text(r->message, "stopped");
}

static void answer_many_headers(struct peer_stream *stream)
{
    nghttp2_nv nv[302] = {NV(":status", "200"), NV("content-type", "application/grpc")};
    for (size_t i = 2; i < 302; i++)
        nv[i] = (nghttp2_nv)NV("x-bomb", "v");
    peer_send_headers(stream, nv, 302);
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    assert_result(run_answer(answer_many_headers), GW_RESOURCE_EXHAUSTED, 502, GW_CALL_SEEN);
}

static void answer_big_header(struct peer_stream *stream)
{
    static char big[60000];
    memset(big, 'v', sizeof(big));
    nghttp2_nv nv[4] = {NV(":status", "200"), NV("content-type", "application/grpc")};
    nv[2] = (nghttp2_nv){(uint8_t *)"x-bomb", (uint8_t *)big, 6, 30000, NGHTTP2_NV_FLAG_NO_INDEX};
    nv[3] = (nghttp2_nv){(uint8_t *)"x-bomb", (uint8_t *)big, 6, 40000, NGHTTP2_NV_FLAG_NO_INDEX};
    static nghttp2_nv tail[] = {NV("grpc-status", "0")};
    peer_send_headers(stream, nv, 4);
    peer_send_trailers(stream, tail, 1);
}

static void headers_over_64_kib_are_refused(void **state)
{
    (void)state;
    assert_result(run_answer(answer_big_header), GW_RESOURCE_EXHAUSTED, 502, GW_CALL_SEEN);
}

static void answer_early(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", "application/grpc"),
                       NV("grpc-status", "7")};
    nghttp2_submit_response(stream->peer->session, stream->id, nv, 3, NULL);
}

static void an_answer_before_the_request_has_ended_is_final(void **state)
{
    (void)state;
    fx.peer.on_headers = answer_early;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\1a"), GW_SEND_MORE);
    gw_call_request(r->call, 1);
    run_until(fx.peer.stream_count == 1);
    assert_int_equal(r->ended, 0);
    peer_reset(&fx.peer.streams[0], NGHTTP2_NO_ERROR); /* comes in the same read */
    peer_flush(&fx.peer);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_PERMISSION_DENIED);
    assert_true(r->result.from_peer);
    run_for(10);
    assert_int_equal(fx.closed, 0);
}

static void a_stream_left_half_open_by_an_early_answer_is_reset(void **state)
{
    (void)state;
    fx.peer.on_headers = answer_early;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    struct record *r = start_with(0, &params);
    run_until(r->ended);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
}

static void answer_continue_first(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "103"), NV("link", "x")};
    nghttp2_submit_headers(stream->peer->session, 0, stream->id, NULL, nv, 2, NULL);
    peer_echo(stream);
}

static void an_informational_answer_is_passed_over(void **state)
{
    (void)state;
    struct record *r = run_answer(answer_continue_first);
    assert_int_equal(r->headers, 1);
    assert_text(r->header_text, "");
    assert_int_equal(r->result.status, GW_OK);
}

/* --- deadlines --- */

static void a_call_without_an_answer_ends_at_its_deadline(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    struct gw_call_params params = params_for(&fx.records[0]);
    uint64_t begin_ms = gw_clock_ms();
    params.deadline_ms = begin_ms + 40;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\1a"), GW_SEND_END);
    run_until(r->ended);
    assert_in_range(gw_clock_ms() - begin_ms, 40, 500);
    assert_result(r, GW_DEADLINE_EXCEEDED, 504, GW_CALL_SEEN);
    run_until(fx.peer.streams[0].closed);
    assert_int_equal(fx.peer.streams[0].error_code, NGHTTP2_CANCEL);
}

static void a_deadline_in_the_past_ends_the_call_later(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    struct gw_call_params params = params_for(&fx.records[0]);
    params.deadline_ms = 1;
    struct record *r = start_with(0, &params);
    assert_int_equal(r->ended, 0);
    run_until(r->ended);
    assert_result(r, GW_DEADLINE_EXCEEDED, 504, GW_CALL_UNSENT);
    run_for(10);
    assert_int_equal(fx.peer.stream_count, 0);
}

static void a_waiting_call_ends_at_its_deadline(void **state)
{
    (void)state;
    fx.peer.max_streams = 0;
    fx.peer.raw = true;
    fixture_connect();
    struct gw_call_params params = params_for(&fx.records[0]);
    params.deadline_ms = gw_clock_ms() + 30;
    struct record *r = start_with(0, &params);
    run_until(r->ended);
    assert_result(r, GW_DEADLINE_EXCEEDED, 504, GW_CALL_UNSENT);
}

static void a_deadline_that_the_peer_keeps_first_is_still_a_deadline(void **state)
{
    (void)state;
    fixture_connect();
    run_until(gw_grpc_client_state(fx.client) == GW_CLIENT_READY);
    struct gw_call_params params = params_for(&fx.records[0]);
    params.deadline_ms = gw_clock_ms() + 200;
    struct record *r = start_with(0, &params);
    run_until(fx.peer.stream_count == 1);
    while (gw_clock_ms() + 1 < params.deadline_ms)
        usleep(100);
    peer_reset(&fx.peer.streams[0], NGHTTP2_CANCEL);
    peer_flush(&fx.peer);
    run_until(r->ended);
    assert_result(r, GW_DEADLINE_EXCEEDED, 504, GW_CALL_SEEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_refused_connection_is_unavailable),
        TEST(an_address_that_cannot_be_tried_is_reported_later),
        TEST(a_peer_that_says_nothing_times_out),
        TEST(an_http1_answer_is_a_bad_gateway),
        TEST(garbage_is_a_bad_gateway),
        TEST(a_first_frame_that_is_not_settings_is_a_bad_gateway),
        TEST(a_protocol_error_later_ends_all_calls),
        TEST(a_lost_connection_is_unavailable_and_only_waiting_calls_are_unsent),
        TEST(an_answer_sent_before_the_connection_is_lost_counts),
        TEST(goaway_lets_started_calls_finish_and_refuses_the_rest),
        TEST(goaway_on_an_idle_connection_closes_it),
        TEST(a_flood_of_pings_ends_the_connection),
        TEST(a_refused_stream_may_go_again),
        TEST(a_stream_refused_after_it_was_answered_may_not_go_again),
        TEST(a_cancelled_stream_is_cancelled),
        TEST(a_peer_that_asks_for_calm_is_exhausted),
        TEST(a_peer_that_asks_for_security_denies),
        TEST(an_internal_error_is_internal),
        TEST(a_reset_without_an_error_is_internal),
        TEST(another_content_type_is_a_bad_gateway),
        TEST(an_http_error_is_mapped),
        TEST(an_http_error_with_a_body_is_mapped),
        TEST(an_answer_without_trailers_is_malformed),
        TEST(trailers_without_a_status_are_malformed),
        TEST(a_compressed_message_is_malformed),
        TEST(a_message_over_the_limit_is_refused),
        TEST(an_answer_that_ends_within_a_message_is_malformed),
        TEST(the_peers_own_error_beats_a_half_message),
        TEST(too_many_headers_are_refused),
        TEST(headers_over_64_kib_are_refused),
        TEST(an_answer_before_the_request_has_ended_is_final),
        TEST(a_stream_left_half_open_by_an_early_answer_is_reset),
        TEST(an_informational_answer_is_passed_over),
        TEST(a_call_without_an_answer_ends_at_its_deadline),
        TEST(a_deadline_in_the_past_ends_the_call_later),
        TEST(a_waiting_call_ends_at_its_deadline),
        TEST(a_deadline_that_the_peer_keeps_first_is_still_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
