#include "frontend/stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "frontend/hooked.h"
#include "frontend/request_stream.h"

/* No further message is asked for while so much waits for the client. */
#define WAITING_MAX (32 * 1024)
/* What libh2o is given at a time: a slow reader shows that it reads each time one is gone. */
#define PIECE_MAX (64 * 1024)
/* Between messages a stream keeps buffers of this size. */
#define KEPT_MAX (16 * 1024)
/* What the kernel takes in beyond what it has sent: otherwise some megabytes for each reader. */
#define UNSENT_MAX (128 * 1024)

struct gw_stream {
    h2o_generator_t super;
    struct gw_exchange *exchange;
    const struct gw_stream_form *form;
    uint64_t message_count;
    bool begins;           /* the headers are to go out, with or without a message */
    bool started;          /* status and headers are out, and so no plain error is possible */
    bool asked;            /* for a message that is not in */
    bool writing;          /* libh2o has a piece */
    bool beating;          /* ... which is a heartbeat */
    bool ended;            /* nothing follows what is in the buffers */
    bool breaks;           /* ... and then the connection is broken off */
    bool finished;         /* libh2o was told so: nothing may be sent */
    bool abandoned;        /* libh2o is to be told so when it has written its piece */
    bool withdrawn;        /* something else is the answer */
    struct gw_buf waiting; /* what came while libh2o had the other */
    struct gw_buf writing_from;
    struct gw_slice unwritten; /* of writing_from, the piece that libh2o has included */
    size_t piece;
    struct gw_task flush;
    struct gw_timer timer;
    uint64_t wrote_ms; /* when something was sent last */
    uint64_t moved_ms; /* when a message came or a piece went last */
    uint64_t acked_bytes;
};

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t now_ms(const struct gw_stream *s)
{
    return gw_loop_now_ms(s->exchange->worker->loop);
}

/* Then only the headers are answered, once it is known whether there is a message. */
static bool is_head(const struct gw_stream *s)
{
    return gw_exchange_is_head(s->exchange);
}

static int socket_of(const struct gw_stream *s)
{
    h2o_conn_t *conn = s->exchange->req->conn;
    return h2o_socket_get_fd(conn->callbacks->get_socket(conn));
}

/* --- towards the client --- */

static void start(struct gw_stream *s)
{
    struct gw_exchange *x = s->exchange;
    h2o_req_t *req = x->req;
    s->started = true;
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = SIZE_MAX;
    if (req->version < 0x101)
        req->http1_is_persistent = 0; /* there the end of the connection is the end of the answer */
    s->form->begin(x);
    setsockopt(socket_of(s), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_MAX}, sizeof(int));
    h2o_start_response(req, &s->super);
}

/* False: there is no room for what has been appended. */
static bool holds_buffers(struct gw_stream *s)
{
    return gw_exchange_hold(s->exchange, s->waiting.capacity + s->writing_from.capacity);
}

static void shrink(struct gw_buf *buf)
{
    buf->len = 0;
    if (buf->capacity > KEPT_MAX)
        gw_buf_dispose(buf);
}

/* Hands libh2o the next piece, unless it still has one. The stream may be gone afterwards. */
static void write_on(struct gw_stream *s)
{
    if (s->writing || s->finished)
        return;
    if (s->unwritten.len == 0) {
        struct gw_buf written = s->writing_from;
        s->writing_from = s->waiting;
        s->waiting = written;
        shrink(&s->waiting);
        s->unwritten = gw_buf_slice(&s->writing_from);
    }
    if (s->unwritten.len == 0 && !s->ended && (s->started || !s->begins))
        return;
    if (!s->started && s->exchange->hooked != NULL && gw_hooked_holds_stream(s->exchange))
        return;
    if (!s->started)
        start(s);
    s->piece = s->unwritten.len < PIECE_MAX ? s->unwritten.len : PIECE_MAX;
    /* What breaks off does so behind its last piece, lest that be lost on HTTP/2. */
    s->finished = s->ended && s->piece == s->unwritten.len && s->waiting.len == 0 &&
                  !(s->breaks && s->piece > 0);
    s->writing = true;
    s->wrote_ms = now_ms(s);
    h2o_iovec_t piece = h2o_iovec_init(s->unwritten.base, s->piece);
    h2o_send(s->exchange->req, &piece, piece.len == 0 || is_head(s) ? 0 : 1,
             !s->finished ? H2O_SEND_STATE_IN_PROGRESS
             : s->breaks  ? H2O_SEND_STATE_ERROR
                          : H2O_SEND_STATE_FINAL);
}

/* At the end of the turn: messages that came together go out together. */
static void on_flush(struct gw_task *task)
{
    write_on(H2O_STRUCT_FROM_MEMBER(struct gw_stream, flush, task));
}

static void flush_later(struct gw_stream *s)
{
    if (!s->writing)
        gw_loop_defer(s->exchange->worker->loop, &s->flush);
}

static void ask(struct gw_stream *s)
{
    if (s->exchange->call == NULL || s->asked || s->waiting.len >= WAITING_MAX)
        return;
    s->asked = true;
    gw_call_request(s->exchange->call, 1);
}

static void on_proceed(h2o_generator_t *super, h2o_req_t *req)
{
    struct gw_stream *s = H2O_STRUCT_FROM_MEMBER(struct gw_stream, super, super);
    if (!s->beating)
        s->moved_ms = now_ms(s);
    s->writing = s->beating = false;
    if (s->abandoned) {
        h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
        return;
    }
    s->unwritten = gw_slice_from(s->unwritten, s->piece);
    if (s->unwritten.len == 0) {
        shrink(&s->writing_from);
        s->unwritten = gw_slice(NULL, 0);
        if (!gw_answer_memory_waits(&s->exchange->memory))
            holds_buffers(s);
        ask(s);
    }
    write_on(s);
}

void gw_stream_end(struct gw_stream *s, const struct gw_call_result *result)
{
    struct gw_exchange *x = s->exchange;
    /* What hooks hold back has begun as far as they know. */
    bool has_begun = s->started || s->message_count > 0 || gw_hooked_is_waiting(x);
    if (result->status != GW_OK && !has_begun) {
        gw_timer_stop(x->worker->loop, &s->timer);
        s->finished = true;
        s->form->answer_failure(x, result);
        return;
    }
    s->breaks = s->form->append_end(x, result, s->message_count, &s->waiting);
    s->ended = true;
    write_on(s);
}

/* --- from the backend --- */

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    struct gw_exchange *x = arg;
    struct gw_stream *s = x->stream;
    if (s->started)
        return;
    s->form->take_headers(x, headers);
    /* libh2o would end a chunked answer with a piece of no bytes. */
    s->begins = s->form->begins_with_headers && x->req->version >= 0x200;
    if (s->begins)
        flush_later(s);
}

static bool on_coming(void *arg, size_t bytes, size_t here)
{
    struct gw_exchange *x = arg;
    size_t buffers = x->stream->waiting.capacity + x->stream->writing_from.capacity;
    return gw_exchange_on_coming(x, bytes + buffers, here + buffers);
}

static int append_message(struct gw_stream *s, struct gw_slice message, struct gw_error *error)
{
    size_t before = s->waiting.len;
    int failed =
        s->form->append_message(s->exchange, message, s->message_count, &s->waiting, error);
    if (failed != 0)
        s->waiting.len = before;
    return failed;
}

/* Of what waits, at most WAITING_MAX and a message's frame. */
static void take_back(struct gw_stream *s, size_t to)
{
    struct gw_buf kept = GW_BUF_HEAP;
    gw_buf_append(&kept, gw_slice(s->waiting.base, to));
    gw_buf_dispose(&s->waiting);
    s->waiting = kept;
}

static void end_with_headers(struct gw_stream *s)
{
    struct gw_exchange *x = s->exchange;
    gw_exchange_cancel_call(x);
    s->waiting.len = 0;
    s->ended = true;
    write_on(s);
}

static void on_message(void *arg, struct gw_slice message)
{
    struct gw_stream *s = ((struct gw_exchange *)arg)->stream;
    struct gw_error error;
    size_t before = s->waiting.len;
    s->asked = false;
    s->moved_ms = now_ms(s);
    if (append_message(s, message, &error) != 0) {
        gw_exchange_give_up(s->exchange, 502, GW_INTERNAL, gw_slice_str(error.message));
        return;
    }
    if (is_head(s)) {
        s->message_count++;
        end_with_headers(s);
        return;
    }
    if (!holds_buffers(s)) {
        take_back(s, before);
        gw_exchange_give_up_memory(s->exchange);
        return;
    }
    s->message_count++;
    flush_later(s);
    ask(s);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct gw_exchange *x = arg;
    struct gw_call_result room;
    x->call = NULL;
    result = gw_answer_memory_judge(x->worker, &x->memory, result, &room);
    gw_exchange_count_call(x, result->status, gw_clock_ns());
    gw_exchange_note_error(x, result->message, result->reason);
    gw_stream_end(x->stream, result);
}

const struct gw_call_callbacks gw_stream_callbacks = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_coming = on_coming,
    .on_sent = gw_request_stream_on_sent,
    .on_end = on_end,
};

/* --- time --- */

static bool client_has_taken_some(struct gw_stream *s)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    if (getsockopt(socket_of(s), IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
        return false;
    bool some = info.tcpi_bytes_acked != s->acked_bytes;
    s->acked_bytes = info.tcpi_bytes_acked;
    return some;
}

static void end_idle(struct gw_stream *s)
{
    if (s->exchange->call != NULL && !s->writing) {
        gw_exchange_give_up_idle(s->exchange);
        return;
    }
    gw_exchange_count_limit(s->exchange, GW_LIMIT_STREAM_IDLE_TIMEOUT);
    gw_connection_break_off(s->exchange->req);
}

/* Looks again after a part of the limit: a reader that has stopped is found soon behind it. */
#define LOOKS 4

/* With hooks, an answer begins with what they are to see. */
static bool may_beat(const struct gw_stream *s)
{
    return s->form->heartbeat != NULL && !is_head(s) && (s->started || s->exchange->hooked == NULL);
}

static struct gw_slice heartbeat_of(const struct gw_stream *s)
{
    return may_beat(s) ? s->form->heartbeat(s->exchange) : (struct gw_slice){0};
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_stream *s = H2O_STRUCT_FROM_MEMBER(struct gw_stream, timer, timer);
    const struct gw_config *config = s->exchange->worker->frontend->config;
    uint64_t limit_ms = config->limits.stream_idle_timeout_ms;
    uint64_t now = now_ms(s);
    if (s->writing && client_has_taken_some(s))
        s->moved_ms = now;
    if (now >= s->moved_ms + limit_ms) {
        end_idle(s);
        return;
    }
    uint64_t next_ms = min(s->moved_ms + limit_ms, now + limit_ms / LOOKS + 1);
    struct gw_slice heartbeat = heartbeat_of(s);
    bool may_beat = !s->writing && !gw_hooked_is_waiting(s->exchange);
    if (heartbeat.len > 0 && may_beat && now >= s->wrote_ms + config->streaming.heartbeat_ms) {
        s->beating = true;
        gw_buf_append(&s->waiting, heartbeat);
        write_on(s);
    }
    if (s->withdrawn)
        return;
    if (heartbeat.len > 0)
        next_ms = min(next_ms, (may_beat ? s->wrote_ms : now) + config->streaming.heartbeat_ms);
    gw_timer_start(s->exchange->worker->loop, timer, next_ms);
}

/* --- life --- */

void gw_stream_create(struct gw_exchange *x, const struct gw_stream_form *form)
{
    struct gw_stream *s = h2o_mem_alloc_pool(&x->req->pool, sizeof(*s));
    *s = (struct gw_stream){
        .super.proceed = on_proceed,
        .exchange = x,
        .form = form,
        .flush.fn = on_flush,
        .timer.fn = on_timer,
    };
    x->stream = s;
}

void gw_stream_begin(struct gw_stream *s)
{
    s->wrote_ms = s->moved_ms = now_ms(s);
    on_timer(&s->timer);
    ask(s);
}

void gw_stream_go_on(struct gw_stream *s)
{
    write_on(s);
}

void gw_stream_withdraw(struct gw_stream *s)
{
    s->finished = s->withdrawn = true;
    gw_timer_stop(s->exchange->worker->loop, &s->timer);
}

void gw_stream_moved(struct gw_stream *s)
{
    s->moved_ms = now_ms(s);
}

bool gw_stream_abandon(struct gw_stream *s)
{
    bool was_finished = s->finished;
    s->finished = true;
    if (!s->started)
        return false;
    s->abandoned = s->writing && !was_finished;
    if (s->writing)
        shutdown(socket_of(s), SHUT_RDWR); /* which fails the write, if it is not through already */
    else if (!was_finished)
        h2o_send(s->exchange->req, NULL, 0, H2O_SEND_STATE_ERROR);
    return true;
}

void gw_stream_dispose(struct gw_stream *s)
{
    if (s == NULL)
        return;
    gw_timer_stop(s->exchange->worker->loop, &s->timer);
    gw_task_cancel(s->exchange->worker->loop, &s->flush);
    gw_buf_dispose(&s->waiting);
    gw_buf_dispose(&s->writing_from);
}
