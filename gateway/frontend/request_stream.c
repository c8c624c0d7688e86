#include "frontend/request_stream.h"

#include "frontend/stream.h"

struct gw_request_stream {
    struct gw_exchange *exchange;
    struct gw_message_source source;
    struct gw_json_split split;
    struct gw_slice body;  /* what is not cut yet */
    struct gw_buf message; /* framed; the call has it until on_sent */
    bool ended;            /* our side of the call is closed */
    struct gw_timer idle;  /* where the answer is no stream, which has its own */
};

static void refuse(const struct gw_request_stream *s, const struct gw_failure *failure)
{
    gw_exchange_give_up(s->exchange, failure->http_status, failure->code, failure->message);
}

/* Cuts and translates the next message: 1, 0 where none is left, or -1: refused. */
static int next_message(struct gw_request_stream *s)
{
    gw_pool *pool = &s->exchange->req->pool;
    struct gw_slice text;
    struct gw_error error;
    struct gw_failure failure;
    int rc = gw_json_split_next(&s->split, &s->body, &text, &error);
    if (rc == GW_JSON_SPLIT_MORE)
        rc = gw_json_split_end(&s->split, &text, &error);
    if (rc == GW_JSON_SPLIT_MORE)
        return 0;
    if (rc < 0) {
        gw_route_split_failure(&s->source, &error, pool, &failure);
        refuse(s, &failure);
        return -1;
    }
    gw_pool scratch; /* of one message: the request's would grow with each */
    h2o_mem_init_pool(&scratch);
    rc = gw_route_translate_message(&s->source, &s->split, text, &scratch, &s->message, &failure);
    if (rc != 0)
        refuse(s, &failure);
    h2o_mem_clear_pool(&scratch);
    return rc == 0 ? 1 : -1;
}

static void send_next(struct gw_request_stream *s)
{
    int rc = next_message(s);
    if (rc < 0)
        return;
    s->ended = rc == 0;
    gw_call_send(s->exchange->call, s->ended ? GW_SLICE("") : gw_buf_slice(&s->message),
                 s->ended ? GW_SEND_END : GW_SEND_MORE);
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

void gw_request_stream_create(struct gw_exchange *x, const struct gw_message_source *source)
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
}

void gw_request_stream_begin(struct gw_request_stream *s, struct gw_slice body)
{
    s->body = body;
    moved(s);
    send_next(s);
}

void gw_request_stream_on_sent(void *arg)
{
    const struct gw_exchange *x = arg;
    struct gw_request_stream *s = x->request_stream;
    if (s == NULL || s->ended)
        return;
    moved(s);
    send_next(s);
}

void gw_request_stream_dispose(struct gw_request_stream *s)
{
    if (s == NULL)
        return;
    gw_timer_stop(s->exchange->worker->loop, &s->idle);
    gw_json_split_dispose(&s->split);
    gw_buf_dispose(&s->message);
}
