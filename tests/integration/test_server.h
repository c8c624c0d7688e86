/* What the gRPC servers of the tests share: SIGTERM, and a port that is told. */
#ifndef TESTS_INTEGRATION_TEST_SERVER_H
#define TESTS_INTEGRATION_TEST_SERVER_H

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "grpc/server.h"

/* A file descriptor that is readable at SIGTERM. Before anything that makes threads, which inherit
 * what is blocked. */
static inline int test_block_sigterm(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Listens on any port of the loopback address and prints which; on_sigterm gets the socket of
 * `signals`, from test_block_sigterm. */
static inline void test_serve(struct gw_loop *loop, struct gw_grpc_server *server, int signals,
                              h2o_socket_cb on_sigterm)
{
    h2o_socket_read_start(
        h2o_evloop_socket_create(gw_loop_h2o(loop), signals, H2O_SOCKET_FLAG_DONT_READ),
        on_sigterm);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        perror("listen");
        exit(1);
    }
    gw_grpc_server_listen(server, fd);
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

#endif
