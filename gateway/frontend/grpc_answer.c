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

/* What the backend says. Clients' libraries lose the whole connection for some of what is left out
 * here, as backends' do (grpc/metadata.h). */
static void add_metadatum(struct gw_exchange *x, h2o_headers_t *list, const struct gw_metadatum *m)
{
    gw_pool *pool = &x->req->pool;
    struct gw_slice rest = gw_slice_trim(m->value), value = rest;
    if (!gw_metadata_is_end_to_end(m->name, value))
        return;
    struct gw_slice name = gw_pool_dup(pool, m->name);
    if (!gw_metadata_is_binary(name) || value.len == 0) {
        add(x, list, name, gw_pool_dup(pool, value));
        return;
    }
    while (gw_metadata_next_value(&rest, &value))
        add(x, list, name, gw_pool_dup(pool, value));
}

static void add_all(struct gw_exchange *x, h2o_headers_t *list, const struct gw_metadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++)
        add_metadatum(x, list, &metadata->items[i]);
}

/* --- what the client takes --- */

/* Fields of a header list that are not in libh2o's, and grpc-status. */
#define FIXED_BYTES 512

static size_t field_bytes(size_t name, size_t value)
{
    return name + value + 32; /* RFC 9113 section 10.5.1 */
}

static size_t metadata_bytes(const struct gw_metadata *metadata)
{
    size_t bytes = 0;
    for (size_t i = 0; i < metadata->count; i++)
        bytes += field_bytes(metadata->items[i].name.len, metadata->items[i].value.len);
    return bytes;
}

/* What a client takes besides what is in the list. */
static size_t room_for(struct gw_exchange *x, const h2o_headers_t *list)
{
    if (x->headers.protocol != GW_PROTOCOL_GRPC)
        return SIZE_MAX; /* in the body */
    size_t bytes = FIXED_BYTES, most = gw_http2_max_header_list(x->req);
    for (size_t i = 0; i < list->size; i++)
        bytes += field_bytes(list->entries[i].name->len, list->entries[i].value.len);
    return bytes < most ? most - bytes : 0;
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
    size_t bytes = metadata_bytes(headers);
    if (bytes > room_for(x, &x->req->res.headers)) {
        x->grpc.left_out_bytes = bytes;
        return;
    }
    for (size_t i = 0; i < headers->count; i++) {
        const struct gw_metadatum *m = &headers->items[i];
        if (gw_slice_eq(m->name, GW_SLICE("content-type"))) {
            if (x->headers.protocol == GW_PROTOCOL_GRPC)
                x->grpc.content_type = gw_pool_dup(pool, m->value);
        } else if (!is_ours(m->name)) {
            add_metadatum(x, &x->req->res.headers, m);
        }
    }
}

/* --- the status --- */

static struct gw_slice status_text(gw_pool *pool, int status)
{
    char *digits = h2o_mem_alloc_pool(pool, GW_DIGITS_MAX);
    return gw_slice(digits, (size_t)(gw_digits_put(digits, (uint64_t)status) - digits));
}

#define CUT_OFF " [cut off]"
/* Of grpc-message, where it has to be cut off; less of it helps nobody. */
#define LEAST_MESSAGE 256

/* Not within an escape, nor within a character of several. */
static void cut_message(struct gw_buf *message, size_t max_bytes)
{
    if (message->len <= max_bytes)
        return;
    size_t at = max_bytes - (sizeof(CUT_OFF) - 1);
    const char *text = message->base;
    if (text[at - 1] == '%')
        at -= 1;
    else if (text[at - 2] == '%')
        at -= 2;
    while (at >= 3 && text[at] == '%' && (strchr("89AB", text[at + 1]) != NULL))
        at -= 3;
    message->len = at;
    gw_buf_append(message, GW_SLICE(CUT_OFF));
}

static struct gw_call_result too_large(struct gw_exchange *x, const char *what, size_t bytes)
{
    struct gw_slice message =
        gw_pool_printf(&x->req->pool, "the answer's %s take %zu bytes, over the client's %zu", what,
                       bytes, gw_http2_max_header_list(x->req));
    x->grpc_status = GW_RESOURCE_EXHAUSTED;
    gw_exchange_note_error(x, message, (struct gw_slice){0});
    return (struct gw_call_result){.status = GW_RESOURCE_EXHAUSTED, .message = message};
}

static void add_fields(struct gw_exchange *x, h2o_headers_t *list,
                       const struct gw_call_result *result, size_t room)
{
    gw_pool *pool = &x->req->pool;
    add(x, list, GW_SLICE("grpc-status"),
        result->status == GW_OK ? GW_SLICE("0") : status_text(pool, result->status));
    struct gw_buf message = gw_buf_in_pool(pool), details = message;
    gw_grpc_message_encode(&message, result->message);
    gw_base64_encode(&details, result->details);
    while (details.len > 0 && details.base[details.len - 1] == '=')
        details.len--; /* as gRPC writes it */
    size_t least = message.len < LEAST_MESSAGE ? message.len : LEAST_MESSAGE;
    if (details.len > 0 &&
        field_bytes(sizeof("grpc-status-details-bin") - 1, details.len) + least <= room) {
        add(x, list, GW_SLICE("grpc-status-details-bin"), gw_buf_slice(&details));
        room -= field_bytes(sizeof("grpc-status-details-bin") - 1, details.len);
    }
    cut_message(&message, room < LEAST_MESSAGE ? LEAST_MESSAGE : room);
    if (message.len > 0)
        add(x, list, GW_SLICE("grpc-message"), gw_buf_slice(&message));
    add_all(x, list, &result->trailers);
}

/* A client may end its connection for a header list over its limit, and with it its other calls: a
 * message is cut off, details are left out, and where trailers or initial metadata alone are over
 * it, the call fails. */
static void add_status(struct gw_exchange *x, h2o_headers_t *list,
                       const struct gw_call_result *result)
{
    size_t trailers = metadata_bytes(&result->trailers), room = room_for(x, list);
    struct gw_call_result instead;
    if (x->grpc.left_out_bytes > 0) {
        instead = too_large(x, "initial metadata", x->grpc.left_out_bytes);
        add_fields(x, list, &instead, room);
    } else if (trailers == 0 || trailers + LEAST_MESSAGE <= room) {
        add_fields(x, list, result, room - trailers);
    } else {
        instead = too_large(x, "trailers", trailers);
        add_fields(x, list, &instead, room);
    }
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
