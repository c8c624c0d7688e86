/* What the gateway knows of one client connection, beside libh2o's own. Worker-local. */
#ifndef GW_FRONTEND_CONNECTION_H
#define GW_FRONTEND_CONNECTION_H

#include <arpa/inet.h>

#include "frontend/http1_head.h"
#include "frontend/internal.h"

struct gw_exchange;
struct gw_listener;

struct gw_connection {
    struct gw_worker *worker;
    h2o_linklist_t link; /* of worker->connections */
    h2o_socket_t *sock;
    struct {
        struct gw_tls_handshake handshake;
        struct gw_timer timeout;      /* of the handshake */
        struct gw_tls_client *client; /* NULL: has shown no certificate */
    } tls;
    h2o_linklist_t awaiting_link; /* of worker->awaiting, until the first request head is in */
    uint64_t head_expires_ms;     /* when that must be */
    int linger_fd;                /* -1, or the socket once more: see gw_connection_linger */
    h2o_linklist_t linger_link;   /* of worker->lingering */
    struct gw_timer linger;
    size_t linger_bytes;
    size_t remote_length;
    char remote[INET6_ADDRSTRLEN]; /* the peer's address without port */
    struct {
        h2o_socket_cb libh2o_read;     /* what libh2o waits for requests with */
        bool is_head_checked;          /* of the request that is coming in or under way */
        size_t scanned;                /* see gw_http1_head_check */
        struct gw_request_fault fault; /* http_status is 0: none */
        struct gw_exchange *exchange;  /* the request under way; NULL: none */
        struct gw_task next;           /* waits for the next head */
    } http1;
};

/* Serves HTTP on a socket that was accepted by one of the worker's listeners: takes the fd, and the
 * place that the worker counted for it. */
void gw_connection_accept(struct gw_listener *listener, int fd);

/* What ALPN offers, the most wanted first; static. */
const struct gw_slice *gw_connection_protocols(size_t *ret_count);

/* Ends the connections whose first request head is late. About once a second. */
void gw_connection_sweep(struct gw_worker *worker);
/* The worker ends: closes those that linger; others will not. */
void gw_connection_close_lingering(struct gw_worker *worker);
/* Closes the worker's connections that have sent nothing yet, or nothing behind a TLS handshake.
 * Their clients see an idle connection end, as it may at any time. */
void gw_connections_close_silent(struct gw_worker *worker);
/* Ends all connections of the worker, whatever they are at; they are closed in the next turns. */
void gw_connections_cut(struct gw_worker *worker);

/* Whether the client has sent what was not looked at yet, be it its end. */
bool gw_connection_has_input(h2o_socket_t *sock);

/* What is wrong with the head of a request that has just reached its handler. */
struct gw_request_fault gw_connection_fault(struct gw_connection *connection, h2o_req_t *req);
/* The answer to the request under way goes out before all of the request is in. When libh2o closes
 * the connection, go on to read for a moment: a close with input unread would have the kernel throw
 * away what the client has not yet read of the answer. */
void gw_connection_linger(struct gw_connection *connection);
/* Breaks off an answer that has begun: ends the connection or, on HTTP/2, the stream. */
void gw_connection_break_off(h2o_req_t *req);
/* The HTTP/1.1 request under way is over. */
void gw_connection_request_done(struct gw_connection *connection);

/* Of a connection made by gw_connection_accept. */
static inline struct gw_connection *gw_connection_of(h2o_conn_t *conn)
{
    return conn->callbacks->get_socket(conn)->on_close.data;
}

#endif
