/* What the gateway knows of one client connection, beside libh2o's own. Worker-local. */
#ifndef GW_FRONTEND_CONNECTION_H
#define GW_FRONTEND_CONNECTION_H

#include "frontend/http1_chunks.h"
#include "frontend/internal.h"
#include "frontend/peer.h"

struct gw_exchange;
struct gw_listener;

/* What is awaited of a client; each but the first has a time limit. */
enum gw_wait {
    GW_WAIT_NOTHING, /* it is our turn; or HTTP/2 or a stream, which look after themselves */
    GW_WAIT_HANDSHAKE,
    GW_WAIT_HEAD,    /* a request's head, all of it */
    GW_WAIT_BODY,    /* all of the body */
    GW_WAIT_TAKING,  /* to go on taking an answer */
    GW_WAIT_REQUEST, /* the next one; nothing of it has come */
    GW_WAIT_END,     /* its end, or a close to go through */
};

/* Its two ends, as hooks see them. */
struct gw_connection_ends {
    bool is_known;
    uint16_t port, peer_port;
    uint8_t address_length;
    char address[INET6_ADDRSTRLEN]; /* ours */
};

struct gw_connection {
    struct gw_worker *worker;
    h2o_linklist_t link; /* of worker->connections */
    h2o_socket_t *sock;
    struct {
        enum gw_wait what;
        uint64_t until_ms;
        struct gw_timer timer; /* fires no later */
        uint64_t taken_bytes;  /* of GW_WAIT_TAKING, when last looked at */
        uint32_t looks;        /* how often in a row nothing had been taken */
    } wait;
    struct {
        struct gw_tls_handshake handshake;
        struct gw_tls_client *client; /* NULL: has shown no certificate */
    } tls;
    struct {
        int fd; /* -1, or the socket once more: see gw_connection_linger */
        bool has_begun;
        size_t bytes;
    } linger;
    struct gw_peer peer;
    struct gw_connection_ends ends; /* see hook_host.c */
    struct gw_request_memory_account memory;
    struct {
        h2o_socket_cb libh2o_read;     /* what libh2o waits for requests with; NULL: not yet */
        bool is_head_checked;          /* of the request that is coming in or under way */
        size_t scanned;                /* see gw_http1_head_check; in the end, the head's length */
        struct gw_http1_head head;     /* of one that is sound */
        bool in_chunks;                /* the body is, and its end has not come */
        struct gw_http1_chunks chunks; /* of it */
        size_t seen_bytes;             /* of the socket's input, before those not looked at */
        size_t held_bytes;             /* of `memory`, for the socket's input */
        h2o_buffer_t *rest;            /* what came behind the last request; NULL: nothing */
        size_t rest_begins;            /* in it */
        struct gw_request_fault fault; /* http_status is 0: none */
        struct gw_exchange *exchange;  /* the request under way; NULL: none */
        struct gw_task next;           /* goes on to the next head, or a body */
        h2o_socket_cb libh2o_written;  /* what libh2o waits for the end of 100 Continue with */
    } http1;
};

/* Serves HTTP on a socket that was accepted by one of the worker's listeners: takes the fd, and the
 * places that were counted for it. */
void gw_connection_accept(struct gw_listener *listener, int fd, const struct gw_peer *peer);

/* What ALPN offers, the most wanted first; static. */
const struct gw_slice *gw_connection_protocols(size_t *ret_count);

/* From now on this is awaited, and the time for it runs. Whoever takes over a socket from libh2o
 * awaits GW_WAIT_NOTHING, and keeps the time itself. */
void gw_connection_await(struct gw_connection *connection, enum gw_wait what);
/* Closes the socket, at the latest after a moment: TLS has a last word, which may wait for room. */
void gw_connection_close(struct gw_connection *connection);
/* Both directions end now; who reads or writes sees it in the next turns, and closes. */
void gw_connection_cut(struct gw_connection *connection);

/* The client has ended its direction, or all of it. */
bool gw_connection_has_left(h2o_socket_t *sock);

/* Closes the worker's connections on which no request is under way or has begun to come in. Their
 * clients see an idle connection end, as it may at any time. */
void gw_connections_close_idle(struct gw_worker *worker);
/* Cuts all connections of the worker, whatever they are at. */
void gw_connections_cut(struct gw_worker *worker);

/* What is wrong with the head of a request that has just reached its handler. */
struct gw_request_fault gw_connection_fault(struct gw_connection *connection, h2o_req_t *req);
/* The answer to the request under way goes out before all of the request is in. When libh2o closes
 * the connection, go on to read for a moment: a close with input unread would have the kernel throw
 * away what the client has not yet read of the answer. */
void gw_connection_linger(struct gw_connection *connection);
/* Breaks off an answer that has begun: ends the connection or, on HTTP/2, the stream. */
void gw_connection_break_off(h2o_req_t *req);

/* Of a connection made by gw_connection_accept. */
static inline struct gw_connection *gw_connection_of(h2o_conn_t *conn)
{
    return conn->callbacks->get_socket(conn)->on_close.data;
}

#endif
