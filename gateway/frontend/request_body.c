#include "frontend/request_body.h"

#include "frontend/connection.h"
#include "frontend/http2.h"
#include "frontend/internal.h"

struct gw_request_body *gw_request_body_of(h2o_req_t *req)
{
    if (req->version >= 0x200)
        return gw_http2_request_body(req);
    struct gw_request_body *body = h2o_mem_alloc_pool(&req->pool, sizeof(*body));
    *body = (struct gw_request_body){
        .bytes = gw_slice(req->entity.base, req->entity.len),
        .is_complete = true,
        .received = req->entity.len,
        .limit_bytes = gw_worker_of(req->conn->ctx)->frontend->config->limits.request_body_bytes,
        .memory = &gw_connection_of(req->conn)->memory,
    };
    return body;
}

void gw_request_body_grant(struct gw_request_body *body, size_t n)
{
    if (body->ops != NULL && n > 0)
        body->ops->grant(body, n);
}

void gw_request_body_read(struct gw_request_body *body, gw_request_body_fn on_more, void *arg)
{
    body->fn = on_more;
    body->arg = arg;
}

static void let_go(struct gw_request_body *body)
{
    gw_buf_dispose(&body->buffer);
    if (body->held_bytes > body->kept_bytes)
        gw_request_memory_resize(body->memory, &body->held_bytes, body->kept_bytes);
}

void gw_request_body_consume(struct gw_request_body *body, size_t n)
{
    body->bytes = gw_slice_from(body->bytes, n);
    if (body->bytes.len == 0 && body->ops != NULL) {
        let_go(body);
        body->bytes.base = NULL;
    }
    gw_request_body_grant(body, n);
}

/* False: there is no room, and the body has failed. */
static bool charge(struct gw_request_body *body)
{
    size_t bytes = body->buffer.capacity + body->kept_bytes;
    switch (gw_request_memory_resize(body->memory, &body->held_bytes, bytes)) {
    case GW_REQUEST_MEMORY_OVER_CONNECTION:
        gw_request_body_fail(body, GW_BODY_OVER_CONNECTION_MEMORY);
        return false;
    case GW_REQUEST_MEMORY_OVER_TOTAL:
        gw_request_body_fail(body, GW_BODY_OVER_MEMORY);
        return false;
    default:
        return true;
    }
}

bool gw_request_body_keep(struct gw_request_body *body, size_t bytes)
{
    body->kept_bytes = bytes;
    return charge(body);
}

static bool has_ended(const struct gw_request_body *body)
{
    return body->is_complete || body->fault != GW_BODY_SOUND;
}

void gw_request_body_move(struct gw_request_body *body, struct gw_buf *out)
{
    bool is_whole_buffer = body->buffer.len > 0 && body->bytes.len == body->buffer.len;
    if (is_whole_buffer && out->len == 0) {
        struct gw_buf emptied = *out;
        *out = body->buffer;
        body->buffer = emptied;
    } else {
        gw_buf_append(out, body->bytes);
        body->buffer.len = 0;
    }
    body->bytes = (struct gw_slice){0};
}

void gw_request_body_watch(struct gw_request_body *body, gw_request_body_check check,
                           const void *arg)
{
    body->check = check;
    body->check_arg = arg;
}

static bool is_too_large(const struct gw_request_body *body)
{
    return body->received > body->limit_bytes || body->announced > body->limit_bytes ||
           (body->check != NULL && body->check(body->check_arg, body->bytes));
}

bool gw_request_body_collect(struct gw_request_body *body, gw_request_body_fn on_end, void *arg)
{
    body->collects = true;
    if (is_too_large(body))
        gw_request_body_fail(body, GW_BODY_TOO_LARGE);
    if (has_ended(body))
        return true;
    gw_request_body_read(body, on_end, arg);
    gw_request_body_grant(body, body->bytes.len);
    return false;
}

enum gw_limit gw_request_body_limit(enum gw_request_body_fault fault)
{
    switch (fault) {
    case GW_BODY_TOO_SLOW:
        return GW_LIMIT_BODY_TIMEOUT;
    case GW_BODY_OVER_CONNECTION_MEMORY:
        return GW_LIMIT_REQUEST_MEMORY_PER_CONNECTION;
    case GW_BODY_OVER_MEMORY:
        return GW_LIMIT_REQUEST_MEMORY;
    default:
        return GW_LIMIT_REQUEST_BODY;
    }
}

void gw_request_body_init(struct gw_request_body *body, const struct gw_request_body_ops *ops,
                          uint64_t limit_bytes, struct gw_request_memory_account *memory)
{
    *body = (struct gw_request_body){
        .ops = ops,
        .limit_bytes = limit_bytes,
        .buffer = GW_BUF_HEAP,
        .memory = memory,
    };
}

void gw_request_body_dispose(struct gw_request_body *body)
{
    let_go(body);
}

void gw_request_body_receive(struct gw_request_body *body, struct gw_slice chunk)
{
    body->received += chunk.len;
    if (body->fault != GW_BODY_SOUND)
        return;
    if (body->collects && body->received > body->limit_bytes) {
        gw_request_body_fail(body, GW_BODY_TOO_LARGE);
        return;
    }
    if (body->bytes.len < body->buffer.len)
        gw_buf_consume(&body->buffer, body->buffer.len - body->bytes.len);
    gw_buf_append(&body->buffer, chunk);
    body->bytes = gw_buf_slice(&body->buffer);
    if (body->collects && body->check != NULL && body->check(body->check_arg, body->bytes)) {
        gw_request_body_fail(body, GW_BODY_TOO_LARGE);
        return;
    }
    if (charge(body) && body->collects)
        gw_request_body_grant(body, chunk.len);
}

void gw_request_body_end(struct gw_request_body *body)
{
    body->is_complete = true;
}

bool gw_request_body_is_awaited(const struct gw_request_body *body)
{
    return body->collects && !has_ended(body);
}

void gw_request_body_fail(struct gw_request_body *body, enum gw_request_body_fault fault)
{
    body->fault = fault;
    let_go(body);
    body->bytes = (struct gw_slice){0};
}

void gw_request_body_tell(struct gw_request_body *body)
{
    gw_request_body_fn fn = body->fn;
    if (fn == NULL)
        return;
    if (body->collects) {
        if (!has_ended(body))
            return;
        body->fn = NULL;
    }
    fn(body->arg);
}
