#include "frontend/websocket_internal.h"

#include "frontend/request_memory.h"

/* What was read and waits for the call to take a message, before reading stops. */
#define UNTAKEN_MAX (16 * 1024)
/* A message's buffers of this size are not charged. */
#define UNCHARGED_MAX (4 * 1024)

static bool may_take(const struct gw_websocket *ws)
{
    return !ws->is_deaf && !ws->is_sending && !ws->is_over;
}

static void send_text(struct gw_websocket *ws, struct gw_slice text)
{
    struct gw_failure failure;
    gw_pool scratch; /* of one message */
    h2o_mem_init_pool(&scratch);
    if (gw_route_translate_message(&ws->source, ++ws->taken, (struct gw_text_place){0}, text,
                                   &scratch, &ws->message, &failure) != 0) {
        gw_websocket_give_up(ws, failure.code, gw_websocket_code_of(failure.code), failure.message);
    } else {
        ws->has_ended = ws->takes == TAKES_ONE;
        ws->is_sending = !ws->has_ended; /* the last one's going is not told */
        gw_call_send(ws->call, gw_buf_slice(&ws->message),
                     ws->has_ended ? GW_SEND_END : GW_SEND_MORE);
    }
    h2o_mem_clear_pool(&scratch);
}

/* An empty text is the end of the messages; but of one message that is wanted, an empty body. */
static void on_text(struct gw_websocket *ws, struct gw_slice text)
{
    if (ws->call == NULL)
        return;
    ws->moved_ms = gw_websocket_now_ms(ws);
    bool is_end = text.len == 0 && ws->takes != TAKES_ONE;
    if (ws->has_ended && text.len > 0) {
        gw_websocket_give_up(ws, GW_INVALID_ARGUMENT, GW_WEBSOCKET_POLICY,
                             GW_SLICE("a message where none is expected any more"));
    } else if (!ws->has_ended && is_end) {
        ws->has_ended = true;
        gw_call_send(ws->call, GW_SLICE(""), GW_SEND_END);
    } else if (!ws->has_ended) {
        send_text(ws, text);
    }
}

static void stop_listening(struct gw_websocket *ws)
{
    ws->is_deaf = true;
    gw_websocket_close_soon(ws);
}

static void fail(struct gw_websocket *ws, int code, struct gw_slice what)
{
    bool is_size = code == GW_WEBSOCKET_TOO_BIG || code == GW_WEBSOCKET_TRY_AGAIN;
    stop_listening(ws);
    gw_websocket_give_up(ws, is_size ? GW_RESOURCE_EXHAUSTED : GW_INVALID_ARGUMENT, code, what);
}

static void count_limit(const struct gw_websocket *ws, enum gw_limit limit)
{
    gw_http_metrics_count_limit(ws->worker->frontend->http_metrics, ws->worker->shard, limit);
}

static void on_control(struct gw_websocket *ws, const struct gw_websocket_event *event)
{
    if (!gw_budget_spend(&ws->controls, gw_websocket_now_ms(ws))) {
        count_limit(ws, GW_LIMIT_CONTROL_FRAMES);
        fail(ws, GW_WEBSOCKET_POLICY, GW_SLICE("too many pings"));
    } else if (event->kind == GW_WEBSOCKET_PING) {
        ws->has_pong = true;
        ws->pong_length = event->payload.len;
        if (event->payload.len > 0)
            memcpy(ws->pong, event->payload.base, event->payload.len);
        gw_websocket_settle_later(ws);
    }
}

static void on_event(struct gw_websocket *ws, const struct gw_websocket_event *event)
{
    switch (event->kind) {
    case GW_WEBSOCKET_TEXT:
        on_text(ws, event->payload);
        break;
    case GW_WEBSOCKET_PING:
    case GW_WEBSOCKET_PONG:
        on_control(ws, event);
        break;
    case GW_WEBSOCKET_CLOSE:
        ws->close_received = true;
        stop_listening(ws);
        gw_websocket_give_up(ws, GW_CANCELLED, event->code, (struct gw_slice){0});
        gw_websocket_settle_later(ws);
        break;
    case GW_WEBSOCKET_FAULT:
        if (event->code == GW_WEBSOCKET_TOO_BIG)
            count_limit(ws, GW_LIMIT_REQUEST_BODY);
        fail(ws, event->code, event->payload);
        break;
    case GW_WEBSOCKET_MORE:
        break;
    }
}

/* An idle connection holds no buffer. */
static void release_input(h2o_socket_t *sock)
{
    if (sock->input->size > 0)
        return;
    h2o_buffer_dispose(&sock->input);
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
}

/* False: there is no memory for what comes in. */
static bool has_room(struct gw_websocket *ws)
{
    size_t bytes = ws->frames.message.capacity + ws->message.capacity;
    enum gw_request_memory_outcome outcome = gw_request_memory_resize(
        &ws->connection->memory, &ws->held_bytes, bytes > UNCHARGED_MAX ? bytes : 0);
    if (outcome == GW_REQUEST_MEMORY_FITS)
        return true;
    count_limit(ws, gw_request_memory_limit(outcome));
    return false;
}

static void on_read(h2o_socket_t *sock, const char *error);

void gw_websocket_start_reading(struct gw_websocket *ws)
{
    if (!ws->is_reading)
        h2o_socket_read_start(ws->sock, on_read);
    ws->is_reading = true;
}

/* Most often the call takes a message at once: it is worth while only when more comes meanwhile. */
static void stop_reading(struct gw_websocket *ws)
{
    if (!ws->is_reading)
        return;
    ws->is_reading = false;
    h2o_socket_read_stop(ws->sock);
    gw_websocket_look_by(ws, gw_websocket_now_ms(ws) + GW_WEBSOCKET_LOOK_MS);
}

void gw_websocket_take_input(struct gw_websocket *ws)
{
    struct gw_websocket_event event = {.kind = GW_WEBSOCKET_TEXT};
    while (may_take(ws) && event.kind != GW_WEBSOCKET_MORE) {
        struct gw_slice bytes = gw_slice(ws->sock->input->bytes, ws->sock->input->size);
        gw_websocket_read(&ws->frames, &bytes, &event);
        h2o_buffer_consume(&ws->sock->input, ws->sock->input->size - bytes.len);
        on_event(ws, &event);
        if (!ws->is_deaf && !has_room(ws))
            fail(ws, GW_WEBSOCKET_TRY_AGAIN, GW_SLICE("no memory for the message"));
    }
    if (ws->is_deaf)
        h2o_buffer_consume(&ws->sock->input, ws->sock->input->size);
    release_input(ws->sock);
    if (!ws->is_sending)
        gw_websocket_start_reading(ws);
    else if (ws->sock->input->size > UNTAKEN_MAX)
        stop_reading(ws);
}

static void on_read(h2o_socket_t *sock, const char *error)
{
    struct gw_websocket *ws = sock->data;
    if (error != NULL) {
        gw_websocket_leave(ws);
        return;
    }
    ws->bytes_in += sock->bytes_read;
    ws->is_ping_out = false;
    if (ws->is_sending)
        stop_reading(ws);
    else
        gw_websocket_take_input(ws);
}
