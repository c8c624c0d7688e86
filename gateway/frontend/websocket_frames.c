#include "frontend/websocket_frames.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"

/* Between messages a buffer of this size is kept. */
#define KEPT_MAX (4 * 1024)

/* --- wslay --- */

/* wslay tells of a frame when the first byte of its payload is there, but a head announces how long
 * it will be, and that may be too much: each head is collected here, given to wslay alone, and then
 * looked at. Of what follows wslay gets no more than the frame's own. */

/* Of the whole head, as far as can be seen. */
static size_t head_bytes(const struct gw_websocket_frames *frames)
{
    if (frames->head_length < 2)
        return 2;
    unsigned length = frames->head[1] & 0x7f, mask = frames->head[1] & 0x80;
    return 2 + (length == 127 ? 8u : length == 126 ? 2u : 0u) + (mask != 0 ? 4u : 0u);
}

static bool has_head(const struct gw_websocket_frames *frames)
{
    return frames->head_length >= 2 && frames->head_length == head_bytes(frames);
}

static uint64_t announced_bytes(const struct gw_websocket_frames *frames)
{
    unsigned length = frames->head[1] & 0x7f, count = length == 127 ? 8 : length == 126 ? 2 : 0;
    uint64_t bytes = count > 0 ? 0 : length;
    for (unsigned i = 0; i < count; i++)
        bytes = bytes << 8 | frames->head[2 + i];
    return bytes;
}

static void collect_head(struct gw_websocket_frames *frames)
{
    while (!has_head(frames) && frames->input.len > 0) {
        frames->head[frames->head_length++] = (uint8_t)*frames->input.base;
        frames->input = gw_slice_from(frames->input, 1);
    }
}

static size_t give_head(struct gw_websocket_frames *frames, uint8_t *buf, size_t length)
{
    size_t left = frames->head_length - frames->head_taken;
    if (length > left)
        length = left;
    memcpy(buf, frames->head + frames->head_taken, length);
    frames->head_taken += length;
    return length;
}

static ssize_t on_wslay_recv(uint8_t *buf, size_t length, int flags, void *arg)
{
    struct gw_websocket_frames *frames = arg;
    (void)flags;
    if (!frames->in_frame)
        return has_head(frames) ? (ssize_t)give_head(frames, buf, length) : 0;
    if (length > frames->input.len)
        length = frames->input.len;
    if (length > frames->left)
        length = (size_t)frames->left;
    if (length > 0)
        memcpy(buf, frames->input.base, length);
    frames->input = gw_slice_from(frames->input, length);
    return (ssize_t)length;
}

static ssize_t on_wslay_send(const uint8_t *data, size_t length, int flags, void *arg)
{
    struct gw_websocket_frames *frames = arg;
    (void)flags;
    gw_buf_append(frames->output, gw_slice(data, length));
    return (ssize_t)length;
}

void gw_websocket_frames_init(struct gw_websocket_frames *frames, uint64_t max_message_bytes)
{
    static const struct wslay_frame_callbacks callbacks = {on_wslay_send, on_wslay_recv, NULL};
    *frames = (struct gw_websocket_frames){.max_message_bytes = max_message_bytes,
                                           .message = GW_BUF_HEAP};
    if (wslay_frame_context_init(&frames->wslay, &callbacks, frames) != 0)
        h2o_fatal("no memory");
}

void gw_websocket_frames_dispose(struct gw_websocket_frames *frames)
{
    wslay_frame_context_free(frames->wslay);
    gw_buf_dispose(&frames->message);
}

/* --- reading --- */

static void give(struct gw_websocket_event *event, enum gw_websocket_kind kind,
                 struct gw_slice payload)
{
    *event = (struct gw_websocket_event){.kind = kind, .payload = payload};
}

static bool fail(struct gw_websocket_event *event, enum gw_websocket_code code, const char *what)
{
    give(event, GW_WEBSOCKET_FAULT, gw_slice_str(what));
    event->code = code;
    return false;
}

/* A frame of a message begins. */
static bool begin_data(struct gw_websocket_frames *frames, struct gw_websocket_event *event)
{
    bool goes_on = frames->opcode == WSLAY_CONTINUATION_FRAME;
    if (goes_on != frames->in_message)
        return fail(event, GW_WEBSOCKET_PROTOCOL_ERROR,
                    goes_on ? "a continuation of no message" : "a message within another");
    if (frames->opcode == WSLAY_BINARY_FRAME)
        return fail(event, GW_WEBSOCKET_UNSUPPORTED, "expected a text frame, found a binary one");
    if (!goes_on) {
        frames->message.len = 0;
        frames->fragments = 0;
    }
    if (frames->left > frames->max_message_bytes - frames->message.len)
        return fail(event, GW_WEBSOCKET_TOO_BIG, "the message is too large");
    if (++frames->fragments > GW_WEBSOCKET_FRAGMENTS_MAX)
        return fail(event, GW_WEBSOCKET_TOO_BIG, "the message comes in too many frames");
    frames->in_message = true;
    return true;
}

/* wslay has taken the head, and found its lengths sound. */
static bool begin_frame(struct gw_websocket_frames *frames, struct gw_websocket_event *event)
{
    if ((frames->head[0] & 0x70) != 0)
        return fail(event, GW_WEBSOCKET_PROTOCOL_ERROR, "a reserved bit of a frame is set");
    if ((frames->head[1] & 0x80) == 0)
        return fail(event, GW_WEBSOCKET_PROTOCOL_ERROR, "a frame without mask");
    frames->in_frame = true;
    frames->is_last = (frames->head[0] & 0x80) != 0;
    frames->opcode = frames->head[0] & 0x0f;
    frames->left = announced_bytes(frames);
    frames->control_length = 0;
    switch (frames->opcode) {
    case WSLAY_CONTINUATION_FRAME:
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        return begin_data(frames, event);
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return true;
    default:
        return fail(event, GW_WEBSOCKET_PROTOCOL_ERROR, "a frame of an unknown kind");
    }
}

static void take_payload(struct gw_websocket_frames *frames, struct gw_slice piece)
{
    frames->left -= piece.len;
    if (!wslay_is_ctrl_frame(frames->opcode)) {
        gw_buf_append(&frames->message, piece);
    } else if (piece.len > 0) {
        memcpy(frames->control + frames->control_length, piece.base, piece.len);
        frames->control_length += piece.len;
    }
}

/* RFC 6455 section 7.4.2, and the codes registered since. */
static bool may_be_sent(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void read_close(struct gw_slice payload, struct gw_websocket_event *event)
{
    if (payload.len == 0) {
        give(event, GW_WEBSOCKET_CLOSE, payload);
        event->code = GW_WEBSOCKET_NO_CODE;
        return;
    }
    const unsigned char *at = (const unsigned char *)payload.base;
    unsigned code = payload.len >= 2 ? (unsigned)at[0] << 8 | at[1] : 0;
    struct gw_slice reason = gw_slice_from(payload, payload.len >= 2 ? 2 : 1);
    if (!may_be_sent(code)) {
        fail(event, GW_WEBSOCKET_PROTOCOL_ERROR, "a close frame with a code that is none");
    } else if (gw_utf8_check(reason) < reason.len) {
        fail(event, GW_WEBSOCKET_BAD_TEXT, "a reason that is not UTF-8");
    } else {
        give(event, GW_WEBSOCKET_CLOSE, reason);
        event->code = (enum gw_websocket_code)code;
    }
}

static void end_message(struct gw_websocket_frames *frames, struct gw_websocket_event *event)
{
    struct gw_slice text = gw_buf_slice(&frames->message);
    frames->in_message = false;
    if (gw_utf8_check(text) < text.len)
        fail(event, GW_WEBSOCKET_BAD_TEXT, "a text that is not UTF-8");
    else
        give(event, GW_WEBSOCKET_TEXT, text);
}

/* False: it was a part of a message that goes on. */
static bool end_frame(struct gw_websocket_frames *frames, struct gw_websocket_event *event)
{
    struct gw_slice control = gw_slice(frames->control, frames->control_length);
    frames->in_frame = false;
    frames->head_length = frames->head_taken = 0;
    switch (frames->opcode) {
    case WSLAY_CONNECTION_CLOSE:
        read_close(control, event);
        return true;
    case WSLAY_PING:
        give(event, GW_WEBSOCKET_PING, control);
        return true;
    case WSLAY_PONG:
        give(event, GW_WEBSOCKET_PONG, control);
        return true;
    default:
        if (frames->is_last)
            end_message(frames, event);
        return frames->is_last;
    }
}

static void shrink(struct gw_websocket_frames *frames)
{
    if (!frames->in_message && frames->message.capacity > KEPT_MAX)
        gw_buf_dispose(&frames->message);
}

static void read_on(struct gw_websocket_frames *frames, struct gw_websocket_event *event)
{
    for (;;) {
        struct wslay_frame_iocb frame = {0};
        if (!frames->in_frame)
            collect_head(frames);
        ssize_t n = wslay_frame_recv(frames->wslay, &frame);
        if (n < 0 && n != WSLAY_ERR_WANT_READ) {
            fail(event, GW_WEBSOCKET_PROTOCOL_ERROR, "a frame with a length that it cannot have");
            return;
        }
        bool begins = !frames->in_frame && has_head(frames);
        if (begins && !begin_frame(frames, event))
            return;
        if (n == WSLAY_ERR_WANT_READ && !begins) {
            give(event, GW_WEBSOCKET_MORE, (struct gw_slice){0});
            return;
        }
        take_payload(frames, gw_slice(frame.data, frame.data_length));
        if (n >= 0 && frames->left == 0 && end_frame(frames, event))
            return;
    }
}

void gw_websocket_read(struct gw_websocket_frames *frames, struct gw_slice *bytes,
                       struct gw_websocket_event *ret_event)
{
    shrink(frames);
    frames->input = *bytes;
    read_on(frames, ret_event);
    *bytes = frames->input;
}

/* --- writing --- */

static void write_frame(struct gw_websocket_frames *frames, uint8_t opcode, struct gw_slice payload,
                        struct gw_buf *out)
{
    struct wslay_frame_iocb frame = {
        .fin = 1,
        .opcode = opcode,
        .payload_length = payload.len,
        .data = (const uint8_t *)payload.base,
        .data_length = payload.len,
    };
    frames->output = out;
    wslay_frame_send(frames->wslay, &frame);
}

void gw_websocket_write(struct gw_websocket_frames *frames, enum gw_websocket_kind kind,
                        struct gw_slice payload, struct gw_buf *out)
{
    write_frame(frames,
                kind == GW_WEBSOCKET_TEXT   ? WSLAY_TEXT_FRAME
                : kind == GW_WEBSOCKET_PING ? WSLAY_PING
                                            : WSLAY_PONG,
                payload, out);
}

static struct gw_slice cut(struct gw_slice reason)
{
    size_t length = 0, step;
    while ((step = gw_utf8_step(gw_slice_from(reason, length))) > 0 &&
           length + step <= GW_WEBSOCKET_REASON_MAX)
        length += step;
    return gw_slice(reason.base, length);
}

void gw_websocket_write_close(struct gw_websocket_frames *frames, int code, struct gw_slice reason,
                              struct gw_buf *out)
{
    char payload[GW_WEBSOCKET_CONTROL_MAX];
    size_t length = 0;
    if (code != GW_WEBSOCKET_NO_CODE) {
        reason = cut(reason);
        payload[0] = (char)(code >> 8);
        payload[1] = (char)code;
        if (reason.len > 0)
            memcpy(payload + 2, reason.base, reason.len);
        length = 2 + reason.len;
    }
    write_frame(frames, WSLAY_CONNECTION_CLOSE, gw_slice(payload, length), out);
}

int gw_websocket_code_of(int grpc_status)
{
    if (grpc_status == GW_OK)
        return GW_WEBSOCKET_NORMAL;
    return 4000 + (grpc_status > 0 && grpc_status < GW_STATUS_COUNT ? grpc_status : GW_UNKNOWN);
}
