/* What follows the client's preface, from a peer that then leaves: frames, well-formed or not. The
 * first byte cuts the input into what arrives in one turn of the loop. However it ends, every call
 * that was started is closed, once, and nothing is left. */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../read_file.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server_connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_loop *loop;
static struct gw_grpc_server *server;
static size_t open_calls;

static void on_start(void *arg, struct gw_server_call *call)
{
    (void)arg;
    (void)call;
    open_calls++;
}

static void on_close(void *arg, struct gw_server_call *call)
{
    (void)arg;
    (void)call;
    assert(open_calls > 0);
    open_calls--;
}

static void echo(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    gw_server_call_write(call, message);
}

static void echo_and_end(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    echo(arg, call, message);
    gw_server_call_finish(call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

static void end(void *arg, struct gw_server_call *call)
{
    (void)arg;
    gw_server_call_finish(call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

static void add(struct gw_slice path, struct gw_server_method method)
{
    method.path = path;
    method.on_start = on_start;
    method.on_close = on_close;
    gw_grpc_server_add(server, &method);
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    loop = gw_loop_create();
    server = gw_grpc_server_create(
        loop, &(struct gw_grpc_server_options){.limits.max_message_bytes = 4096});
    add(GW_SLICE("/e/U"), (struct gw_server_method){.on_message = echo_and_end});
    add(GW_SLICE("/e/B"), (struct gw_server_method){.client_streaming = true,
                                                    .server_streaming = true,
                                                    .on_message = echo,
                                                    .on_half_close = end});
    gw_health_create(server);
    struct gw_buf descriptors = test_read_file(GW_BUILD_ROOT "/proto/services.binpb");
    struct gw_reflection *reflection =
        gw_reflection_create(server, gw_buf_slice(&descriptors), (const char *const[]){NULL}, NULL);
    gw_buf_dispose(&descriptors);
    assert(reflection != NULL);
}

static void turn(int peer)
{
    char answers[65536];
    gw_loop_turn(loop, 0);
    while (recv(peer, answers, sizeof(answers), MSG_DONTWAIT) > 0)
        ;
}

static void send_all(int peer, const void *data, size_t size)
{
    /* Fails once the server has closed. */
    if (size > 0 && send(peer, data, size, 0) < 0)
        return;
    turn(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    int pair[2];
    if (size == 0 || size > 65536)
        return 0;
    if (server == NULL)
        set_up();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        abort();
    gw_grpc_server_adopt(server, h2o_evloop_socket_create(gw_loop_h2o(loop), pair[0],
                                                          H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION));
    send_all(pair[1], greeting, sizeof(greeting) - 1);
    size_t step = data[0] == 0 ? size : data[0];
    for (size_t at = 1; at < size; at += step)
        send_all(pair[1], data + at, size - at < step ? size - at : step);
    close(pair[1]);
    for (int i = 0; i < 10 && server->connection_count > 0; i++)
        gw_loop_turn(loop, 0);
    assert(server->connection_count == 0);
    assert(open_calls == 0);
    return 0;
}
