/* Listening sockets. Every worker waits on all of them; whoever accepts a connection hands it to
 * the worker that has the fewest, so that few long connections are spread evenly. */
#ifndef GW_FRONTEND_LISTENER_H
#define GW_FRONTEND_LISTENER_H

#include "base/error.h"
#include "base/loop.h"
#include "tls/context.h"

struct gw_worker;

/* A bound, listening, non-blocking socket for "HOST:PORT"; -1 with an error. */
int gw_listener_bind(const char *address, struct gw_error *error);

/* The port that the socket is bound to, which is the address's unless that says 0. */
uint16_t gw_listener_port(int fd);

struct gw_listener {
    struct gw_worker *worker;
    h2o_socket_t *sock;         /* NULL: closed */
    struct gw_tls_context *tls; /* counted; NULL: plain text */
    struct gw_timer pause;
};

/* fd is shared by the workers and stays the caller's; listener->tls is set. Before the worker's
 * loop runs. */
int gw_listener_open(struct gw_listener *listener, struct gw_worker *worker, int fd,
                     struct gw_error *error);
/* Takes what waits in the kernel's queue, then stops listening. Harmless twice. */
void gw_listener_close(struct gw_listener *listener);

#endif
