#include "frontend/connection.h"

#include <h2o/http1.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "base/mem.h"

static void on_close(void *data)
{
    struct gw_connection *connection = data;
    __atomic_fetch_sub(&connection->worker->connection_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&connection->worker->frontend->total_connections, 1, __ATOMIC_RELAXED);
    free(connection);
}

static void name_peer(struct gw_connection *connection, int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t length = sizeof(peer);
    const char *text = NULL;
    if (getpeername(fd, &peer.sa, &length) == 0) {
        if (peer.sa.sa_family == AF_INET)
            text = inet_ntop(AF_INET, &peer.v4.sin_addr, connection->remote,
                             sizeof(connection->remote));
        else if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr))
            text = inet_ntop(AF_INET, &peer.v6.sin6_addr.s6_addr[12], connection->remote,
                             sizeof(connection->remote));
        else
            text = inet_ntop(AF_INET6, &peer.v6.sin6_addr, connection->remote,
                             sizeof(connection->remote));
    }
    connection->remote_length = text != NULL ? strlen(text) : 0;
}

void gw_connection_accept(struct gw_worker *worker, int fd)
{
    struct gw_connection *connection = gw_alloc(sizeof(*connection));
    connection->worker = worker;
    name_peer(connection, fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    h2o_socket_t *sock = h2o_evloop_socket_create(gw_loop_h2o(worker->loop), fd,
                                                  H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    h2o_accept_ctx_t accept = {.ctx = &worker->h2o, .hosts = worker->frontend->h2o.hosts};
    h2o_http1_accept(&accept, sock, *h2o_get_timestamp(&worker->h2o, NULL, NULL));
}
