#include "frontend/grpc_answer.h"

#include "base/digits.h"
#include "base/encoding.h"
#include "frontend/hooked.h"
#include "frontend/http2.h"
#include "grpc/call.h"

static void add(struct gw_exchange *x, h2o_headers_t *list, struct gw_slice name,
                struct gw_slice value)
{
    h2o_add_header_by_str(&x->req->pool, list, name.base, name.len, 0, NULL, value.base, value.len);
}

static void add_all(struct gw_exchange *x, h2o_headers_t *list, const struct gw_metadata *metadata)
{
    gw_pool *pool = &x->req->pool;
    for (size_t i = 0; i < metadata->count; i++) {
        const struct gw_metadatum *m = &metadata->items[i];
        if (gw_metadata_is_end_to_end(m->name, m->value))
            add(x, list, gw_pool_dup(pool, m->name), gw_pool_dup(pool, m->value));
    }
}

/* --- initial metadata --- */

/* What the gateway says itself in every answer. */
static bool is_ours(struct gw_slice name)
{
    static const struct gw_slice names[] = {
        {"date", 4}, {"server", 6}, {"x-request-id", 12}, {"x-trace-id", 10}, {"x-span-id", 9},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (gw_slice_eq(name, names[i]))
            return true;
    }
    return false;
}

void gw_grpc_take_headers(struct gw_exchange *x, const struct gw_metadata *headers)
{
    gw_pool *pool = &x->req->pool;
    x->grpc.has_headers = true;
    for (size_t i = 0; i < headers->count; i++) {
        const struct gw_metadatum *m = &headers->items[i];
        if (gw_slice_eq(m->name, GW_SLICE("content-type"))) {
            if (x->headers.protocol == GW_PROTOCOL_GRPC)
                x->grpc.content_type = gw_pool_dup(pool, m->value);
        } else if (!is_ours(m->name) && gw_metadata_is_end_to_end(m->name, m->value)) {
            add(x, &x->req->res.headers, gw_pool_dup(pool, m->name), gw_pool_dup(pool, m->value));
        }
    }
}

/* --- the status --- */

static struct gw_slice status_text(gw_pool *pool, int status)
{
    char *digits = h2o_mem_alloc_pool(pool, GW_DIGITS_MAX);
    return gw_slice(digits, (size_t)(gw_digits_put(digits, (uint64_t)status) - digits));
}

static void add_status(struct gw_exchange *x, h2o_headers_t *list,
                       const struct gw_call_result *result)
{
    gw_pool *pool = &x->req->pool;
    add(x, list, GW_SLICE("grpc-status"),
        result->status == GW_OK ? GW_SLICE("0") : status_text(pool, result->status));
    struct gw_buf message = gw_buf_in_pool(pool), details = message;
    gw_grpc_message_encode(&message, result->message);
    if (message.len > 0)
        add(x, list, GW_SLICE("grpc-message"), gw_buf_slice(&message));
    gw_base64_encode(&details, result->details);
    while (details.len > 0 && details.base[details.len - 1] == '=')
        details.len--; /* as gRPC writes it */
    if (details.len > 0)
        add(x, list, GW_SLICE("grpc-status-details-bin"), gw_buf_slice(&details));
    add_all(x, list, &result->trailers);
}

static void set_trailers(struct gw_exchange *x, const struct gw_call_result *result)
{
    h2o_headers_t *list = h2o_mem_alloc_pool(&x->req->pool, sizeof(*list));
    *list = (h2o_headers_t){0};
    add_status(x, list, result);
    gw_http2_set_trailers(x->req, list);
}

/* --- gRPC-Web --- */

#define TRAILERS_FLAG 0x80

static void append_trailers(struct gw_exchange *x, const struct gw_call_result *result,
                            struct gw_buf *out)
{
    h2o_headers_t list = {0};
    add_status(x, &list, result);
    size_t at = out->len;
    gw_buf_reserve(out, GW_GRPC_PREFIX_BYTES);
    out->len += GW_GRPC_PREFIX_BYTES;
    for (size_t i = 0; i < list.size; i++) {
        const h2o_header_t *h = &list.entries[i];
        gw_buf_append(out, gw_slice(h->name->base, h->name->len));
        gw_buf_append(out, GW_SLICE(":"));
        gw_buf_append(out, gw_slice(h->value.base, h->value.len));
        gw_buf_append(out, GW_SLICE("\r\n"));
    }
    gw_grpc_prefix_write(out->base + at, (uint32_t)(out->len - at - GW_GRPC_PREFIX_BYTES));
    out->base[at] = (char)TRAILERS_FLAG;
}

void gw_grpc_append_messages(const struct gw_exchange *x, struct gw_slice framed,
                             struct gw_buf *out)
{
    if (x->grpc.answers_in_text)
        gw_base64_encode(out, framed); /* padded each time: what is there can be read */
    else
        gw_buf_append(out, framed);
}

void gw_grpc_append_status(struct gw_exchange *x, const struct gw_call_result *result,
                           struct gw_buf *out)
{
    if (x->headers.protocol == GW_PROTOCOL_GRPC) {
        set_trailers(x, result);
    } else if (!x->grpc.answers_in_text) {
        append_trailers(x, result, out);
    } else {
        struct gw_buf frame = gw_buf_in_pool(&x->req->pool);
        append_trailers(x, result, &frame);
        gw_base64_encode(out, gw_buf_slice(&frame));
    }
}

/* --- the whole answer --- */

void gw_grpc_answer(struct gw_exchange *x, const struct gw_call_result *result)
{
    if ((x->hook_phases & (result->status == GW_OK ? GW_HOOK_RESPONSE : GW_HOOK_ERROR)) != 0) {
        gw_hooked_grpc(x, result);
        return;
    }
    if (x->grpc_status < 0)
        x->grpc_status = result->status;
    if (result->status != GW_OK)
        gw_exchange_note_error(x, result->message, result->reason);
    bool is_trailers_only = x->json.len == 0 && !x->grpc.has_headers;
    if (x->headers.protocol == GW_PROTOCOL_GRPC && is_trailers_only) {
        add_status(x, &x->req->res.headers, result);
    } else if (x->grpc.answers_in_text) {
        struct gw_buf framed = x->json;
        x->json = gw_buf_in_pool(&x->req->pool);
        gw_exchange_make_room(x, framed.len + framed.len / 3);
        gw_base64_encode(&x->json, gw_buf_slice(&framed));
        gw_buf_dispose(&framed);
        gw_answer_memory_hold(&x->memory, x->json.len); /* without room, it is a third too little */
        gw_grpc_append_status(x, result, &x->json);
    } else {
        gw_grpc_append_status(x, result, &x->json);
    }
    gw_exchange_answer(x, 200, x->grpc.content_type,
                       x->headers.protocol == GW_PROTOCOL_GRPC ? SIZE_MAX : x->json.len);
}
