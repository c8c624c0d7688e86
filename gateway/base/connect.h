/* Connecting and accepting TCP sockets. libh2o's own way takes the reason of a failure from the
 * socket and tells nobody. Worker-local. */
#ifndef GW_BASE_CONNECT_H
#define GW_BASE_CONNECT_H

#include <sys/socket.h>

#include "base/loop.h"

/* Begins to connect. 0: `cb` comes later, once, when gw_connect_result can be asked; the socket is
 * the caller's to close, before that too. Else an errno, and there is no socket. */
int gw_connect_start(struct gw_loop *loop, const struct sockaddr *address, socklen_t address_length,
                     h2o_socket_cb cb, h2o_socket_t **ret_socket);
/* 0: it is connected. Else an errno, once: the kernel forgets it then. */
int gw_connect_result(h2o_socket_t *socket);

enum gw_accept_failure {
    GW_ACCEPT_NONE,  /* nobody waits */
    GW_ACCEPT_NEXT,  /* who waited has left, or its network failed: the next may be well */
    GW_ACCEPT_PAUSE, /* the system has no room for one more: whoever waits still does */
};
/* What an errno of accept tells; accept(2). After GW_ACCEPT_PAUSE the listening socket stays
 * readable: who reads on at once uses up a core. Rest for GW_ACCEPT_PAUSE_MS. */
enum gw_accept_failure gw_accept_failure_of(int error);
#define GW_ACCEPT_PAUSE_MS 100

#endif
