#include "grpc/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/connect.h"
#include "grpc/client_internal.h"
#include "grpc/h2_memory.h"

/* Servers end a connection that resets too many streams (rapid reset, CVE-2023-44487): nghttp2's at
 * 1000 and 33 a second, ours at 200 and 50. Clients of ours that leave must not have that done to
 * the calls of others. Beyond this budget the connection takes no more calls; it tells of those
 * that are cancelled as slowly as this, and of the rest by its end. */
#define RESET_BURST 160
#define RESETS_PER_SECOND 30

/* gRPC's C core counts a stream until it has learnt that its end was written, which takes it a
 * moment longer than us: a call that takes the place at once is refused. After the first refusal
 * places are given again one to two of these later. */
#define HOLD_MS 10

/* A connection whose window has less left than this can hardly take a call's message: what is open
 * has used it, and may be read slowly or not at all. */
#define TIGHT_WINDOW (16 << 10)

/* Until the peer's SETTINGS say otherwise; nghttp2's own. */
#define FIRST_STREAM_LIMIT 100

/* --- closing --- */

static void dispose(struct gw_grpc_client *client);

void gw_client_leave(struct gw_grpc_client *client)
{
    if (--client->entered == 0 && client->destroyed)
        dispose(client);
}

void gw_client_flush_later(struct gw_grpc_client *client)
{
    gw_loop_defer(client->loop, &client->flush);
}

static struct gw_client_call *first_not_ended(struct gw_grpc_client *client)
{
    struct gw_client_call *call = TAILQ_FIRST(&client->open);
    while (call != NULL && call->ended)
        call = TAILQ_NEXT(call, link);
    return call != NULL ? call : TAILQ_FIRST(&client->waiting);
}

static void end_calls(struct gw_grpc_client *client, int status, int http_status,
                      const char *message)
{
    struct gw_client_call *call;
    while ((call = first_not_ended(client)) != NULL)
        gw_client_call_lose(call, status, http_status, message);
}

static void close_socket(struct gw_grpc_client *client)
{
    gw_timer_stop(client->loop, &client->connect_timer);
    gw_timer_stop(client->loop, &client->reset_timer);
    gw_timer_stop(client->loop, &client->hold_timer);
    if (client->socket != NULL)
        h2o_socket_close(client->socket);
    client->socket = NULL;
    gw_h2_output_dispose(&client->output);
}

static void drop_session(struct gw_grpc_client *client)
{
    /* nghttp2 reports no stream as closed here. */
    struct gw_client_call *call, *next;
    for (call = TAILQ_FIRST(&client->open); call != NULL; call = next) {
        next = TAILQ_NEXT(call, link);
        call->stream_open = false;
        if (call->ended) {
            TAILQ_REMOVE(&client->open, call, link);
            gw_client_call_free(call);
        }
    }
    client->stream_count = 0;
    TAILQ_INIT(&client->unreset);
    nghttp2_session_del(client->session);
    client->session = NULL;
}

/* The connection is over. Never from within nghttp2's callbacks. */
static void shut(struct gw_grpc_client *client, int status, int http_status, const char *message)
{
    if (client->state == GW_CLIENT_CLOSED)
        return;
    client->state = GW_CLIENT_CLOSED;
    client->closed_status = http_status;
    close_socket(client);
    drop_session(client);
    end_calls(client, status, http_status, message);
    client->changed = false;
    if (!client->destroyed)
        client->options.on_change(client->options.arg, client,
                                  *client->closed_reason ? client->closed_reason : message);
}

/* The system's words are for the logs. */
static void shut_failed(struct gw_grpc_client *client, const char *message, const char *what,
                        const char *why)
{
    snprintf(client->closed_reason, sizeof(client->closed_reason), "%s: %s", what, why);
    shut(client, GW_UNAVAILABLE, 503, message);
}

static void shut_unconnected(struct gw_grpc_client *client, int error)
{
    shut_failed(client, "no connection could be made", "cannot connect", strerror(error));
}

/* libh2o calls back right behind the system call that failed, and keeps no errno of its own; of
 * writes it tells later. */
static void shut_lost(struct gw_grpc_client *client, const char *error, int read_errno)
{
    const char *why = error == h2o_socket_error_closed ? "closed by the peer"
                      : read_errno != 0                ? strerror(read_errno)
                                                       : "cannot be written to";
    shut_failed(client, "the connection was lost", "connection lost", why);
}

static void shut_not_http2(struct gw_grpc_client *client)
{
    shut(client, GW_INTERNAL, 502,
         client->settings_received ? "the peer broke the HTTP/2 protocol"
                                   : "the peer does not speak HTTP/2");
}

static void dispose(struct gw_grpc_client *client)
{
    close_socket(client);
    drop_session(client);
    gw_task_cancel(client->loop, &client->flush);
    gw_task_cancel(client->loop, &client->inflate);
    gw_header_block_clear(&client->block);
    gw_block_fit_dispose(&client->fit);
    free(client);
}

void gw_grpc_client_destroy(struct gw_grpc_client *client)
{
    if (client == NULL)
        return;
    gw_client_enter(client);
    client->destroyed = true;
    client->state = GW_CLIENT_CLOSED;
    end_calls(client, GW_UNAVAILABLE, 503, "the connection was closed");
    gw_client_leave(client);
}

/* --- resets --- */

/* What has not gone out is taken back by nghttp2, of which the peer learns nothing: and at once,
 * because the headers are borrowed. */
static bool has_gone_out(const struct gw_grpc_client *client, const struct gw_client_call *call)
{
    return nghttp2_session_find_stream(client->session, call->stream_id) != NULL;
}

static void wear_out(struct gw_grpc_client *client)
{
    client->is_worn = true;
    gw_grpc_client_drain(client);
}

static bool try_reset(struct gw_grpc_client *client, const struct gw_client_call *call)
{
    if (has_gone_out(client, call) &&
        !gw_budget_spend(&client->resets, gw_loop_now_ms(client->loop)))
        return false;
    nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
    gw_client_flush_later(client);
    return true;
}

void gw_client_count_reset(struct gw_grpc_client *client)
{
    if (gw_budget_spend(&client->resets, gw_loop_now_ms(client->loop)))
        return;
    wear_out(client);
}

static void start_reset_timer(struct gw_grpc_client *client)
{
    gw_timer_start(client->loop, &client->reset_timer,
                   gw_loop_now_ms(client->loop) + 1000 / RESETS_PER_SECOND + 1);
}

static void on_reset_timer(struct gw_timer *timer)
{
    struct gw_grpc_client *client =
        H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, reset_timer, timer);
    struct gw_client_call *call;
    while ((call = TAILQ_FIRST(&client->unreset)) != NULL && try_reset(client, call)) {
        TAILQ_REMOVE(&client->unreset, call, due_link);
        call->is_unreset = false;
    }
    if (call != NULL)
        start_reset_timer(client);
}

void gw_client_reset(struct gw_grpc_client *client, struct gw_client_call *call)
{
    if (try_reset(client, call))
        return;
    wear_out(client);
    call->is_unreset = true;
    TAILQ_INSERT_TAIL(&client->unreset, call, due_link);
    if (!gw_timer_is_running(&client->reset_timer))
        start_reset_timer(client);
}

/* --- places that are not free yet --- */

void gw_client_hold_place(struct gw_grpc_client *client)
{
    if (client->state != GW_CLIENT_READY)
        return;
    client->held_slots[0]++;
    if (!gw_timer_is_running(&client->hold_timer))
        gw_timer_start(client->loop, &client->hold_timer, gw_loop_now_ms(client->loop) + HOLD_MS);
}

/* Streams may have ended just now, so every place that was used before is held. */
static void learn_early_refusal(struct gw_grpc_client *client)
{
    if (client->refuses_early)
        return;
    client->refuses_early = true;
    uint32_t ended = client->started_count - client->call_count;
    uint32_t unused = client->stream_limit > client->stream_count
                          ? client->stream_limit - client->stream_count
                          : 0;
    client->held_slots[0] = ended < unused ? ended : unused;
}

static void on_hold_timer(struct gw_timer *timer)
{
    struct gw_grpc_client *client =
        H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, hold_timer, timer);
    client->held_slots[1] = client->held_slots[0];
    client->held_slots[0] = 0;
    if (client->held_slots[1] > 0)
        gw_timer_start(client->loop, &client->hold_timer, gw_loop_now_ms(client->loop) + HOLD_MS);
    client->changed = true;
    gw_client_flush_later(client);
}

/* --- flushing: once at the end of a turn --- */

static void on_written(h2o_socket_t *socket, const char *error);

static void submit_waiting(struct gw_grpc_client *client)
{
    if (!client->settings_received || client->goaway_received || client->output.writing)
        return;
    struct gw_client_call *call;
    while (client->stream_count < client->stream_limit &&
           (call = TAILQ_FIRST(&client->waiting)) != NULL)
        gw_client_call_submit(call);
}

/* Whether there was any. */
static bool run_due(struct gw_grpc_client *client)
{
    struct gw_client_call *call;
    bool any = false;
    while ((call = TAILQ_FIRST(&client->due)) != NULL) {
        TAILQ_REMOVE(&client->due, call, due_link);
        call->is_due = false;
        gw_client_call_run_due(call);
        any = true;
    }
    return any;
}

/* GOAWAY, as far as the socket takes it at once. */
static void say_goodbye(struct gw_grpc_client *client, uint32_t error_code)
{
    nghttp2_session_terminate_session(client->session, error_code);
    if (gw_h2_output_collect(&client->output, client->session) == 0)
        gw_h2_output_write(&client->output, client->socket, on_written);
}

static void close_drained(struct gw_grpc_client *client)
{
    if (client->session != NULL)
        say_goodbye(client, NGHTTP2_NO_ERROR);
    shut(client, GW_UNAVAILABLE, 503, "the connection was drained");
}

/* nghttp2 has sent a GOAWAY because of what the peer sent. (After the peer's own GOAWAY it also
 * wants nothing more once the last stream is closed, though messages may still be to be taken.) */
static bool has_broken_off(const struct gw_grpc_client *client)
{
    return !nghttp2_session_want_read(client->session) &&
           !(client->goaway_received && client->stream_count == 0);
}

static void flush_session(struct gw_grpc_client *client)
{
    submit_waiting(client);
    int rc;
    do
        rc = gw_h2_output_collect(&client->output, client->session);
    while (rc == 0 && run_due(client));
    if (client->destroyed)
        return;
    gw_h2_output_write(&client->output, client->socket, on_written);
    if (rc < 0 || has_broken_off(client))
        shut_not_http2(client);
}

static void on_flush(struct gw_task *task)
{
    struct gw_grpc_client *client = H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, flush, task);
    gw_client_enter(client);
    if (client->state == GW_CLIENT_DRAINING && client->call_count == 0)
        close_drained(client);
    else if (client->session != NULL)
        flush_session(client);
    else if (client->socket == NULL)
        shut_unconnected(client, client->connect_errno);
    if (client->changed && !client->destroyed) {
        client->changed = false;
        client->options.on_change(client->options.arg, client, NULL);
    }
    gw_client_leave(client);
}

static void on_inflate(struct gw_task *task)
{
    struct gw_grpc_client *client = H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, inflate, task);
    gw_client_enter(client);
    gw_client_calls_inflate(client);
    gw_client_leave(client);
}

/* 0, or why the session cannot go on: GW_BLOCK_FIT_TOO_LARGE, or else. */
static int feed(struct gw_grpc_client *client, const void *bytes, size_t length)
{
    struct gw_slice input = gw_slice(bytes, length), piece;
    int rc;
    while ((rc = gw_block_fit_next(&client->fit, &input, &piece)) == GW_BLOCK_FIT_PIECE) {
        if (nghttp2_session_mem_recv(client->session, (const uint8_t *)piece.base, piece.len) < 0)
            return GW_BLOCK_FIT_MALFORMED;
        if (client->fit.stood_in_bytes > 0 && !client->block.is_over)
            gw_header_block_leave_out(&client->block, gw_slice(NULL, 0),
                                      client->fit.stood_in_bytes);
    }
    return rc;
}

/* A peer that closes behind its GOAWAY makes our writing fail before we have read which calls it
 * did not take. */
static void read_what_is_left(struct gw_grpc_client *client)
{
    uint8_t bytes[16384];
    ssize_t n;
    while ((n = recv(h2o_socket_get_fd(client->socket), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 &&
           feed(client, bytes, (size_t)n) == 0)
        ;
}

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct gw_grpc_client *client = socket->data;
    gw_client_enter(client);
    gw_h2_output_written(&client->output);
    if (error != NULL) {
        read_what_is_left(client);
        shut_lost(client, error, 0);
    } else if (nghttp2_session_want_write(client->session) ||
               !nghttp2_session_want_read(client->session) ||
               (!TAILQ_EMPTY(&client->waiting) && client->stream_count < client->stream_limit)) {
        gw_client_flush_later(client);
    }
    gw_client_leave(client);
}

/* --- nghttp2's callbacks --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct gw_grpc_client *client = arg;
    const struct gw_client_call *call =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    gw_header_block_begin(&client->block);
    client->block.keeps_form = call != NULL && call->params.passes_through;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *arg)
{
    (void)flags;
    struct gw_grpc_client *client = arg;
    if (client->fit.stood_in_bytes > 0) {
        gw_header_block_leave_out(&client->block, gw_slice(name, name_length),
                                  client->fit.stood_in_bytes);
        return 0;
    }
    if (gw_header_block_add(&client->block, gw_slice(name, name_length),
                            gw_slice(value, value_length)) == 0)
        return 0;
    struct gw_client_call *call =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call != NULL)
        gw_client_call_give_up_block(call);
    /* nghttp2 resets the stream, and goes on with HPACK alone. */
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Calls that the peer takes at once: none while it gives their streams no window. */
static uint32_t announced_limit(nghttp2_session *session)
{
    if (nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 0)
        return 0;
    return nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static void on_settings(struct gw_grpc_client *client)
{
    client->stream_limit = announced_limit(client->session);
    client->header_list_limit =
        nghttp2_session_get_remote_settings(client->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    client->settings_received = true;
    gw_timer_stop(client->loop, &client->connect_timer);
    if (client->state == GW_CLIENT_CONNECTING)
        client->state = GW_CLIENT_READY;
    client->changed = true;
    gw_client_flush_later(client);
}

/* The owner hears of it before the calls that were not taken end: where they go then, another
 * connection is already being made. */
static void on_goaway(struct gw_grpc_client *client, const nghttp2_goaway *goaway)
{
    client->goaway_received = true;
    client->retires = goaway->error_code == NGHTTP2_NO_ERROR;
    client->last_taken = goaway->last_stream_id;
    if (client->state != GW_CLIENT_CLOSED) {
        client->state = GW_CLIENT_DRAINING;
        client->options.on_change(client->options.arg, client, NULL);
    }
    gw_client_flush_later(client);
    struct gw_client_call *call;
    while ((call = TAILQ_FIRST(&client->waiting)) != NULL)
        gw_client_call_fail(call, GW_UNAVAILABLE, 503, "the peer is going away");
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct gw_grpc_client *client = arg;
    struct gw_client_call *call;
    bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (call != NULL) {
            client->answered_count += !call->headers_seen;
            gw_client_call_on_headers(call, end_stream);
        }
        gw_header_block_clear(&client->block);
        break;
    case NGHTTP2_DATA:
        if (end_stream &&
            (call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id)) != NULL)
            gw_client_call_on_data_end(call);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            on_settings(client);
        break;
    case NGHTTP2_GOAWAY:
        on_goaway(client, &frame->goaway);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->hd.stream_id == 0 && nghttp2_session_get_remote_window_size(session) <=
                                            frame->window_update.window_size_increment) {
            client->changed = true; /* it had been used up */
            gw_client_flush_later(client);
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t length, void *arg)
{
    (void)flags;
    struct gw_grpc_client *client = arg;
    client->unconsumed += length;
    struct gw_client_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    if (call != NULL)
        gw_client_call_on_data(call, gw_slice(data, length));
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *arg)
{
    struct gw_grpc_client *client = arg;
    struct gw_client_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    if (call == NULL)
        return 0;
    if (error_code == NGHTTP2_REFUSED_STREAM && call->has_left && !client->goaway_received)
        learn_early_refusal(client);
    client->stream_count--;
    if (call->is_unreset)
        TAILQ_REMOVE(&client->unreset, call, due_link);
    if (!TAILQ_EMPTY(&client->waiting))
        gw_client_flush_later(client);
    gw_client_call_on_stream_close(call, error_code);
    return 0;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *arg)
{
    (void)session, (void)frame, (void)arg;
    return gw_client_call_on_send_data(source->ptr, head, length);
}

static void on_headers_out(struct gw_h2_output *output, size_t at)
{
    struct gw_grpc_client *client = H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, output, output);
    uint32_t stream_id;
    memcpy(&stream_id, output->bytes.base + at + 5, sizeof(stream_id));
    struct gw_client_call *call =
        nghttp2_session_get_stream_user_data(client->session, (int32_t)be32toh(stream_id));
    if (call == NULL)
        return;
    call->has_left = true;
    if (call->literals_bound == 0)
        return;
    gw_client_call_append_literals(call);
    gw_h2_output_lengthen(output, at);
}

static void create_session(struct gw_grpc_client *client)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        h2o_fatal("no memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, 100);
    nghttp2_option_set_max_continuations(option, GW_BLOCK_FIT_FRAMES);
    /* gRPC's own libraries send messages with space around them. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    nghttp2_mem memory = gw_h2_memory(client->loop);
    if (nghttp2_session_client_new3(&client->session, callbacks, client, option, &memory) != 0)
        h2o_fatal("no memory");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);

    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, GW_CLIENT_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GW_HEADER_BLOCK_BYTES},
    };
    if (nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(*settings)) != 0 ||
        nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE, 0,
                                              GW_CLIENT_CONNECTION_WINDOW) != 0)
        h2o_fatal("no memory");
}

/* --- reading and connecting --- */

static int receive(struct gw_grpc_client *client)
{
    h2o_buffer_t *input = client->socket->input;
    if (input->size == 0)
        return 0;
    int rc = feed(client, input->bytes, input->size);
    h2o_buffer_consume(&client->socket->input, input->size);
    nghttp2_session_consume_connection(client->session, client->unconsumed);
    client->unconsumed = 0;
    return rc;
}

/* Says so to the peer, as far as the socket takes it at once. */
static void shut_over(struct gw_grpc_client *client, int rc)
{
    if (rc != GW_BLOCK_FIT_TOO_LARGE) {
        shut_not_http2(client);
        return;
    }
    say_goodbye(client, NGHTTP2_ENHANCE_YOUR_CALM);
    shut(client, GW_UNAVAILABLE, 503, "the peer sent metadata over 64 MiB");
}

static void on_read(h2o_socket_t *socket, const char *error)
{
    int read_errno = errno;
    struct gw_grpc_client *client = socket->data;
    gw_client_enter(client);
    /* What a peer says before it leaves counts. */
    int rc = receive(client);
    if (rc != 0)
        shut_over(client, rc);
    else if (error != NULL)
        shut_lost(client, error, read_errno);
    else if (nghttp2_session_want_write(client->session) ||
             !nghttp2_session_want_read(client->session))
        gw_client_flush_later(client);
    gw_client_leave(client);
}

static void on_connect(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct gw_grpc_client *client = socket->data;
    int failed = gw_connect_result(socket);
    gw_client_enter(client);
    if (failed != 0) {
        shut_unconnected(client, failed);
    } else {
        create_session(client);
        h2o_socket_read_start(socket, on_read);
        gw_client_flush_later(client);
    }
    gw_client_leave(client);
}

static void on_connect_timeout(struct gw_timer *timer)
{
    struct gw_grpc_client *client =
        H2O_STRUCT_FROM_MEMBER(struct gw_grpc_client, connect_timer, timer);
    gw_client_enter(client);
    if (client->session == NULL)
        shut_unconnected(client, ETIMEDOUT);
    else
        shut(client, GW_UNAVAILABLE, 503, "no HTTP/2 SETTINGS within the connect timeout");
    gw_client_leave(client);
}

/* --- interface --- */

struct gw_grpc_client *gw_grpc_client_create(struct gw_loop *loop, const struct sockaddr *address,
                                             socklen_t address_length,
                                             const struct gw_grpc_client_options *options)
{
    struct gw_grpc_client *client = gw_alloc(sizeof(*client));
    client->loop = loop;
    client->options = *options;
    client->state = GW_CLIENT_CONNECTING;
    client->stream_limit = FIRST_STREAM_LIMIT;
    client->flush.fn = on_flush;
    client->inflate.fn = on_inflate;
    client->output.recycler = gw_loop_recycler(client->loop);
    client->output.on_headers = on_headers_out;
    client->connect_timer.fn = on_connect_timeout;
    client->reset_timer.fn = on_reset_timer;
    client->hold_timer.fn = on_hold_timer;
    gw_budget_init(&client->resets, RESET_BURST, RESETS_PER_SECOND, gw_loop_now_ms(loop));
    TAILQ_INIT(&client->waiting);
    TAILQ_INIT(&client->open);
    TAILQ_INIT(&client->due);
    TAILQ_INIT(&client->unreset);
    TAILQ_INIT(&client->inflating);
    gw_header_block_init(&client->block);
    gw_block_fit_init(&client->fit);

    client->connect_errno =
        gw_connect_start(loop, address, address_length, on_connect, &client->socket);
    if (client->connect_errno == 0) {
        client->socket->data = client;
        gw_timer_start(loop, &client->connect_timer, gw_clock_ms() + options->connect_timeout_ms);
    } else {
        gw_client_flush_later(client); /* says so */
    }
    return client;
}

enum gw_grpc_client_state gw_grpc_client_state(const struct gw_grpc_client *client)
{
    return client->state;
}

int gw_grpc_client_closed_status(const struct gw_grpc_client *client)
{
    return client->closed_status;
}

uint32_t gw_grpc_client_call_count(const struct gw_grpc_client *client)
{
    return client->call_count;
}

uint32_t gw_grpc_client_call_limit(const struct gw_grpc_client *client)
{
    return client->stream_limit;
}

uint32_t gw_grpc_client_room(const struct gw_grpc_client *client)
{
    if (client->state != GW_CLIENT_READY)
        return 0;
    uint32_t taken = client->call_count + client->held_slots[0] + client->held_slots[1];
    if (taken >= client->stream_limit ||
        nghttp2_session_get_remote_window_size(client->session) <= 0)
        return 0;
    return client->stream_limit - taken;
}

bool gw_grpc_client_is_tight(const struct gw_grpc_client *client)
{
    return nghttp2_session_get_remote_window_size(client->session) < TIGHT_WINDOW;
}

uint32_t gw_grpc_client_started(const struct gw_grpc_client *client)
{
    return client->started_count;
}

uint32_t gw_grpc_client_answered(const struct gw_grpc_client *client)
{
    return client->answered_count;
}

bool gw_grpc_client_has_served(const struct gw_grpc_client *client)
{
    return client->answered_count > 0 ||
           (client->retires && client->last_taken > 0 && client->started_count > 0);
}

bool gw_grpc_client_refuses_early(const struct gw_grpc_client *client)
{
    return client->refuses_early;
}

bool gw_grpc_client_is_worn(const struct gw_grpc_client *client)
{
    return client->is_worn;
}

void gw_grpc_client_drain(struct gw_grpc_client *client)
{
    if (client->state == GW_CLIENT_DRAINING || client->state == GW_CLIENT_CLOSED)
        return;
    client->state = GW_CLIENT_DRAINING;
    client->changed = true;
    gw_client_flush_later(client);
}

struct gw_call *gw_grpc_client_start(struct gw_grpc_client *client,
                                     const struct gw_call_params *params)
{
    if (client->state == GW_CLIENT_DRAINING || client->state == GW_CLIENT_CLOSED)
        return NULL;
    struct gw_client_call *call = gw_client_call_create(client, params);
    TAILQ_INSERT_TAIL(&client->waiting, call, link);
    client->started_count++;
    if (++client->call_count >= client->stream_limit)
        client->was_full = true;
    if (client->session != NULL)
        gw_client_flush_later(client);
    return &call->super;
}
