/* What the gateway knows of one client connection, beside libh2o's own. Worker-local. */
#ifndef GW_FRONTEND_CONNECTION_H
#define GW_FRONTEND_CONNECTION_H

#include <arpa/inet.h>

#include "frontend/internal.h"

struct gw_exchange;

struct gw_connection {
    struct gw_worker *worker;
    struct gw_exchange *http1_exchange; /* the request under way; NULL: none */
    size_t remote_length;
    char remote[INET6_ADDRSTRLEN]; /* the peer's address without port */
};

/* Serves HTTP on an accepted socket: takes the fd, and the place that the worker counted for it. */
void gw_connection_accept(struct gw_worker *worker, int fd);

/* Of a connection made by gw_connection_accept. */
static inline struct gw_connection *gw_connection_of(h2o_conn_t *conn)
{
    return conn->callbacks->get_socket(conn)->on_close.data;
}

#endif
