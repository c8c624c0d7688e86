#include "frontend/http2_guard.h"

#include <endian.h>

/* Rapid reset (CVE-2023-44487) and its like (CVE-2025-8671) have work done for requests that are
 * gone. One that has lasted this long has had its share of concurrent_streams. */
#define EARLY_MS 1000

/* What a frame that brings something gives back of the budget of those that bring nothing. */
#define PROGRESS_CONTROL_FRAMES 4

/* What a connection may send of requests that are answered: at once, and a second. */
#define DROPPED_BYTES (64u << 20)
#define DROPPED_BYTES_PER_SECOND (16u << 20)
/* A frame counts as at least so many. */
#define DROPPED_FRAME_BYTES 256

/* A DATA frame of up to this length may be nothing but padding. */
#define PADDING_MAX 256

void gw_http2_guard_init(struct gw_http2_session *s)
{
    const struct gw_config_limits *limits = gw_http2_limits(s);
    uint64_t now_ms = gw_http2_now_ms(s);
    gw_budget_init(&s->early_resets, limits->early_resets, limits->early_resets / 4, now_ms);
    gw_budget_init(&s->control_frames, limits->control_frames, limits->control_frames / 10, now_ms);
    gw_budget_init(&s->dropped_bytes, DROPPED_BYTES, DROPPED_BYTES_PER_SECOND, now_ms);
}

/* --- frames --- */

void gw_http2_guard_progress(struct gw_http2_session *s)
{
    gw_budget_earn(&s->control_frames, PROGRESS_CONTROL_FRAMES);
}

static bool brings_something(const nghttp2_frame_hd *head)
{
    size_t least = (head->flags & NGHTTP2_FLAG_PADDED) != 0 ? PADDING_MAX : 0;
    return head->type == NGHTTP2_HEADERS ||
           (head->type == NGHTTP2_DATA &&
            (head->length > least || (head->flags & NGHTTP2_FLAG_END_STREAM) != 0));
}

/* nghttp2 forgets streams that are closed, and passes over frames for them. Such a frame may be
 * late, behind a reset of ours; before the first it is an error (RFC 9113 sections 5.1, 5.1.1
 * and 6.1). */
static void check_order(struct gw_http2_session *s, const nghttp2_frame_hd *head)
{
    int32_t id = head->stream_id;
    if ((head->type != NGHTTP2_HEADERS && head->type != NGHTTP2_DATA) || s->order.is_broken ||
        id > s->order.last || nghttp2_session_find_stream(s->nghttp2, id) != NULL)
        return;
    if (head->type == NGHTTP2_DATA)
        nghttp2_submit_rst_stream(s->nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_STREAM_CLOSED);
    else
        nghttp2_session_terminate_session(
            s->nghttp2, id >= s->order.first ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR);
}

static int32_t depends_on(const uint8_t *priority)
{
    uint32_t bytes;
    memcpy(&bytes, priority, sizeof(bytes));
    return (int32_t)(be32toh(bytes) & 0x7fffffff);
}

/* nghttp2 would say so, if it did not pass over priorities (RFC 7540 section 5.3.1). */
static void check_priority(struct gw_http2_session *s, const nghttp2_frame_hd *head,
                           const uint8_t *payload)
{
    if (head->type != NGHTTP2_PRIORITY)
        return;
    if (head->stream_id == 0 ||
        (head->length == GW_HTTP2_PRIORITY_BYTES && depends_on(payload) == head->stream_id))
        nghttp2_session_terminate_session(s->nghttp2, NGHTTP2_PROTOCOL_ERROR);
}

bool gw_http2_guard_drop(struct gw_http2_session *s, uint64_t n)
{
    return gw_budget_take(&s->dropped_bytes, n > DROPPED_FRAME_BYTES ? n : DROPPED_FRAME_BYTES,
                          gw_http2_now_ms(s));
}

void gw_http2_guard_frame(struct gw_http2_session *s, const nghttp2_frame_hd *head,
                          const uint8_t *payload)
{
    if (brings_something(head))
        gw_http2_guard_progress(s);
    else if (!gw_budget_spend(&s->control_frames, gw_http2_now_ms(s)))
        gw_http2_over_limit(s, GW_LIMIT_CONTROL_FRAMES, NGHTTP2_ENHANCE_YOUR_CALM);
    if (s->parting_since_ms != 0 && head->type == NGHTTP2_HEADERS &&
        head->stream_id > s->order.last)
        gw_http2_refuse_late(s);
    check_order(s, head);
    check_priority(s, head, payload);
}

void gw_http2_guard_request(struct gw_http2_session *s, int32_t id)
{
    if (s->order.first == 0)
        s->order.first = id;
    else if (id != s->order.last + 2)
        s->order.is_broken = true; /* one between was refused, or never sent */
    s->order.last = id;
}

bool gw_http2_guard_is_flooded(const struct gw_http2_session *s)
{
    size_t limit = 1000 + 4 * (size_t)gw_http2_limits(s)->concurrent_streams;
    return nghttp2_session_get_outbound_queue_size(s->nghttp2) > limit;
}

/* --- resets --- */

static void spend_reset(struct gw_http2_session *s)
{
    if (!gw_budget_spend(&s->early_resets, gw_http2_now_ms(s)))
        gw_http2_part(s, GW_LIMIT_EARLY_RESETS, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* A client whose users leave has most of its requests answered all the same. */
void gw_http2_guard_answered(struct gw_http2_session *s)
{
    gw_budget_earn(&s->early_resets, 1);
}

void gw_http2_guard_reset_received(struct gw_http2_session *s, const struct gw_http2_stream *stream)
{
    if (stream != NULL && !stream->response.has_ended &&
        gw_http2_now_ms(s) - stream->began_ms < EARLY_MS)
        spend_reset(s);
}

/* What we send of ourselves, or without having done any work, is not the client's fault. */
static bool is_provoked(uint32_t error_code)
{
    return error_code != NGHTTP2_NO_ERROR && error_code != NGHTTP2_CANCEL &&
           error_code != NGHTTP2_INTERNAL_ERROR && error_code != NGHTTP2_REFUSED_STREAM;
}

void gw_http2_guard_reset_sent(struct gw_http2_session *s, uint32_t error_code)
{
    s->order.is_broken = true;
    if (is_provoked(error_code))
        spend_reset(s);
    else if (error_code == NGHTTP2_REFUSED_STREAM)
        gw_http2_count_limit(s, GW_LIMIT_CONCURRENT_STREAMS);
}
