/* JSON to a request's message, and an answer's message to JSON. What is large is translated by the
 * thread beside the worker, which has copies of all that it needs: the exchange may end meanwhile.
 */
#include <stdlib.h>

#include "frontend/exchange_internal.h"
#include "transcode/transcode.h"

struct gw_translation {
    struct gw_job super;
    struct gw_exchange *exchange; /* NULL: it has ended */
    gw_exchange_fn then;          /* NULL: not begun */
    struct gw_buf in;             /* a body, or a message */
    gw_pool scratch;

    /* Of an answer. */
    const struct gw_binding *binding;
    struct gw_buf json;
    struct gw_error error; /* GW_OK: json is there */

    /* Of a request; all of it in `scratch`. */
    struct gw_route_match match;
    struct gw_translate_request request;
    struct gw_slice framed; /* NULL: failure says why */
    struct gw_failure failure;
};

static struct gw_translation *create(struct gw_exchange *x, gw_job_fn run, gw_job_fn done,
                                     struct gw_slice in)
{
    struct gw_translation *t = gw_alloc(sizeof(*t));
    *t = (struct gw_translation){
        .super = {.run = run, .done = done},
        .exchange = x,
        .in = GW_BUF_HEAP,
        .json = GW_BUF_HEAP,
    };
    gw_buf_append(&t->in, in);
    h2o_mem_init_pool(&t->scratch);
    return t;
}

static void destroy(struct gw_translation *t)
{
    gw_buf_dispose(&t->in);
    gw_buf_dispose(&t->json);
    h2o_mem_clear_pool(&t->scratch);
    free(t);
}

static struct gw_translation *of(struct gw_job *job)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_translation, super, job);
}

static void begin(struct gw_translation *t, gw_exchange_fn then)
{
    t->then = then;
    gw_background_run(&t->exchange->worker->background, &t->super);
}

static bool is_large(struct gw_slice text)
{
    return text.len > GW_ANSWER_LARGE_BYTES;
}

/* --- requests --- */

static void run_request(struct gw_job *job)
{
    struct gw_translation *t = of(job);
    gw_route_translate(&t->match, &t->request, &t->scratch, &t->framed, &t->failure);
}

static void on_request_done(struct gw_job *job)
{
    struct gw_translation *t = of(job);
    struct gw_exchange *x = t->exchange;
    if (x == NULL) {
        destroy(t);
        return;
    }
    gw_buf_dispose(&t->in);
    x->translation = NULL;
    x->translated_request = t; /* the call borrows what is in its pool */
    t->then(x);
}

static struct gw_slice copy(gw_pool *pool, struct gw_slice text)
{
    return text.len > 0 ? gw_pool_dup(pool, text) : text;
}

static void copy_match(struct gw_translation *t, const struct gw_route_match *match)
{
    t->match = *match;
    for (size_t i = 0; i < match->capture_count; i++)
        t->match.captures[i] = copy(&t->scratch, match->captures[i]);
}

bool gw_exchange_translate_request(struct gw_exchange *x, const struct gw_route_match *match,
                                   const struct gw_translate_request *request, gw_exchange_fn then)
{
    if (!is_large(request->body))
        return false;
    struct gw_translation *t = create(x, run_request, on_request_done, request->body);
    copy_match(t, match);
    t->request = (struct gw_translate_request){
        .http_method = copy(&t->scratch, request->http_method),
        .path = copy(&t->scratch, request->path),
        .query = copy(&t->scratch, request->query),
        .content_type = copy(&t->scratch, request->content_type),
        .body = gw_buf_slice(&t->in),
    };
    x->translation = t;
    begin(t, then);
    return true;
}

struct gw_slice gw_exchange_translated_request(const struct gw_exchange *x,
                                               const struct gw_failure **ret_failure)
{
    *ret_failure = &x->translated_request->failure;
    return x->translated_request->framed;
}

/* --- answers --- */

static void translate(const struct gw_binding *binding, struct gw_slice message, gw_pool *scratch,
                      struct gw_buf *json, struct gw_error *error)
{
    error->status = GW_OK;
    if (gw_transcode_response(binding, message, scratch, json, error) != 0 &&
        error->status == GW_OK)
        error->status = GW_INTERNAL;
}

static void run_answer(struct gw_job *job)
{
    struct gw_translation *t = of(job);
    gw_buf_reserve(&t->json, t->in.len);
    translate(t->binding, gw_buf_slice(&t->in), &t->scratch, &t->json, &t->error);
}

static void on_answer_done(struct gw_job *job)
{
    struct gw_translation *t = of(job);
    struct gw_exchange *x = t->exchange;
    gw_exchange_fn then = t->then;
    if (x != NULL) {
        x->translation = NULL;
        gw_buf_dispose(&x->json);
        x->json = t->json;
        t->json = GW_BUF_HEAP;
        x->message_error = t->error;
        gw_exchange_hold(x, x->json.len);
    }
    destroy(t);
    if (x != NULL)
        then(x);
}

static void keep(struct gw_exchange *x, struct gw_slice message)
{
    if (gw_answer_memory_held(&x->memory) < message.len)
        gw_exchange_hold(x, message.len);
    x->translation = create(x, run_answer, on_answer_done, message);
    x->translation->binding = x->route->binding;
}

static void translate_here(struct gw_exchange *x, struct gw_slice message)
{
    translate(x->route->binding, message, &x->req->pool, &x->json, &x->message_error);
    gw_exchange_hold(x, x->json.len);
}

void gw_exchange_take_message(struct gw_exchange *x, struct gw_slice message)
{
    if (is_large(message))
        keep(x, message);
    else
        translate_here(x, message);
}

void gw_exchange_translate_taken(struct gw_exchange *x, gw_exchange_fn then)
{
    if (x->translation != NULL)
        begin(x->translation, then);
    else
        then(x);
}

bool gw_exchange_is_translating(const struct gw_exchange *x)
{
    return x->translation != NULL && x->translation->then != NULL;
}

void gw_exchange_drop_translation(struct gw_exchange *x)
{
    struct gw_translation *t = x->translation;
    if (t == NULL)
        return;
    x->translation = NULL;
    t->exchange = NULL;
    if (t->then == NULL || gw_background_cancel(&x->worker->background, &t->super))
        destroy(t);
}

void gw_exchange_dispose_translations(struct gw_exchange *x)
{
    gw_exchange_drop_translation(x);
    if (x->translated_request != NULL)
        destroy(x->translated_request);
    x->translated_request = NULL;
}
