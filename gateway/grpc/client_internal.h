/* What client.c (the connection) and client_call.c (one call on it) know of each other.
 *
 * A call is `waiting` until the peer's limit lets it have a stream, then `open` until nghttp2 has
 * closed that stream. Its maker may be done with it sooner (`ended`): it stays until the reset has
 * gone out, so that nghttp2's pointers to it never dangle. */
#ifndef GW_GRPC_CLIENT_INTERNAL_H
#define GW_GRPC_CLIENT_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "base/budget.h"
#include "grpc/block_fit.h"
#include "grpc/client.h"
#include "grpc/frame_reader.h"
#include "grpc/h2_output.h"
#include "grpc/header_block.h"
#include "grpc/inflater.h"

/* What we let the peer send ahead. A stream's is what one call can hold that nobody reads; the
 * connection's is given back at once, so that such a call does not stop the others. */
#define GW_CLIENT_STREAM_WINDOW (256 << 10)
#define GW_CLIENT_CONNECTION_WINDOW (16 << 20)

/* The end of a stream, kept because messages before it were not asked for yet. */
struct gw_held_result {
    gw_pool pool;
    struct gw_call_result result;
};

struct gw_client_call {
    struct gw_call super;
    struct gw_grpc_client *client;
    TAILQ_ENTRY(gw_client_call) link;     /* in the client's waiting or open */
    TAILQ_ENTRY(gw_client_call) due_link; /* in its due, and when it has ended in unreset */
    struct gw_call_params params;
    struct gw_timer deadline;
    int32_t stream_id; /* -1: still waiting */
    bool stream_open;
    bool ended;      /* cancelled, or on_end was called */
    bool calling;    /* on_message or on_sent is running */
    bool is_due;     /* queued in due */
    bool is_unreset; /* queued in unreset */
    bool sent;       /* on_sent is due */
    bool half_close; /* END_STREAM follows what is in `sending` */
    bool paused;     /* nghttp2 waits for nghttp2_session_resume_data */
    bool has_left;   /* its headers are framed */
    bool local_closed, remote_closed, headers_seen;
    bool may_come;           /* the message that is coming in: on_coming has said so */
    bool reset_by_nghttp2;   /* see gw_client_call_give_up_block */
    uint8_t informational;   /* answers before the first real one */
    size_t literals_bound;   /* room for our own literals; 0: nghttp2 frames all fields */
    struct gw_slice sending; /* what nghttp2 has not framed yet */
    uint32_t requested;
    size_t unconsumed; /* bytes of the stream's window that are not given back */
    struct gw_frame_reader reader;
    struct gw_inflater *inflater; /* NULL: messages that are compressed are not inflated */
    bool is_lost;                 /* the connection is over: what is left is given out now */
    bool is_inflating;            /* queued in inflating */
    TAILQ_ENTRY(gw_client_call) inflating_link;
    char encoding[32]; /* grpc-encoding where it is none that can be inflated; cut off */
    struct gw_held_result *held;
};

TAILQ_HEAD(gw_client_calls, gw_client_call);

struct gw_grpc_client {
    struct gw_loop *loop;
    struct gw_grpc_client_options options;
    enum gw_grpc_client_state state;
    int closed_status;
    char closed_reason[128]; /* what lies behind it, see gw_call_result; "" until then */
    bool settings_received;
    bool goaway_received;
    bool retires;       /* that GOAWAY told of no error */
    int32_t last_taken; /* its last stream */
    bool was_full;      /* on_change is owed when there is room again */
    bool changed;       /* on_change is due */
    bool destroyed;     /* goes when `entered` is 0 */
    bool is_worn;       /* see gw_grpc_client_is_worn */
    unsigned entered;
    h2o_socket_t *socket;
    int connect_errno; /* there is no socket */
    nghttp2_session *session;
    struct gw_h2_output output;
    struct gw_task flush;
    struct gw_timer connect_timer;
    struct gw_block_fit fit;
    struct gw_header_block block;
    size_t unconsumed; /* of the connection's window */
    struct gw_client_calls waiting, open, due;
    struct gw_client_calls unreset;   /* open and ended, and the peer is not told yet */
    struct gw_client_calls inflating; /* work for their messages is left: inflate runs */
    struct gw_task inflate;
    size_t inflate_work;       /* what may still be done of it */
    uint64_t inflate_share_ms; /* when that was granted */
    struct gw_budget resets;
    struct gw_timer reset_timer;
    uint32_t call_count;   /* not ended */
    uint32_t stream_count; /* open */
    uint32_t stream_limit;
    uint32_t header_list_limit; /* the peer's, see measure_request */
    uint32_t started_count, answered_count;
    /* The peer refused a stream though it had room by our count: see client.c. Slots of streams
     * that ended in this interval of the timer, and in the one before. */
    bool refuses_early;
    uint32_t held_slots[2];
    struct gw_timer hold_timer;
};

/* --- client.c, for calls --- */

/* Around everything that may call back: the client is not freed in between. */
static inline void gw_client_enter(struct gw_grpc_client *client)
{
    client->entered++;
}
void gw_client_leave(struct gw_grpc_client *client);
/* Runs the client's flush at the end of the turn. */
void gw_client_flush_later(struct gw_grpc_client *client);
/* The place of a call that has ended is free some milliseconds later, and not now. */
void gw_client_hold_place(struct gw_grpc_client *client);
/* nghttp2 is about to send one itself. */
void gw_client_count_reset(struct gw_grpc_client *client);
/* RST_STREAM(CANCEL) for a call that has ended on our side, soon. */
void gw_client_reset(struct gw_grpc_client *client, struct gw_client_call *call);

/* --- client_call.c, for the client --- */

struct gw_client_call *gw_client_call_create(struct gw_grpc_client *client,
                                             const struct gw_call_params *params);
/* A waiting call becomes an open one, or ends where its request cannot be sent. */
void gw_client_call_submit(struct gw_client_call *call);
/* on_end, then what was left to do for the call. Frees it unless its stream is open. */
void gw_client_call_end(struct gw_client_call *call, const struct gw_call_result *result);
/* The connection is over, and with it the call. One whose answer is all here gets what is left of
 * it, asked for or not: at most the stream's window. */
void gw_client_call_lose(struct gw_client_call *call, int status, int http_status,
                         const char *message);
void gw_client_call_fail(struct gw_client_call *call, int status, int http_status,
                         const char *message);
/* The memory; the call has ended. */
void gw_client_call_free(struct gw_client_call *call);
/* What callbacks were put off for. */
void gw_client_call_run_due(struct gw_client_call *call);

/* Goes on with the messages of client->inflating. */
void gw_client_calls_inflate(struct gw_grpc_client *client);

/* From nghttp2's callbacks. The call may have ended. */
void gw_client_call_on_headers(struct gw_client_call *call, bool end_stream);
/* The block is not looked at any further; nghttp2 resets the stream. */
void gw_client_call_give_up_block(struct gw_client_call *call);
void gw_client_call_on_data(struct gw_client_call *call, struct gw_slice chunk);
void gw_client_call_on_data_end(struct gw_client_call *call);
void gw_client_call_on_stream_close(struct gw_client_call *call, uint32_t error_code);
/* nghttp2 has framed the request's headers; they are the last in the output. */
void gw_client_call_append_literals(struct gw_client_call *call);
int gw_client_call_on_send_data(struct gw_client_call *call, const uint8_t head[9], size_t length);

#endif
