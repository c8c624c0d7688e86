#include "base/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int gw_connect_start(struct gw_loop *loop, const struct sockaddr *address, socklen_t address_length,
                     h2o_socket_cb cb, h2o_socket_t **ret_socket)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, address, address_length) != 0 && errno != EINPROGRESS) {
        int failed = errno;
        close(fd);
        return failed;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    *ret_socket = h2o_evloop_socket_create(gw_loop_h2o(loop), fd, 0);
    h2o_socket_notify_write(*ret_socket, cb);
    return 0;
}

int gw_connect_result(h2o_socket_t *socket)
{
    int failed = 0;
    socklen_t length = sizeof(failed);
    if (getsockopt(h2o_socket_get_fd(socket), SOL_SOCKET, SO_ERROR, &failed, &length) != 0)
        return errno;
    return failed;
}

enum gw_accept_failure gw_accept_failure_of(int error)
{
    switch (error) {
    case EAGAIN:
        return GW_ACCEPT_NONE;
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM: /* a rule of the firewall */
        return GW_ACCEPT_NEXT;
    default:
        return GW_ACCEPT_PAUSE;
    }
}
