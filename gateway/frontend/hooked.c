#include "frontend/hooked.h"

#include "frontend/files.h"
#include "frontend/grpc_answer.h"
#include "frontend/hook_host.h"
#include "frontend/stream.h"
#include "transcode/transcode.h"

struct gw_hooked {
    struct gw_exchange_host host;
    struct gw_hook_call *call; /* NULL: no hook runs any more */
    enum gw_hook_phase phase;  /* that runs, or ran last */
    bool is_waiting;
    h2o_linklist_t link;     /* of worker->hooked, while there is a call */
    struct gw_slice message; /* the answer's */
    int http_status;         /* of an answer that is being translated */
    struct gw_hook_response response;
    struct gw_hook_error error;
    struct gw_buf ctx;
};

static void over(struct gw_hooked *h, enum gw_hook_outcome outcome);

static void begin_phase(struct gw_hooked *h, enum gw_hook_phase phase)
{
    h->phase = phase;
    h->host.exchange->hook_phases &= ~(unsigned)phase;
}

static void add_trailers(struct gw_hooked *h)
{
    struct gw_metadata trailers = gw_hook_host_metadata(&h->host.trailers);
    gw_response_headers_add(h->host.exchange->req, GW_SLICE("grpc-trailer-"), &trailers);
}

/* --- going on --- */

static void answer_grpc(struct gw_hooked *h, int status, struct gw_slice message,
                        struct gw_slice details)
{
    gw_grpc_answer(h->host.exchange,
                   &(struct gw_call_result){.status = status,
                                            .message = message,
                                            .details = details,
                                            .trailers = gw_hook_host_metadata(&h->host.trailers)});
}

static void set_text(struct gw_exchange *x, struct gw_slice text)
{
    x->json.len = 0;
    gw_buf_append(&x->json, text);
}

/* Messages end in the middle of no code point. */
static struct gw_slice cut(struct gw_slice text, size_t most)
{
    if (text.len <= most)
        return text;
    while (most > 0 && (text.base[most] & 0xc0) == 0x80)
        most--;
    return gw_slice(text.base, most);
}

#define GRPC_MESSAGE_MAX 1024

/* What a hook says in HTTP's terms, to a client that speaks gRPC: in the error form, or as plain
 * text. */
static void answer_grpc_status(struct gw_hooked *h, int http_status, struct gw_slice text)
{
    struct gw_exchange *x = h->host.exchange;
    int code;
    struct gw_slice message;
    if (!gw_status_from_json(text, &x->req->pool, &code, &message)) {
        code = gw_status_of_http_error(http_status);
        message = text;
    }
    x->json.len = 0;
    answer_grpc(h, code, cut(message, GRPC_MESSAGE_MAX), (struct gw_slice){0});
}

static void answer_grpc_response(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    const struct gw_hook_response *response = &h->response;
    if (response->http_status >= 300 || response->body.base != NULL) {
        answer_grpc_status(h, response->http_status, response->body);
        return;
    }
    if (response->message.base != x->json.base + GW_GRPC_PREFIX_BYTES)
        set_text(x, gw_hook_host_frame(&x->req->pool, response->message));
    answer_grpc(h, GW_OK, (struct gw_slice){0}, (struct gw_slice){0});
}

static void answer(struct gw_exchange *x, int http_status, struct gw_slice content_type)
{
    bool is_without_body = http_status == 204 || http_status == 304;
    if (is_without_body)
        x->json.len = 0;
    gw_exchange_answer(x, http_status, content_type, is_without_body ? SIZE_MAX : x->json.len);
}

static void on_translated(struct gw_exchange *x)
{
    if (x->message_error.status != GW_OK)
        gw_exchange_answer_error(x, 502, GW_INTERNAL, gw_slice_str(x->message_error.message),
                                 (struct gw_slice){0});
    else if (x->lacks_memory)
        gw_exchange_answer_lack(x);
    else
        answer(x, x->hooked->http_status, GW_SLICE("application/json"));
}

static void answer_message(struct gw_hooked *h, int http_status, struct gw_slice message)
{
    struct gw_exchange *x = h->host.exchange;
    h->http_status = http_status;
    x->json.len = 0;
    gw_exchange_take_message(x, message);
    gw_exchange_translate_taken(x, on_translated);
}

static void answer_rest(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    bool is_file = x->route->files != NULL;
    add_trailers(h);
    if (h->response.body.base == NULL) {
        answer_message(h, h->response.http_status, h->response.message);
        return;
    }
    set_text(x, h->response.body);
    answer(x, h->response.http_status,
           is_file ? (struct gw_slice){0} : GW_SLICE("application/json"));
}

static void go_on_with_response(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    if (x->stream != NULL)
        gw_stream_go_on(x->stream);
    else if (x->route->files != NULL && h->response.body.base == NULL)
        gw_files_send(x);
    else if (x->headers.protocol == GW_PROTOCOL_REST)
        answer_rest(h);
    else
        answer_grpc_response(h);
}

static void go_on_with_error(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    const struct gw_hook_error *e = &h->error;
    x->json.len = 0;
    if (x->headers.protocol != GW_PROTOCOL_REST) {
        answer_grpc(h, e->code, e->message, e->details);
        return;
    }
    add_trailers(h);
    gw_exchange_tell_error(x, e->http_status, e->code, e->message, e->details);
}

static void go_on(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    switch (h->phase) {
    case GW_HOOK_REQUEST:
        gw_exchange_host_apply(&h->host);
        gw_exchange_serve_match(x, x->match);
        break;
    case GW_HOOK_RESPONSE:
        go_on_with_response(h);
        break;
    case GW_HOOK_ERROR:
        go_on_with_error(h);
        break;
    }
}

/* --- a hook's own answer --- */

/* Of a stream that has not begun. */
static void withdraw_stream(struct gw_exchange *x)
{
    if (x->stream == NULL)
        return;
    gw_stream_withdraw(x->stream);
    gw_exchange_cancel_call(x);
}

static void reply_grpc(struct gw_hooked *h, const struct gw_hook_reply *given)
{
    struct gw_exchange *x = h->host.exchange;
    if (!given->has_message || given->http_status >= 300) {
        answer_grpc_status(h, given->http_status, given->body);
        return;
    }
    set_text(x, gw_hook_host_frame(&x->req->pool, given->message));
    answer_grpc(h, GW_OK, (struct gw_slice){0}, (struct gw_slice){0});
}

static void reply_rest(struct gw_hooked *h, const struct gw_hook_reply *given)
{
    struct gw_exchange *x = h->host.exchange;
    if (given->has_message) {
        answer_message(h, given->http_status, given->message);
        return;
    }
    set_text(x, given->body);
    answer(x, given->http_status, (struct gw_slice){0});
}

static void reply(struct gw_hooked *h)
{
    struct gw_exchange *x = h->host.exchange;
    const struct gw_hook_reply *given = gw_hook_call_reply(h->call);
    x->hook_phases = 0;
    withdraw_stream(x);
    gw_exchange_host_take_trailers(&h->host, &(struct gw_metadata){0});
    gw_exchange_host_add_headers(&h->host, &given->headers);
    if (x->headers.protocol == GW_PROTOCOL_REST)
        reply_rest(h, given);
    else
        reply_grpc(h, given);
}

/* --- the phases --- */

static void over(struct gw_hooked *h, enum gw_hook_outcome outcome)
{
    struct gw_exchange *x = h->host.exchange;
    switch (outcome) {
    case GW_HOOK_GO_ON:
        go_on(h);
        break;
    case GW_HOOK_REPLIED:
        reply(h);
        break;
    case GW_HOOK_FAILED:
        withdraw_stream(x);
        gw_exchange_answer_failure(x, gw_hook_call_failure(h->call));
        break;
    case GW_HOOK_WAITING:
        h->is_waiting = true;
        gw_exchange_watch_client(x);
        break;
    }
}

static void on_resumed(struct gw_exchange_host *host, enum gw_hook_outcome outcome)
{
    struct gw_hooked *h = H2O_STRUCT_FROM_MEMBER(struct gw_hooked, host, host);
    h->is_waiting = false;
    over(h, outcome);
}

static void take_match(struct gw_exchange *x, const struct gw_route_match *match)
{
    x->match = h2o_mem_alloc_pool(&x->req->pool, sizeof(*match));
    *x->match = *match;
    x->hooked->host.super.captures = x->match->captures;
}

void gw_hooked_find(struct gw_exchange *x, const struct gw_route_match *match)
{
    x->hook_phases = gw_hook_set_phases(x->worker->frontend->hooks, x->route);
    if (x->hook_phases == 0)
        return;
    struct gw_hooked *h = h2o_mem_alloc_pool(&x->req->pool, sizeof(*h));
    gw_exchange_host_init(&h->host, x, on_resumed);
    h->is_waiting = false;
    h->link = (h2o_linklist_t){0};
    h2o_linklist_insert(&x->worker->hooked, &h->link);
    h->message = (struct gw_slice){0};
    h->ctx = gw_buf_in_pool(&x->req->pool);
    h->call = gw_hook_call_create(x->worker->hook_vm, &h->host.super);
    x->hooked = h;
    if (x->route != NULL)
        take_match(x, match);
    if (x->headers.protocol == GW_PROTOCOL_GRPC && gw_hooked_reads_answer(x))
        gw_exchange_host_take_encodings(&h->host);
}

void gw_hooked_request(struct gw_exchange *x)
{
    struct gw_hooked *h = x->hooked;
    gw_exchange_host_take_body(&h->host);
    h->host.super.deadline_ms = x->deadline_ms;
    if ((x->hook_phases & GW_HOOK_REQUEST) == 0) {
        gw_exchange_host_apply(&h->host);
        gw_exchange_serve_match(x, x->match);
        return;
    }
    begin_phase(h, GW_HOOK_REQUEST);
    over(h, gw_hook_call_on_request(h->call));
}

void gw_hooked_take_message(struct gw_exchange *x, struct gw_slice message)
{
    if (gw_exchange_hold(x, message.len))
        x->hooked->message = gw_pool_dup(&x->req->pool, message);
}

static enum gw_hook_outcome run_response(struct gw_hooked *h, struct gw_slice message)
{
    h->response = (struct gw_hook_response){.http_status = 200, .message = message};
    begin_phase(h, GW_HOOK_RESPONSE);
    return gw_hook_call_on_response(h->call, &h->response);
}

void gw_hooked_file(struct gw_exchange *x)
{
    over(x->hooked, run_response(x->hooked, (struct gw_slice){0}));
}

void gw_hooked_answer(struct gw_exchange *x, const struct gw_metadata *trailers)
{
    gw_exchange_host_take_trailers(&x->hooked->host, trailers);
    over(x->hooked, run_response(x->hooked, x->hooked->message));
}

bool gw_hooked_holds_stream(struct gw_exchange *x)
{
    struct gw_hooked *h = x->hooked;
    if (gw_hooked_is_waiting(x))
        return true;
    if ((x->hook_phases & GW_HOOK_RESPONSE) == 0)
        return false;
    enum gw_hook_outcome outcome = run_response(h, (struct gw_slice){0});
    if (outcome == GW_HOOK_GO_ON)
        return false;
    over(h, outcome);
    return true;
}

void gw_hooked_error(struct gw_exchange *x, int http_status, int code, struct gw_slice message,
                     struct gw_slice details, const struct gw_metadata *trailers)
{
    struct gw_hooked *h = x->hooked;
    gw_exchange_host_take_trailers(&h->host, trailers);
    h->error = (struct gw_hook_error){
        .http_status = http_status,
        .code = code,
        .message = gw_pool_dup(&x->req->pool, message),
        .details = gw_pool_dup(&x->req->pool, details),
    };
    h->host.super.deadline_ms = 0;
    begin_phase(h, GW_HOOK_ERROR);
    over(h, gw_hook_call_on_error(h->call, &h->error));
}

static void run_grpc_response(struct gw_exchange *x, const struct gw_call_result *result)
{
    gw_exchange_host_take_trailers(&x->hooked->host, &result->trailers);
    over(x->hooked,
         run_response(x->hooked, gw_slice_from(gw_buf_slice(&x->json), GW_GRPC_PREFIX_BYTES)));
}

void gw_hooked_grpc(struct gw_exchange *x, const struct gw_call_result *result)
{
    if (result->status == GW_OK)
        run_grpc_response(x, result);
    else
        gw_hooked_error(
            x, result->http_status ? result->http_status : gw_status_to_http(result->status),
            result->status, result->message, result->details, &result->trailers);
}

/* --- the end --- */

bool gw_hooked_is_waiting(const struct gw_exchange *x)
{
    return x->hooked != NULL && x->hooked->is_waiting;
}

void gw_hooked_drop(struct gw_exchange *x)
{
    struct gw_hooked *h = x->hooked;
    if (h == NULL || h->call == NULL)
        return;
    h2o_linklist_unlink(&h->link);
    h->is_waiting = false;
    gw_hook_call_append_ctx(h->call, &h->ctx);
    gw_hook_call_destroy(h->call);
    h->call = NULL;
    x->hook_phases = 0;
}

struct gw_slice gw_hooked_ctx(const struct gw_exchange *x)
{
    return x->hooked != NULL ? gw_buf_slice(&x->hooked->ctx) : (struct gw_slice){0};
}

void gw_hooked_end_all(struct gw_worker *worker)
{
    while (!h2o_linklist_is_empty(&worker->hooked)) {
        struct gw_hooked *h = H2O_STRUCT_FROM_MEMBER(struct gw_hooked, link, worker->hooked.next);
        struct gw_exchange *x = h->host.exchange;
        bool was_waiting = h->is_waiting;
        gw_hooked_drop(x);
        if (!was_waiting)
            continue;
        withdraw_stream(x);
        gw_exchange_answer_error(x, 503, GW_UNAVAILABLE, GW_SLICE("the gateway is shutting down"),
                                 (struct gw_slice){0});
    }
}
