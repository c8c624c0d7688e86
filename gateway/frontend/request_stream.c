#include "frontend/request_stream.h"

#include "frontend/stream.h"

struct gw_request_stream {
    struct gw_exchange *exchange;
    struct gw_message_source source;
    struct gw_json_split split;
    struct gw_buf message; /* framed; the call has it until on_sent */
    bool is_sending;
    bool has_ended;       /* our side of the call is closed */
    struct gw_timer idle; /* where the answer is no stream, which has its own */
};

static void refuse(const struct gw_request_stream *s, const struct gw_failure *failure)
{
    gw_exchange_give_up(s->exchange, failure->http_status, failure->code, failure->message);
}

enum next { NEXT_MESSAGE, NEXT_END, NEXT_NOT_YET, NEXT_REFUSED };

static enum next translate(struct gw_request_stream *s, struct gw_slice text)
{
    struct gw_failure failure;
    gw_pool scratch; /* of one message: the request's would grow with each */
    h2o_mem_init_pool(&scratch);
    int rc = gw_route_translate_message(&s->source, s->split.number, s->split.begins, text,
                                        &scratch, &s->message, &failure);
    if (rc != 0)
        refuse(s, &failure);
    h2o_mem_clear_pool(&scratch);
    return rc == 0 ? NEXT_MESSAGE : NEXT_REFUSED;
}

/* Cuts the next message out of the body and translates it. */
static enum next take_next(struct gw_request_stream *s)
{
    struct gw_request_body *body = s->exchange->body;
    struct gw_slice text, left = body->bytes;
    struct gw_error error;
    int rc = gw_json_split_next(&s->split, &left, &text, &error);
    size_t taken = body->bytes.len - left.len;
    if (rc == GW_JSON_SPLIT_MORE && body->is_complete)
        rc = gw_json_split_end(&s->split, &text, &error);
    else if (rc == GW_JSON_SPLIT_MORE)
        gw_request_body_consume(body, taken);
    if (rc == GW_JSON_SPLIT_MORE)
        return body->is_complete ? NEXT_END : NEXT_NOT_YET;
    if (rc < 0) {
        struct gw_failure failure;
        gw_route_split_failure(&s->source, &error, &s->exchange->req->pool, &failure);
        refuse(s, &failure);
        return NEXT_REFUSED;
    }
    enum next next = translate(s, text);
    if (next == NEXT_MESSAGE)
        gw_request_body_consume(body, taken);
    return next;
}

static void send_next(struct gw_request_stream *s)
{
    switch (take_next(s)) {
    case NEXT_MESSAGE:
        s->is_sending = true;
        gw_call_send(s->exchange->call, gw_buf_slice(&s->message), GW_SEND_MORE);
        break;
    case NEXT_END:
        s->has_ended = true;
        gw_call_send(s->exchange->call, GW_SLICE(""), GW_SEND_END);
        break;
    case NEXT_NOT_YET:
    case NEXT_REFUSED:
        break;
    }
}

static void on_body(void *arg)
{
    struct gw_request_stream *s = arg;
    if (s->exchange->call != NULL && !s->is_sending && !s->has_ended)
        send_next(s);
}

static void on_idle(struct gw_timer *timer)
{
    struct gw_request_stream *s = H2O_STRUCT_FROM_MEMBER(struct gw_request_stream, idle, timer);
    if (s->exchange->call != NULL)
        gw_exchange_give_up_idle(s->exchange);
}

static void moved(struct gw_request_stream *s)
{
    const struct gw_worker *worker = s->exchange->worker;
    if (s->exchange->stream != NULL)
        gw_stream_moved(s->exchange->stream);
    else
        gw_timer_start(worker->loop, &s->idle,
                       gw_loop_now_ms(worker->loop) +
                           worker->frontend->config->limits.stream_idle_timeout_ms);
}

void gw_request_stream_begin(struct gw_exchange *x, const struct gw_message_source *source)
{
    struct gw_request_stream *s = h2o_mem_alloc_pool(&x->req->pool, sizeof(*s));
    *s = (struct gw_request_stream){
        .exchange = x,
        .source = *source,
        .message = GW_BUF_HEAP,
        .idle.fn = on_idle,
    };
    gw_json_split_init(&s->split, source->form,
                       x->worker->frontend->config->limits.request_body_bytes);
    x->request_stream = s;
    moved(s);
    gw_request_body_read(x->body, on_body, s);
    send_next(s);
}

void gw_request_stream_on_sent(void *arg)
{
    const struct gw_exchange *x = arg;
    struct gw_request_stream *s = x->request_stream;
    if (s == NULL || s->has_ended)
        return;
    s->is_sending = false;
    moved(s);
    send_next(s);
}

void gw_request_stream_dispose(struct gw_request_stream *s)
{
    if (s == NULL)
        return;
    gw_request_body_read(s->exchange->body, NULL, NULL);
    gw_timer_stop(s->exchange->worker->loop, &s->idle);
    gw_json_split_dispose(&s->split);
    gw_buf_dispose(&s->message);
}
