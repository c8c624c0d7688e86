#include "grpc/client_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/recycle.h"
#include "grpc/hpack_literal.h"

#define DEFAULT_MAX_MESSAGE (4 << 20)

/* 103 (Early Hints) and its like, which nobody waits for here. */
#define MAX_INFORMATIONAL 32

/* Stream windows are given back in steps: most answers end before the first. */
#define CONSUME_STEP (GW_CLIENT_STREAM_WINDOW / 8)

static void make_due(struct gw_client_call *call)
{
    if (call->is_due)
        return;
    call->is_due = true;
    TAILQ_INSERT_TAIL(&call->client->due, call, due_link);
    gw_client_flush_later(call->client);
}

/* --- ending --- */

void gw_client_call_free(struct gw_client_call *call)
{
    gw_frame_reader_dispose(&call->reader);
    gw_inflater_destroy(call->inflater);
    if (call->held != NULL)
        h2o_mem_clear_pool(&call->held->pool);
    free(call->held);
    gw_recycler_free(gw_loop_recycler(call->client->loop), call);
}

static void free_if_unused(struct gw_client_call *call)
{
    if (!call->ended || call->stream_open || call->calling)
        return;
    if (call->stream_id >= 0)
        TAILQ_REMOVE(&call->client->open, call, link);
    gw_client_call_free(call);
}

/* From here on the maker hears nothing more. */
static void mark_ended(struct gw_client_call *call)
{
    struct gw_grpc_client *client = call->client;
    call->ended = true;
    if (call->stream_id < 0)
        TAILQ_REMOVE(&client->waiting, call, link);
    gw_timer_stop(client->loop, &call->deadline);
    if (call->is_due)
        TAILQ_REMOVE(&client->due, call, due_link);
    call->is_due = false;
    if (call->is_inflating)
        TAILQ_REMOVE(&client->inflating, call, inflating_link);
    call->is_inflating = false;
    call->sending = gw_slice(NULL, 0);
    client->call_count--;
    if (client->refuses_early && call->stream_id >= 0)
        gw_client_hold_place(client);
    if (call->stream_open && !call->reset_by_nghttp2 &&
        !(call->local_closed && call->remote_closed))
        gw_client_reset(client, call);
    if (client->call_count == 0 && client->state == GW_CLIENT_DRAINING)
        gw_client_flush_later(client);
    if (client->was_full && client->call_count < client->stream_limit) {
        client->was_full = false;
        client->changed = true;
        gw_client_flush_later(client);
    }
}

void gw_client_call_end(struct gw_client_call *call, const struct gw_call_result *result)
{
    mark_ended(call);
    call->params.callbacks->on_end(call->params.arg, result);
    free_if_unused(call);
}

/* Calls that the peer took before it retired the connection; 0: it did not, or not yet say. */
static uint32_t retired_after(const struct gw_grpc_client *client)
{
    return client->retires ? ((uint32_t)client->last_taken + 1) / 2 : 0;
}

void gw_client_call_fail(struct gw_client_call *call, int status, int http_status,
                         const char *message)
{
    struct gw_call_result result = {
        .status = status,
        .message = gw_slice_str(message),
        .reason = gw_slice_str(call->client->closed_reason),
        .fate = call->has_left ? GW_CALL_SEEN : GW_CALL_UNSENT,
        .taken = call->has_left ? 0 : retired_after(call->client),
        .http_status = http_status,
    };
    gw_client_call_end(call, &result);
}

static void cancel(struct gw_call *super)
{
    struct gw_client_call *call = (struct gw_client_call *)super;
    if (call->ended)
        return;
    mark_ended(call);
    free_if_unused(call);
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_client_call *call = H2O_STRUCT_FROM_MEMBER(struct gw_client_call, deadline, timer);
    struct gw_grpc_client *client = call->client;
    gw_client_enter(client);
    gw_client_call_fail(call, GW_DEADLINE_EXCEEDED, 504, "deadline exceeded");
    gw_client_leave(client);
}

/* --- request --- */

static void send_message(struct gw_call *super, struct gw_slice framed, enum gw_send_flags flags)
{
    struct gw_client_call *call = (struct gw_client_call *)super;
    call->sending = framed;
    call->half_close = (flags & GW_SEND_END) != 0;
    if (call->paused && call->stream_open && !call->ended) {
        call->paused = false;
        nghttp2_session_resume_data(call->client->session, call->stream_id);
        gw_client_flush_later(call->client);
    }
}

static ssize_t on_read_data(nghttp2_session *session, int32_t stream_id, uint8_t *out,
                            size_t capacity, uint32_t *flags, nghttp2_data_source *source,
                            void *arg)
{
    (void)session, (void)stream_id, (void)out, (void)arg;
    struct gw_client_call *call = source->ptr;
    if (call->ended || (call->sending.len == 0 && !call->half_close)) {
        call->paused = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (gw_h2_output_is_full(&call->client->output))
        return NGHTTP2_ERR_PAUSE;
    size_t n = call->sending.len < capacity ? call->sending.len : capacity;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == call->sending.len && call->half_close) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        call->local_closed = true;
    }
    return (ssize_t)n;
}

int gw_client_call_on_send_data(struct gw_client_call *call, const uint8_t head[9], size_t length)
{
    gw_h2_output_data_frame(&call->client->output, head, gw_slice(call->sending.base, length));
    if (length == 0)
        return 0;
    call->sending = gw_slice_from(call->sending, length);
    if (call->sending.len == 0 && call->params.callbacks->on_sent != NULL) {
        call->sent = true;
        make_due(call);
    }
    return 0;
}

/* --- request headers ---
 *
 * nghttp2 codes every value in Huffman's way, and looks every name up. For the ids of a call, which
 * are new each time, that is more work than everything else that is done to send it. So nghttp2
 * gets the fields that recur, and the others follow as plain literals. Where all of them together
 * might not fit into one frame, nghttp2 gets them too: it knows how to continue. */

/* Fields of our own, and room for the metadata of most calls. */
#define OWN_FIELDS 9
#define USUAL_FIELDS 40

/* nghttp2 reads the bytes when it frames the request, and only if it was not reset before that. */
#define BORROWED (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)

static nghttp2_nv field(struct gw_slice name, struct gw_slice value, uint8_t flags)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.base,
        .value = (uint8_t *)(uintptr_t)value.base,
        .namelen = name.len,
        .valuelen = value.len,
        .flags = flags,
    };
}

static size_t fill_own_fields(const struct gw_call_params *params, nghttp2_nv nv[OWN_FIELDS])
{
    size_t n = 0;
    nv[n++] = field(GW_SLICE(":method"), GW_SLICE("POST"), BORROWED);
    nv[n++] = field(GW_SLICE(":scheme"), params->scheme, BORROWED);
    nv[n++] = field(GW_SLICE(":path"), params->path, BORROWED);
    nv[n++] = field(GW_SLICE(":authority"), params->authority, BORROWED);
    nv[n++] = field(GW_SLICE("content-type"), params->content_type, BORROWED);
    return n;
}

static struct gw_slice user_agent_of(const struct gw_call_params *params)
{
    return params->user_agent.len > 0 ? params->user_agent : gw_grpc_user_agent;
}

static bool is_literal(const struct gw_metadatum *m)
{
    return m->indexing != GW_INDEX_FIELD;
}

#define TIMEOUT_MAX 16

/* What stands in fill_own_fields, te, grpc-timeout and grpc-accept-encoding, with what HPACK adds.
 */
#define FIXED_BYTES 256

/* The same as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 section 6.5.2), but for the values
 * that differ: a name, a value and 32 bytes for each. */
#define LISTED(name, value) (sizeof(name) - 1 + sizeof(value) - 1 + 32)
#define FIXED_LISTED                                                                               \
    (LISTED(":method", "POST") + LISTED(":scheme", "") + LISTED(":path", "") +                     \
     LISTED(":authority", "") + LISTED("te", "trailers") + LISTED("content-type", "") +            \
     LISTED("user-agent", "") + LISTED("grpc-timeout", "99999999m"))

/* Of all fields that make up the request. */
struct measure {
    size_t bound;  /* on the wire, however they are coded */
    size_t listed; /* as the peer counts them */
    size_t count;  /* of metadata fields */
};

/* The peer gets each of its values by itself. */
static bool is_list(const struct gw_metadatum *m)
{
    return m->indexing == GW_INDEX_NEVER && gw_metadata_is_binary(m->name);
}

/* An empty value is one, too. */
static struct gw_slice values_of(const struct gw_metadatum *m)
{
    return m->value.base != NULL ? m->value : GW_SLICE("");
}

static void measure_value(struct measure *measure, struct gw_slice name, struct gw_slice value)
{
    measure->bound += gw_hpack_literal_bound(name, value);
    measure->listed += name.len + value.len + 32;
    measure->count++;
}

static void measure_list(struct measure *measure, const struct gw_metadatum *m)
{
    struct gw_slice rest = values_of(m), value;
    while (gw_metadata_next_value(&rest, &value))
        measure_value(measure, m->name, value);
}

/* Whoever makes the metadata has refused by then what is bad of them, in better words. But what a
 * stranger has chosen reaches no connection unseen, whoever that was. False: the field at *ret_bad
 * is refused. */
static bool measure_request(const struct gw_call_params *params, struct measure *ret_measure,
                            const struct gw_metadatum **ret_bad)
{
    size_t own = params->scheme.len + params->path.len + params->authority.len +
                 params->content_type.len + user_agent_of(params).len;
    *ret_measure = (struct measure){FIXED_BYTES + own, FIXED_LISTED + own, 0};
    if (!params->takes_compressed)
        ret_measure->listed += LISTED("grpc-accept-encoding", GW_INFLATE_ENCODINGS);
    for (size_t i = 0; i < params->metadata.count; i++) {
        const struct gw_metadatum *m = &params->metadata.items[i];
        if (m->indexing == GW_INDEX_NEVER && !gw_metadata_is_end_to_end(m->name, m->value)) {
            *ret_bad = m;
            return false;
        }
        if (is_list(m))
            measure_list(ret_measure, m);
        else
            measure_value(ret_measure, m->name, m->value);
    }
    return true;
}

static struct gw_slice timeout_of(const struct gw_client_call *call, char text[TIMEOUT_MAX])
{
    uint64_t now = gw_loop_now_ms(call->client->loop), deadline = call->deadline.expires_ms;
    return gw_slice(text, gw_grpc_timeout_format(text, deadline > now ? deadline - now : 1));
}

static char *put_list(char *to, const struct gw_metadatum *m)
{
    struct gw_slice rest = values_of(m), value;
    while (gw_metadata_next_value(&rest, &value))
        to = gw_hpack_put_literal(to, m->name, value, true);
    return to;
}

void gw_client_call_append_literals(struct gw_client_call *call)
{
    const struct gw_metadata *metadata = &call->params.metadata;
    struct gw_buf *bytes = &call->client->output.bytes;
    char *to = gw_buf_reserve(bytes, call->literals_bound);
    if (call->params.deadline_ms != 0) {
        char timeout[TIMEOUT_MAX];
        to = gw_hpack_put_literal(to, GW_SLICE("grpc-timeout"), timeout_of(call, timeout), false);
    }
    /* These recur, but to copy them costs less than to find them in nghttp2's table. */
    to = gw_hpack_put_literal(to, GW_SLICE("te"), GW_SLICE("trailers"), false);
    if (!call->params.takes_compressed)
        to = gw_hpack_put_literal(to, GW_SLICE("grpc-accept-encoding"),
                                  GW_SLICE(GW_INFLATE_ENCODINGS), false);
    to = gw_hpack_put_literal(to, GW_SLICE("user-agent"), user_agent_of(&call->params), false);
    for (size_t i = 0; i < metadata->count; i++) {
        const struct gw_metadatum *m = &metadata->items[i];
        if (!is_literal(m))
            continue;
        if (is_list(m))
            to = put_list(to, m);
        else
            to = gw_hpack_put_literal(to, m->name, m->value, m->indexing == GW_INDEX_NEVER);
    }
    bytes->len = (size_t)(to - bytes->base);
}

/* nghttp2's own bound on a block; over it, it would refuse the stream as if the peer had. Peers
 * that announce no limit may have the same one, and end the connection. */
#define BLOCK_MAX 65536

static bool is_too_large(const nghttp2_nv *nv, size_t count)
{
    size_t bytes = 12;
    for (size_t i = 0; i < count; i++)
        bytes += nv[i].namelen + nv[i].valuelen + 12;
    return bytes > BLOCK_MAX;
}

static int submit_fields(struct gw_client_call *call, const nghttp2_nv *nv, size_t count)
{
    if (call->literals_bound == 0 && is_too_large(nv, count))
        return NGHTTP2_ERR_FRAME_SIZE_ERROR;
    nghttp2_data_provider body = {.source.ptr = call, .read_callback = on_read_data};
    return nghttp2_submit_request(call->client->session, NULL, nv, count, &body, call);
}

static size_t fill_field(nghttp2_nv *nv, size_t count, const struct gw_metadatum *m)
{
    const uint8_t flags = BORROWED | NGHTTP2_NV_FLAG_NO_INDEX;
    if (!is_list(m)) {
        nv[count++] = field(m->name, m->value, flags);
        return count;
    }
    struct gw_slice rest = values_of(m), value;
    while (gw_metadata_next_value(&rest, &value))
        nv[count++] = field(m->name, value, flags);
    return count;
}

static int submit_request(struct gw_client_call *call, const struct measure *measure)
{
    const struct gw_metadata *metadata = &call->params.metadata;
    call->literals_bound = measure->bound <= GW_H2_PAYLOAD_BYTES ? measure->bound : 0;
    nghttp2_nv usual[USUAL_FIELDS], *nv = usual;
    if (OWN_FIELDS + measure->count > USUAL_FIELDS)
        nv = gw_realloc(NULL, (OWN_FIELDS + measure->count) * sizeof(*nv));

    char timeout[TIMEOUT_MAX];
    size_t count = fill_own_fields(&call->params, nv);
    if (call->params.deadline_ms != 0 && call->literals_bound == 0)
        nv[count++] = field(GW_SLICE("grpc-timeout"), timeout_of(call, timeout),
                            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX);
    if (!call->params.takes_compressed && call->literals_bound == 0)
        nv[count++] = field(GW_SLICE("grpc-accept-encoding"), GW_SLICE(GW_INFLATE_ENCODINGS),
                            BORROWED | NGHTTP2_NV_FLAG_NO_INDEX);
    if (call->literals_bound == 0) {
        nv[count++] = field(GW_SLICE("te"), GW_SLICE("trailers"), BORROWED);
        nv[count++] = field(GW_SLICE("user-agent"), user_agent_of(&call->params),
                            BORROWED | NGHTTP2_NV_FLAG_NO_INDEX);
    }
    for (size_t i = 0; i < metadata->count; i++) {
        const struct gw_metadatum *m = &metadata->items[i];
        if (!is_literal(m)) {
            nv[count++] = field(m->name, m->value, BORROWED);
        } else if (call->literals_bound == 0) {
            count = fill_field(nv, count, m);
        }
    }
    int rc = submit_fields(call, nv, count);
    if (nv != usual)
        free(nv);
    return rc;
}

#define NAME_SHOWN_MAX 64

static void fail_bad_metadatum(struct gw_client_call *call, const struct gw_metadatum *bad)
{
    char message[256];
    struct gw_slice name = bad->name;
    if (name.len > NAME_SHOWN_MAX)
        name.len = NAME_SHOWN_MAX;
    snprintf(message, sizeof(message), "metadata %.*s: %s", GW_SLICE_ARG(name),
             gw_metadata_fault_text(gw_metadata_check_end_to_end(bad->name, bad->value)));
    gw_client_call_fail(call, GW_INVALID_ARGUMENT, 400, message);
}

static void fail_headers_too_large(struct gw_client_call *call, size_t bytes, size_t limit)
{
    char message[128];
    snprintf(message, sizeof(message),
             "the call's metadata take %zu bytes, and the backend takes %zu", bytes, limit);
    gw_client_call_fail(call, GW_RESOURCE_EXHAUSTED, 431, message);
}

void gw_client_call_submit(struct gw_client_call *call)
{
    struct gw_grpc_client *client = call->client;
    struct measure measure;
    const struct gw_metadatum *bad;
    if (!measure_request(&call->params, &measure, &bad)) {
        fail_bad_metadatum(call, bad);
        return;
    }
    if (measure.listed > client->header_list_limit) {
        fail_headers_too_large(call, measure.listed, client->header_list_limit);
        return;
    }
    int rc =
        measure.bound <= BLOCK_MAX ? submit_request(call, &measure) : NGHTTP2_ERR_FRAME_SIZE_ERROR;
    if (rc == NGHTTP2_ERR_FRAME_SIZE_ERROR) {
        fail_headers_too_large(call, measure.bound, BLOCK_MAX);
        return;
    }
    if (rc < 0) {
        /* Stream ids have run out. */
        client->state = GW_CLIENT_DRAINING;
        client->changed = true;
        gw_client_call_fail(call, GW_UNAVAILABLE, 503, "the connection takes no more calls");
        return;
    }
    TAILQ_REMOVE(&client->waiting, call, link);
    TAILQ_INSERT_TAIL(&client->open, call, link);
    call->stream_id = rc;
    call->stream_open = true;
    client->stream_count++;
}

/* --- response --- */

static void give_back_window(struct gw_client_call *call)
{
    bool may_come = call->requested > 0 && call->may_come;
    size_t keep = may_come ? 0 : gw_frame_reader_held(&call->reader);
    if (call->unconsumed < keep + CONSUME_STEP || !call->stream_open || call->remote_closed)
        return;
    nghttp2_session_consume_stream(call->client->session, call->stream_id, call->unconsumed - keep);
    call->unconsumed = keep;
    if (nghttp2_session_want_write(call->client->session))
        gw_client_flush_later(call->client);
}

static void fail_too_large(struct gw_client_call *call, const char *how)
{
    char text[80];
    snprintf(text, sizeof(text), "a message is over the limit of %llu bytes%s",
             (unsigned long long)call->reader.max_message_bytes, how);
    gw_client_call_fail(call, GW_RESOURCE_EXHAUSTED, 502, text);
}

static void fail_compressed(struct gw_client_call *call)
{
    char text[128] = "a message is compressed, and grpc-encoding does not say how";
    if (*call->encoding != '\0')
        snprintf(text, sizeof(text),
                 "a message is compressed as '%s', and only gzip and deflate are taken",
                 call->encoding);
    gw_client_call_fail(call, GW_INTERNAL, 502, text);
}

/* What makes a message that the maker cannot be given. */
enum { MESSAGE_BROKEN = -10, MESSAGE_INFLATES_TOO_FAR };

static void fail_malformed(struct gw_client_call *call, int rc)
{
    switch (rc) {
    case GW_FRAME_TOO_LARGE:
        fail_too_large(call, "");
        break;
    case MESSAGE_INFLATES_TOO_FAR:
        fail_too_large(call, " when inflated");
        break;
    case GW_FRAME_COMPRESSED:
        fail_compressed(call);
        break;
    case MESSAGE_BROKEN:
        gw_client_call_fail(call, GW_INTERNAL, 502, "a compressed message is damaged");
        break;
    default:
        gw_client_call_fail(call, GW_INTERNAL, 502, "a message has an unknown flag");
    }
}

static bool is_inflating(const struct gw_client_call *call)
{
    return call->inflater != NULL && gw_inflater_is_busy(call->inflater);
}

static bool has_message(const struct gw_client_call *call)
{
    return is_inflating(call) || gw_frame_reader_peek(&call->reader) == GW_FRAME_MESSAGE;
}

/* The peer has ended the stream, and `result` tells how: ends the call unless messages are left. */
static void end_after_messages(struct gw_client_call *call, const struct gw_call_result *result)
{
    if (has_message(call))
        return;
    if (gw_frame_reader_held(&call->reader) > 0 && result->status == GW_OK)
        gw_client_call_fail(call, GW_INTERNAL, 502, "the answer ends within a message");
    else
        gw_client_call_end(call, result);
}

/* Of a message that is not whole, once its prefix is there. */
static void ask_for_room(struct gw_client_call *call)
{
    const struct gw_call_callbacks *callbacks = call->params.callbacks;
    size_t size = call->may_come ? 0 : gw_frame_reader_coming(&call->reader);
    if (size > 0)
        call->may_come =
            callbacks->on_coming == NULL ||
            callbacks->on_coming(call->params.arg, size, gw_frame_reader_held(&call->reader));
}

/* --- inflating ---
 *
 * A few bytes of a peer may take long to inflate, for a message of max_message_bytes some
 * milliseconds a MiB. So a connection does a share of that work a millisecond; what is left waits
 * in `inflating`, and others get their turn. */

#define INFLATE_SHARE ((size_t)512 << 10)
/* Of a connection that is lost, for each of its calls: nothing can wait any more. */
#define LOST_SHARE_FACTOR 16

static void grant_share(struct gw_grpc_client *client)
{
    uint64_t now_ms = gw_loop_now_ms(client->loop);
    if (client->inflate_share_ms == now_ms)
        return;
    client->inflate_share_ms = now_ms;
    client->inflate_work = INFLATE_SHARE;
}

static void inflate_later(struct gw_client_call *call)
{
    struct gw_grpc_client *client = call->client;
    if (call->is_inflating)
        return;
    call->is_inflating = true;
    TAILQ_INSERT_TAIL(&client->inflating, call, inflating_link);
    gw_loop_defer(client->loop, &client->inflate);
}

/* False: the maker has none for now. It may have cancelled the call. */
static bool ask_for_more_room(struct gw_client_call *call)
{
    const struct gw_call_callbacks *callbacks = call->params.callbacks;
    size_t wanted = gw_inflater_next_room(call->inflater), here = gw_inflater_room(call->inflater);
    if (callbacks->on_coming != NULL && !callbacks->on_coming(call->params.arg, wanted, here))
        return false;
    gw_inflater_grow(call->inflater);
    return true;
}

/* As gw_frame_reader_next, for the message that has begun. */
static int inflate_on(struct gw_client_call *call, struct gw_slice *ret_message)
{
    struct gw_grpc_client *client = call->client;
    int rc;
    if (!call->is_lost)
        grant_share(client);
    while ((rc = gw_inflater_run(call->inflater, &client->inflate_work)) == GW_INFLATE_ROOM) {
        if (!ask_for_more_room(call))
            return GW_FRAME_MORE;
    }
    if (rc == GW_INFLATE_MORE)
        inflate_later(call);
    if (rc < 0)
        return rc == GW_INFLATE_TOO_LARGE ? MESSAGE_INFLATES_TOO_FAR : MESSAGE_BROKEN;
    if (rc != GW_INFLATE_DONE)
        return GW_FRAME_MORE;
    *ret_message = gw_slice_from(gw_inflater_framed(call->inflater), GW_GRPC_PREFIX_BYTES);
    return GW_FRAME_MESSAGE;
}

/* The next message as its maker takes it; its prefix stands before it. */
static int next_message(struct gw_client_call *call, struct gw_slice *ret_message)
{
    if (is_inflating(call))
        return inflate_on(call, ret_message);
    int rc = gw_frame_reader_next(&call->reader, ret_message);
    if (rc != GW_FRAME_MESSAGE || call->inflater == NULL ||
        ret_message->base[-GW_GRPC_PREFIX_BYTES] == 0)
        return rc;
    gw_inflater_begin(call->inflater, *ret_message);
    return inflate_on(call, ret_message);
}

/* The answer's messages may be compressed: `encoding` says how. */
static void take_encoding(struct gw_client_call *call, struct gw_header_block *block)
{
    struct gw_slice encoding = block->encoding;
    const struct gw_call_params *params = &call->params;
    bool passes = params->takes_compressed;
    if (!passes && gw_inflater_is_identity(encoding))
        return;
    passes = passes || gw_inflater_is_listed(params->takes_encodings, encoding);
    if (!passes)
        call->inflater = gw_inflater_create(encoding, call->reader.max_message_bytes);
    if (passes && encoding.len > 0)
        gw_metadata_store_add(&block->metadata, GW_SLICE("grpc-encoding"), encoding);
    else if (call->inflater == NULL)
        snprintf(call->encoding, sizeof(call->encoding), "%.*s", GW_SLICE_ARG(encoding));
    call->reader.takes_compressed = passes || call->inflater != NULL;
}

/* Until the next turn: what it reads from is about to go, and what it made is given out. */
static void rest_inflater(struct gw_inflater *inflater)
{
    if (gw_inflater_is_busy(inflater))
        gw_inflater_keep(inflater);
    else
        gw_inflater_release(inflater);
}

/* --- giving out --- */

/* Gives out the messages that were asked for. */
static void deliver(struct gw_client_call *call)
{
    int rc = GW_FRAME_MORE;
    call->calling = true;
    while (!call->ended && call->requested > 0) {
        struct gw_slice message;
        rc = next_message(call, &message);
        if (rc != GW_FRAME_MESSAGE)
            break;
        call->may_come = false;
        if (call->requested != GW_REQUEST_ALL)
            call->requested--;
        if (call->params.passes_through)
            message =
                gw_slice(message.base - GW_GRPC_PREFIX_BYTES, message.len + GW_GRPC_PREFIX_BYTES);
        call->params.callbacks->on_message(call->params.arg, message);
    }
    if (!call->ended && call->requested > 0 && rc == GW_FRAME_MORE && call->held == NULL &&
        !is_inflating(call))
        ask_for_room(call);
    call->calling = false;

    if (call->ended) {
        free_if_unused(call);
        return;
    }
    if (call->inflater != NULL)
        rest_inflater(call->inflater);
    gw_frame_reader_keep(&call->reader);
    if (rc < 0)
        fail_malformed(call, rc);
    else if (call->held != NULL)
        end_after_messages(call, &call->held->result);
    else
        give_back_window(call);
}

void gw_client_calls_inflate(struct gw_grpc_client *client)
{
    struct gw_client_call *call;
    grant_share(client);
    while (client->inflate_work > 0 && (call = TAILQ_FIRST(&client->inflating)) != NULL) {
        TAILQ_REMOVE(&client->inflating, call, inflating_link);
        call->is_inflating = false;
        deliver(call);
    }
    if (!TAILQ_EMPTY(&client->inflating))
        gw_loop_defer(client->loop, &client->inflate);
}

void gw_client_call_lose(struct gw_client_call *call, int status, int http_status,
                         const char *message)
{
    if (call->held == NULL || call->calling || call->is_lost) {
        gw_client_call_fail(call, status, http_status, message);
        return;
    }
    call->is_lost = true;
    call->client->inflate_work = LOST_SHARE_FACTOR * call->reader.max_message_bytes;
    call->requested = GW_REQUEST_ALL;
    deliver(call);
}

static void request(struct gw_call *super, uint32_t count)
{
    struct gw_client_call *call = (struct gw_client_call *)super;
    if (__builtin_add_overflow(call->requested, count, &call->requested))
        call->requested = GW_REQUEST_ALL;
    if (!call->ended && !call->calling &&
        (gw_frame_reader_held(&call->reader) > 0 || is_inflating(call)))
        make_due(call);
}

void gw_client_call_run_due(struct gw_client_call *call)
{
    if (call->sent) {
        call->sent = false;
        call->calling = true;
        call->params.callbacks->on_sent(call->params.arg);
        call->calling = false;
    }
    deliver(call);
}

static struct gw_slice copy(gw_pool *pool, struct gw_slice s)
{
    return s.len == 0 ? s : gw_pool_dup(pool, s);
}

/* Copies the block's result, for the block is about to go. */
static void hold(struct gw_client_call *call, const struct gw_call_result *result)
{
    struct gw_held_result *held = gw_alloc(sizeof(*held));
    h2o_mem_init_pool(&held->pool);
    held->result = *result;
    held->result.message = copy(&held->pool, result->message);
    held->result.details = copy(&held->pool, result->details);
    struct gw_metadata_store trailers = {.pool = &held->pool};
    for (size_t i = 0; i < result->trailers.count; i++)
        gw_metadata_store_add(&trailers, result->trailers.items[i].name,
                              result->trailers.items[i].value);
    held->result.trailers = gw_metadata_of(&trailers);
    call->held = held;
}

static void on_stream_end(struct gw_client_call *call, const struct gw_call_result *result)
{
    call->remote_closed = true;
    if (has_message(call))
        hold(call, result);
    else
        end_after_messages(call, result);
}

static void on_initial_headers(struct gw_client_call *call, struct gw_header_block *block)
{
    call->headers_seen = true;
    if (block->http_status != 200 || !block->is_grpc) {
        struct gw_call_result result = gw_header_block_not_grpc(block);
        gw_client_call_end(call, &result);
        return;
    }
    take_encoding(call, block);
    if (call->params.callbacks->on_headers != NULL) {
        struct gw_metadata metadata = gw_metadata_of(&block->metadata);
        call->params.callbacks->on_headers(call->params.arg, &metadata);
    }
}

static void on_informational(struct gw_client_call *call)
{
    if (++call->informational > MAX_INFORMATIONAL)
        gw_client_call_fail(call, GW_INTERNAL, 502, "the peer sends no answer but 1xx");
}

void gw_client_call_on_headers(struct gw_client_call *call, bool end_stream)
{
    struct gw_header_block *block = &call->client->block;
    if (call->ended)
        return;
    call->remote_closed = call->remote_closed || end_stream;
    if (block->is_over) {
        struct gw_call_result result = gw_header_block_too_large(block);
        gw_client_call_end(call, &result);
    } else if (block->http_status >= 100 && block->http_status < 200) {
        on_informational(call);
    } else if (end_stream) {
        struct gw_call_result result = gw_header_block_result(block);
        on_stream_end(call, &result);
    } else if (!call->headers_seen) {
        on_initial_headers(call, block);
    }
}

void gw_client_call_give_up_block(struct gw_client_call *call)
{
    gw_client_count_reset(call->client);
    call->reset_by_nghttp2 = true;
    if (call->ended)
        return;
    struct gw_call_result result = gw_header_block_too_large(&call->client->block);
    gw_client_call_end(call, &result);
}

void gw_client_call_on_data(struct gw_client_call *call, struct gw_slice chunk)
{
    if (call->ended)
        return;
    call->unconsumed += chunk.len;
    gw_frame_reader_feed(&call->reader, chunk);
    deliver(call);
}

void gw_client_call_on_data_end(struct gw_client_call *call)
{
    if (call->ended)
        return;
    struct gw_header_block *block = &call->client->block;
    gw_header_block_begin(block);
    struct gw_call_result result = gw_header_block_result(block);
    on_stream_end(call, &result);
}

/* nghttp2 closes so, too, what is above a GOAWAY's last stream. */
static struct gw_call_result result_of_refusal(const struct gw_client_call *call)
{
    const struct gw_grpc_client *client = call->client;
    struct gw_call_result result = {.status = GW_UNAVAILABLE,
                                    .message = GW_SLICE("the peer refused the stream"),
                                    .http_status = 503};
    if (call->headers_seen)
        return result;
    bool is_above = client->goaway_received && call->stream_id > client->last_taken;
    if (is_above)
        result.message = GW_SLICE("the peer is going away");
    if (!call->has_left) {
        result.fate = GW_CALL_UNSENT;
        result.taken = retired_after(client);
    } else if (is_above && client->retires) {
        result.fate = GW_CALL_RETIRED;
        result.taken = retired_after(client);
    } else {
        result.fate = GW_CALL_REFUSED;
        result.taken = client->stream_limit;
    }
    return result;
}

/* grpc/doc/PROTOCOL-HTTP2.md, Errors. */
static struct gw_call_result result_of_reset(const struct gw_client_call *call, uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return result_of_refusal(call);
    case NGHTTP2_CANCEL:
        /* A peer that keeps the deadline itself may be a moment ahead of us. */
        if (call->params.deadline_ms != 0 && call->deadline.expires_ms <= gw_clock_ms() + 1)
            return (struct gw_call_result){
                .status = GW_DEADLINE_EXCEEDED,
                .message = GW_SLICE("deadline exceeded"),
                .http_status = 504,
            };
        return (struct gw_call_result){
            .status = GW_CANCELLED,
            .message = GW_SLICE("the peer cancelled the stream"),
        };
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return (struct gw_call_result){
            .status = GW_RESOURCE_EXHAUSTED,
            .message = GW_SLICE("the peer asks for fewer calls"),
        };
    case NGHTTP2_INADEQUATE_SECURITY:
        return (struct gw_call_result){
            .status = GW_PERMISSION_DENIED,
            .message = GW_SLICE("the peer asks for a safer connection"),
        };
    default:
        return (struct gw_call_result){
            .status = GW_INTERNAL,
            .message = GW_SLICE("the stream was reset"),
            .http_status = 502,
        };
    }
}

void gw_client_call_on_stream_close(struct gw_client_call *call, uint32_t error_code)
{
    call->stream_open = false;
    /* After END_STREAM a reset only tells us to stop sending. */
    if (call->ended || call->held != NULL) {
        free_if_unused(call);
        return;
    }
    struct gw_call_result result = result_of_reset(call, error_code);
    gw_client_call_end(call, &result);
}

/* --- making one --- */

static const struct gw_call_ops ops = {.send = send_message, .request = request, .cancel = cancel};

struct gw_client_call *gw_client_call_create(struct gw_grpc_client *client,
                                             const struct gw_call_params *params)
{
    struct gw_client_call *call = gw_recycler_alloc(gw_loop_recycler(client->loop), sizeof(*call));
    *call = (struct gw_client_call){
        .super.ops = &ops,
        .client = client,
        .params = *params,
        .deadline.fn = on_deadline,
        .stream_id = -1,
    };
    if (call->params.scheme.len == 0)
        call->params.scheme = GW_SLICE("http");
    if (call->params.content_type.len == 0)
        call->params.content_type = GW_SLICE("application/grpc");
    gw_frame_reader_init(&call->reader, params->max_message_bytes ? params->max_message_bytes
                                                                  : DEFAULT_MAX_MESSAGE);
    call->reader.takes_compressed = params->takes_compressed;
    uint64_t ends_ms = gw_deadline_sooner(params->deadline_ms, params->limit_ms);
    if (ends_ms != 0)
        gw_timer_start(client->loop, &call->deadline, ends_ms);
    return call;
}
