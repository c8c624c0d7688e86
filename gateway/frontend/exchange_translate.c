/* From an answer's message to JSON. A large one is translated by the thread beside the worker,
 * which has copies of all that it needs: the exchange may end meanwhile. */
#include <stdlib.h>

#include "frontend/exchange_internal.h"
#include "transcode/transcode.h"

struct gw_translation {
    struct gw_job super;
    struct gw_exchange *exchange; /* NULL: it has ended */
    gw_exchange_fn then;          /* NULL: not begun */
    const struct gw_binding *binding;
    struct gw_buf message, json;
    gw_pool scratch;
    struct gw_error error; /* GW_OK: json is there */
};

static void destroy(struct gw_translation *t)
{
    gw_buf_dispose(&t->message);
    gw_buf_dispose(&t->json);
    h2o_mem_clear_pool(&t->scratch);
    free(t);
}

static void translate(const struct gw_binding *binding, struct gw_slice message, gw_pool *scratch,
                      struct gw_buf *json, struct gw_error *error)
{
    error->status = GW_OK;
    if (gw_transcode_response(binding, message, scratch, json, error) != 0 &&
        error->status == GW_OK)
        error->status = GW_INTERNAL;
}

/* On the thread. */
static void run(struct gw_job *job)
{
    struct gw_translation *t = H2O_STRUCT_FROM_MEMBER(struct gw_translation, super, job);
    gw_buf_reserve(&t->json, t->message.len);
    translate(t->binding, gw_buf_slice(&t->message), &t->scratch, &t->json, &t->error);
}

static void on_done(struct gw_job *job)
{
    struct gw_translation *t = H2O_STRUCT_FROM_MEMBER(struct gw_translation, super, job);
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

static bool is_large(struct gw_slice message)
{
    return message.len > GW_ANSWER_LARGE_BYTES;
}

static void keep(struct gw_exchange *x, struct gw_slice message)
{
    struct gw_translation *t = gw_alloc(sizeof(*t));
    *t = (struct gw_translation){
        .super = {.run = run, .done = on_done},
        .exchange = x,
        .binding = x->route->binding,
        .message = GW_BUF_HEAP,
        .json = GW_BUF_HEAP,
    };
    if (gw_answer_memory_held(&x->memory) < message.len)
        gw_exchange_hold(x, message.len);
    gw_buf_append(&t->message, message);
    h2o_mem_init_pool(&t->scratch);
    x->translation = t;
}

static void begin(struct gw_exchange *x, gw_exchange_fn then)
{
    x->translation->then = then;
    gw_background_run(&x->worker->background, &x->translation->super);
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
        begin(x, then);
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
