/* A call as its maker sees it: a stream of messages each way; unary is a stream of one.
 *
 * The maker gives callbacks, sends messages and asks for messages. Nothing is delivered that was
 * not asked for: an answer that nobody asks for stays in the flow-control window, and so holds the
 * peer back. (But where the connection is lost behind a whole answer, the rest of it, which that
 * window bounds, comes at once.)
 *
 *     start -> on_headers? -> on_message* -> on_end         (on_sent: the message given is out)
 *
 * on_end comes exactly once, unless the maker cancels first; after either, the call is gone. A
 * status that the peer sent comes after its last message, so it waits for messages that were not
 * asked for; every other end comes at once. No callback runs from within a function that starts,
 * sends, requests or cancels. The same interface is served by one connection (grpc/client.h) and by
 * an upstream, which adds picking, fail-over and deadlines (upstream/upstream.h). Worker-local. */
#ifndef GW_GRPC_CALL_H
#define GW_GRPC_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "grpc/metadata.h"

struct gw_call;

/* How far a call that failed had come: what may be sent again without doing anything twice. */
enum gw_call_fate {
    GW_CALL_SEEN,    /* the peer may have begun with it */
    GW_CALL_UNSENT,  /* nothing of it has left */
    GW_CALL_REFUSED, /* the peer says that it did not process it: REFUSED_STREAM, or above the last
                        stream of a GOAWAY that tells of an error */
    GW_CALL_RETIRED, /* above the last stream of a GOAWAY(NO_ERROR): the connection has served its
                        time (RFC 9113 section 6.8) */
};

struct gw_call_result {
    int status;              /* enum gw_status, or a number outside it that the peer sent */
    struct gw_slice message; /* decoded; for people */
    /* What lies behind the message, for logs only: addresses, words of the system. May be empty. */
    struct gw_slice reason;
    struct gw_slice details;     /* serialised google.rpc.Status, decoded; or empty */
    struct gw_metadata trailers; /* without grpc-status, grpc-message, grpc-status-details-bin */
    enum gw_call_fate fate;
    /* Of GW_CALL_RETIRED, and of GW_CALL_UNSENT where the connection was retired, the calls that it
     * took in its life; of GW_CALL_REFUSED, those that the peer has announced to take at once. */
    uint32_t taken;
    /* The status is the peer's own; otherwise this side made it (deadline, lost connection,
     * malformed answer). */
    bool from_peer;
    /* For a status made here: the HTTP status that tells it best (502 malformed answer, 503 lost,
     * 504 late); else 0. */
    int http_status;
};

struct gw_call_callbacks {
    /* Initial metadata, once, before the first message; not for a trailers-only answer.
     * Optional. */
    void (*on_headers)(void *arg, const struct gw_metadata *headers);
    /* One whole message, without its 5-byte prefix (but see passes_through); valid during the call.
     * Required. */
    void (*on_message)(void *arg, struct gw_slice message);
    /* A message of so many bytes is coming in, of which `here` have come. False: the peer is held
     * back, by its window, until gw_call_request is called again, be it with 0; then this is asked
     * again. May cancel the call. Optional: whatever max_message_bytes allows may come. */
    bool (*on_coming)(void *arg, size_t bytes, size_t here);
    /* The message last sent has been taken over; another may be sent. An empty one that only closes
     * our side is not reported. Optional for unary requests. */
    void (*on_sent)(void *arg);
    /* Everything in `result` is valid during the call. Required. */
    void (*on_end)(void *arg, const struct gw_call_result *result);
};

/* What this side calls itself. */
extern const struct gw_slice gw_grpc_user_agent;

struct gw_call_params {
    struct gw_slice path;      /* "/user.v1.UserService/GetUser" */
    struct gw_slice authority; /* filled by an upstream where empty */
    struct gw_slice scheme;    /* "http" where empty */
    /* Sound ones only (metadata.h): the call fails with INVALID_ARGUMENT for what a peer might not
     * take, and with RESOURCE_EXHAUSTED where the request's headers are larger than the peer has
     * announced, or than 64 KiB. This and the slices above are borrowed until on_end or cancel. */
    struct gw_metadata metadata;
    uint64_t deadline_ms; /* on gw_clock_ms's clock; 0: none. Sent as grpc-timeout */
    /* The same, but ours alone: the peer is not told, unless there is a deadline, and it is later.
     */
    uint64_t limit_ms;
    uint64_t max_message_bytes; /* of one answer message; 0: 4 MiB */
    /* For who hands the answer on as it is: messages come with their prefix; the initial metadata
     * have content-type and grpc-accept-encoding too. */
    bool passes_through;
    /* With passes_through: compressed messages come as they are, whatever their encoding, and
     * grpc-encoding stands in the initial metadata. What the peer is told of it is in `metadata`.
     */
    bool takes_compressed;
    /* With passes_through: the same, but only for encodings in this list. All others are inflated,
     * within max_message_bytes, and the peer is told so. */
    struct gw_slice takes_encodings;
    struct gw_slice content_type; /* "application/grpc" where empty; borrowed as those above */
    struct gw_slice user_agent;   /* likewise; gw_grpc_user_agent where empty */
    const struct gw_call_callbacks *callbacks;
    void *arg;
};

enum gw_send_flags { GW_SEND_MORE = 0, GW_SEND_END = 1 };

/* A message, borrowed until on_sent, on_end or cancel, framed: 5 bytes of gRPC prefix, then the
 * body (gw_grpc_prefix_write); or several, one behind the other. The next after on_sent.
 * GW_SEND_END with it, or later with an empty slice, closes our side. */
void gw_call_send(struct gw_call *call, struct gw_slice framed, enum gw_send_flags flags);
/* Asks for `count` more messages. GW_REQUEST_ALL: never hold back. */
#define GW_REQUEST_ALL UINT32_MAX
void gw_call_request(struct gw_call *call, uint32_t count);
/* RST_STREAM(CANCEL); no callback follows and the call is gone. NULL is allowed. */
void gw_call_cancel(struct gw_call *call);

#define GW_GRPC_PREFIX_BYTES 5
/* Not compressed; length is that of the body. */
static inline void gw_grpc_prefix_write(char out[GW_GRPC_PREFIX_BYTES], uint32_t length)
{
    out[0] = 0;
    out[1] = (char)(length >> 24);
    out[2] = (char)(length >> 16);
    out[3] = (char)(length >> 8);
    out[4] = (char)length;
}

/* For implementations: begins each one's own struct. */
struct gw_call_ops {
    void (*send)(struct gw_call *call, struct gw_slice framed, enum gw_send_flags flags);
    void (*request)(struct gw_call *call, uint32_t count);
    void (*cancel)(struct gw_call *call);
};
struct gw_call {
    const struct gw_call_ops *ops;
};

#endif
