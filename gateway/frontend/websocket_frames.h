/* A WebSocket's bytes (RFC 6455 sections 5 to 7): from a client's to its messages, and from ours to
 * frames; framing is wslay's. Reads one thing at a time, so that whoever cannot take the next
 * message does not ask for it. Pure.
 *
 *     do gw_websocket_read(&frames, &bytes, &event);
 *     while (event.kind != GW_WEBSOCKET_MORE && ...);                 MORE: all of `bytes` is taken
 */
#ifndef GW_FRONTEND_WEBSOCKET_FRAMES_H
#define GW_FRONTEND_WEBSOCKET_FRAMES_H

#include <wslay/wslay.h>

#include "base/buf.h"

/* RFC 6455 section 7.4.1. */
enum gw_websocket_code {
    GW_WEBSOCKET_NORMAL = 1000,
    GW_WEBSOCKET_GOING_AWAY = 1001,
    GW_WEBSOCKET_PROTOCOL_ERROR = 1002,
    GW_WEBSOCKET_UNSUPPORTED = 1003,
    GW_WEBSOCKET_NO_CODE = 1005, /* a close frame without one */
    GW_WEBSOCKET_BAD_TEXT = 1007,
    GW_WEBSOCKET_POLICY = 1008,
    GW_WEBSOCKET_TOO_BIG = 1009,
    GW_WEBSOCKET_UNEXPECTED = 1011,
    GW_WEBSOCKET_TRY_AGAIN = 1013, /* registered since */
};

enum gw_websocket_kind {
    GW_WEBSOCKET_MORE, /* nothing is whole */
    GW_WEBSOCKET_TEXT, /* a message, out of however many frames; UTF-8 */
    GW_WEBSOCKET_PING,
    GW_WEBSOCKET_PONG,
    GW_WEBSOCKET_CLOSE, /* the client's code, and its reason as the payload */
    GW_WEBSOCKET_FAULT, /* the code to close with, and what is wrong as the payload */
};

#define GW_WEBSOCKET_CONTROL_MAX 125
/* Of a frame's head with its mask, RFC 6455 section 5.2. */
#define GW_WEBSOCKET_HEAD_MAX 14
/* Of a close frame. */
#define GW_WEBSOCKET_REASON_MAX (GW_WEBSOCKET_CONTROL_MAX - 2)
/* A message may come in as many frames. */
#define GW_WEBSOCKET_FRAGMENTS_MAX 16384

struct gw_websocket_event {
    enum gw_websocket_kind kind;
    enum gw_websocket_code code;
    struct gw_slice payload; /* valid until the next read */
};

/* Heap memory only while a message is coming in, but for wslay's 4 KiB. Stays where it was
 * initialised. */
struct gw_websocket_frames {
    wslay_frame_context_ptr wslay;
    uint64_t max_message_bytes;
    struct gw_slice input; /* of the read under way */
    /* The frame's head, as far as it has come, and as far as wslay has it. */
    uint8_t head[GW_WEBSOCKET_HEAD_MAX];
    size_t head_length, head_taken;
    struct gw_buf *output; /* of the write under way */
    /* The frame that is coming in. */
    bool in_frame, is_last;
    uint8_t opcode;
    uint64_t left; /* bytes */
    char control[GW_WEBSOCKET_CONTROL_MAX];
    size_t control_length;
    /* The message. */
    bool in_message;
    uint32_t fragments;
    struct gw_buf message;
};

void gw_websocket_frames_init(struct gw_websocket_frames *frames, uint64_t max_message_bytes);
void gw_websocket_frames_dispose(struct gw_websocket_frames *frames);

/* Takes bytes from *bytes up to the end of what it gives. Nothing may be asked after CLOSE or
 * FAULT. */
void gw_websocket_read(struct gw_websocket_frames *frames, struct gw_slice *bytes,
                       struct gw_websocket_event *ret_event);

/* Appends a frame of a server; kind is TEXT, or PING or PONG with at most GW_WEBSOCKET_CONTROL_MAX
 * bytes. */
void gw_websocket_write(struct gw_websocket_frames *frames, enum gw_websocket_kind kind,
                        struct gw_slice payload, struct gw_buf *out);
/* A close frame; a reason that is too long, or no UTF-8, is cut. NO_CODE is a frame without code
 * and reason. */
void gw_websocket_write_close(struct gw_websocket_frames *frames, int code, struct gw_slice reason,
                              struct gw_buf *out);

/* The code that a call's end is told with: NORMAL for GW_OK, else 4000 and the status (GW_UNKNOWN
 * for one that is none), of the range for applications. */
int gw_websocket_code_of(int grpc_status);

#endif
