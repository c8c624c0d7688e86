#include "frontend/request_stream.h"

#include "frontend/grpc_request.h"
#include "frontend/stream.h"

enum next { NEXT_MESSAGE, NEXT_LAST_MESSAGE, NEXT_END, NEXT_NOT_YET, NEXT_REFUSED };

/* Between messages a stream keeps a buffer of this size. */
#define KEPT_MAX ((size_t)16 << 10)

struct gw_request_stream {
    struct gw_exchange *exchange;
    /* Finds what is to be sent next, one message or several. */
    enum next (*take_next)(struct gw_request_stream *s, struct gw_slice *ret_framed);
    struct {
        struct gw_message_source source;
        struct gw_json_split split;
    } json;
    struct {
        size_t sent;      /* of `message`, by the call */
        size_t ungranted; /* the last bytes of `message`, for which the client gets window yet */
    } framed;
    struct gw_buf message; /* framed; the call has it until on_sent */
    bool is_sending;
    bool has_ended;       /* our side of the call is closed */
    struct gw_timer idle; /* where the answer is no stream, which has its own */
};

static void refuse(const struct gw_request_stream *s, const struct gw_failure *failure)
{
    gw_exchange_give_up(s->exchange, failure->http_status, failure->code, failure->message);
}

/* --- JSON --- */

static enum next translate(struct gw_request_stream *s, struct gw_slice text)
{
    struct gw_failure failure;
    gw_pool scratch; /* of one message: the request's would grow with each */
    h2o_mem_init_pool(&scratch);
    const struct gw_json_split *split = &s->json.split;
    int rc = gw_route_translate_message(&s->json.source, split->number, split->begins, text,
                                        &scratch, &s->message, &failure);
    if (rc != 0)
        refuse(s, &failure);
    h2o_mem_clear_pool(&scratch);
    return rc == 0 ? NEXT_MESSAGE : NEXT_REFUSED;
}

/* Cuts the next message out of the body and translates it. */
static enum next take_json(struct gw_request_stream *s, struct gw_slice *ret_framed)
{
    struct gw_request_body *body = s->exchange->body;
    struct gw_slice text, left = body->bytes;
    struct gw_error error;
    int rc = gw_json_split_next(&s->json.split, &left, &text, &error);
    size_t taken = body->bytes.len - left.len;
    if (rc == GW_JSON_SPLIT_MORE && body->is_complete)
        rc = gw_json_split_end(&s->json.split, &text, &error);
    else if (rc == GW_JSON_SPLIT_MORE)
        gw_request_body_consume(body, taken);
    if (rc == GW_JSON_SPLIT_MORE)
        return body->is_complete ? NEXT_END : NEXT_NOT_YET;
    if (rc < 0) {
        struct gw_failure failure;
        gw_route_split_failure(&s->json.source, &error, &s->exchange->req->pool, &failure);
        refuse(s, &failure);
        return NEXT_REFUSED;
    }
    enum next next = translate(s, text);
    if (next == NEXT_MESSAGE)
        gw_request_body_consume(body, taken);
    *ret_framed = gw_buf_slice(&s->message);
    return next;
}

/* --- messages as they are ---
 *
 * All that has come is sent at once as far as it is whole. The client gets window for a message
 * when it was sent, but at once for one that is being waited for: it may be larger than the window.
 */

static void grant_all_but(struct gw_request_stream *s, size_t n)
{
    if (s->framed.ungranted <= n)
        return;
    gw_request_body_grant(s->exchange->body, s->framed.ungranted - n);
    s->framed.ungranted = n;
}

static void drop_sent(struct gw_request_stream *s)
{
    gw_buf_consume(&s->message, s->framed.sent);
    s->framed.sent = 0;
    if (s->message.len == 0 && s->message.capacity > KEPT_MAX)
        gw_buf_dispose(&s->message);
    grant_all_but(s, s->message.len);
}

static enum next take_framed(struct gw_request_stream *s, struct gw_slice *ret_framed)
{
    struct gw_request_body *body = s->exchange->body;
    struct gw_failure failure;
    drop_sent(s);
    s->framed.ungranted += body->bytes.len;
    gw_request_body_move(body, &s->message);
    *ret_framed = gw_buf_slice(&s->message);
    if (gw_grpc_request_measure(s->exchange, *ret_framed, &ret_framed->len, &failure) != 0) {
        refuse(s, &failure);
        return NEXT_REFUSED;
    }
    bool is_rest = ret_framed->len == s->message.len && body->is_complete;
    s->framed.sent = ret_framed->len;
    if (ret_framed->len > 0)
        return is_rest ? NEXT_LAST_MESSAGE : NEXT_MESSAGE;
    grant_all_but(s, 0);
    return is_rest ? NEXT_END : NEXT_NOT_YET;
}

/* --- either --- */

static enum next take_next_that_fits(struct gw_request_stream *s, struct gw_slice *ret_framed)
{
    enum next next = s->take_next(s, ret_framed);
    struct gw_exchange *x = s->exchange;
    if (next == NEXT_REFUSED ||
        gw_request_body_keep(x->body, s->json.split.kept.capacity + s->message.capacity))
        return next;
    struct gw_failure failure;
    gw_exchange_body_failure(x, &failure);
    refuse(s, &failure);
    return NEXT_REFUSED;
}

static void send_next(struct gw_request_stream *s)
{
    struct gw_slice framed;
    switch (take_next_that_fits(s, &framed)) {
    case NEXT_MESSAGE:
        s->is_sending = true;
        gw_call_send(s->exchange->call, framed, GW_SEND_MORE);
        break;
    case NEXT_LAST_MESSAGE:
        s->has_ended = true;
        gw_call_send(s->exchange->call, framed, GW_SEND_END);
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

static struct gw_request_stream *create(struct gw_exchange *x)
{
    struct gw_request_stream *s = h2o_mem_alloc_pool(&x->req->pool, sizeof(*s));
    *s = (struct gw_request_stream){.exchange = x, .message = GW_BUF_HEAP, .idle.fn = on_idle};
    x->request_stream = s;
    return s;
}

static void begin(struct gw_request_stream *s)
{
    moved(s);
    gw_request_body_read(s->exchange->body, on_body, s);
    send_next(s);
}

void gw_request_stream_begin(struct gw_exchange *x, const struct gw_message_source *source)
{
    struct gw_request_stream *s = create(x);
    s->take_next = take_json;
    s->json.source = *source;
    gw_json_split_init(&s->json.split, source->form,
                       x->worker->frontend->config->limits.request_body_bytes);
    begin(s);
}

void gw_request_stream_begin_framed(struct gw_exchange *x)
{
    struct gw_request_stream *s = create(x);
    s->take_next = take_framed;
    begin(s);
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
    gw_json_split_dispose(&s->json.split);
    gw_buf_dispose(&s->message);
    gw_request_body_keep(s->exchange->body, 0);
}
