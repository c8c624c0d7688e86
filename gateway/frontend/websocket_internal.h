/* What the files that make up a WebSocket know of each other: websocket_upgrade.c has its
 * beginning, websocket.c its call, what goes to the client, and its end, websocket_input.c what
 * comes from the client, websocket_time.c limits in time. */
#ifndef GW_FRONTEND_WEBSOCKET_INTERNAL_H
#define GW_FRONTEND_WEBSOCKET_INTERNAL_H

#include "frontend/exchange_internal.h"
#include "base/budget.h"
#include "frontend/websocket_frames.h"

/* How soon a client that has left is noticed while its messages wait. */
#define GW_WEBSOCKET_LOOK_MS 1000

/* Worker-local. Lives from the handshake to the socket's end. */
struct gw_websocket {
    struct gw_worker *worker;
    struct gw_connection *connection; /* NULL: it was lost before the upgrade was done */
    h2o_socket_t *sock;
    h2o_linklist_t link; /* of worker->websockets */
    gw_pool pool;        /* what is left of the request */
    const struct gw_route *route;
    size_t upstream;
    struct gw_slice path, trace_id, request_id, remote_addr, ctx;
    struct gw_metadata metadata;
    uint64_t began_ns;
    uint64_t deadline_ms; /* the client's; 0: none */

    struct gw_call *call; /* NULL: not begun, or over */
    struct gw_call_report report;
    int grpc_status;       /* -1: no call has ended */
    struct gw_slice error; /* for the access log; empty: none */
    uint64_t answered;
    bool asked; /* for a message that is not in */

    /* From the client. */
    struct gw_message_source source;
    enum { TAKES_NONE, TAKES_ONE, TAKES_MANY } takes; /* messages from the client */
    struct gw_websocket_frames frames;
    struct gw_buf message; /* framed; the call has it until on_sent */
    size_t held_bytes;     /* of limits.request_memory */
    uint64_t taken;        /* messages */
    uint64_t bytes_in;
    bool is_sending; /* on_sent will tell that the call has taken `message` */
    bool has_ended;  /* our side of the call is closed */
    bool is_reading;
    bool is_deaf; /* nothing that comes matters any more */
    struct gw_budget controls;

    /* To the client. */
    struct gw_buf waiting; /* what came while the socket had the other */
    struct gw_buf writing_from;
    struct gw_slice unwritten;      /* of writing_from, the piece that the socket has included */
    struct gw_answer_memory memory; /* of both */
    size_t piece;
    uint64_t bytes_out;
    bool writing;
    bool is_closing;     /* the last in the buffers is a close frame */
    bool close_received; /* by the client */
    bool has_pong;       /* the latest ping is not answered */
    size_t pong_length;
    char pong[GW_WEBSOCKET_CONTROL_MAX];

    struct gw_task settle;
    struct gw_timer timer;
    bool is_over;
    uint64_t moved_ms;    /* when a message came or went last */
    uint64_t pinged_ms;   /* when the last ping was sent, or the socket opened */
    bool is_ping_out;     /* nothing has been heard since */
    uint64_t close_by_ms; /* 0: whenever it is */
    uint64_t acked_bytes;
};

static inline uint64_t gw_websocket_now_ms(const struct gw_websocket *ws)
{
    return gw_loop_now_ms(ws->worker->loop);
}

static inline const struct gw_config *gw_websocket_config(const struct gw_websocket *ws)
{
    return ws->worker->frontend->config;
}

/* Frees one that has no socket and is not to be counted. */
void gw_websocket_dispose(struct gw_websocket *ws);
/* Of h2o_http1_upgrade; `arg` is the WebSocket. */
void gw_websocket_on_upgraded(void *arg, h2o_socket_t *sock, size_t request_bytes);

/* Whatever is to be done with the socket is done at the end of the turn; then the WebSocket may be
 * gone. */
void gw_websocket_settle_later(struct gw_websocket *ws);
/* Cancels the call, where one is under way, and counts it with this status; then closes with this
 * code. */
void gw_websocket_give_up(struct gw_websocket *ws, int grpc_status, int code,
                          struct gw_slice reason);
/* The client's connection is gone, or good for nothing. */
void gw_websocket_leave(struct gw_websocket *ws);

/* Reads on in what has come, as far as the call takes messages, and from the socket accordingly. */
void gw_websocket_take_input(struct gw_websocket *ws);
void gw_websocket_start_reading(struct gw_websocket *ws);

void gw_websocket_on_timer(struct gw_timer *timer);
/* Calls gw_websocket_on_timer no later. */
void gw_websocket_look_by(struct gw_websocket *ws, uint64_t expires_ms);
/* The socket closes within two seconds, whatever the client does. */
void gw_websocket_close_soon(struct gw_websocket *ws);

#endif
