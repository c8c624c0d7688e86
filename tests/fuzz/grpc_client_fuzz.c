/* Arbitrary bytes as what a server sends to a client with calls on it. The first byte says how the
 * calls read (bit 0: all messages; bit 1: cancel from a callback; bit 2: destroy from one), whether
 * the bytes begin the connection or follow a good SETTINGS (bit 3), and into how many pieces they
 * are cut (bits 4 to 7). */
#include <assert.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/loop.h"
#include "grpc/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS 3

struct fuzz_call {
    struct gw_call *call; /* NULL once it is gone */
    int ended;
};

static struct gw_loop *loop;
static int listener = -1;
static struct sockaddr_un address;
static socklen_t address_length;

static uint8_t mode;
static struct gw_grpc_client *client;
static struct fuzz_call calls[CALLS];

static void act(struct fuzz_call *c)
{
    if (mode & 2) {
        gw_call_cancel(c->call);
        c->call = NULL;
    } else if (mode & 4) {
        struct gw_grpc_client *doomed = client;
        client = NULL;
        gw_grpc_client_destroy(doomed);
    }
}

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    struct fuzz_call *c = arg;
    size_t bytes = 0;
    for (size_t i = 0; i < headers->count; i++)
        bytes += headers->items[i].name.len + headers->items[i].value.len;
    assert(bytes <= 64 << 10 && !c->ended);
}

static void on_message(void *arg, struct gw_slice message)
{
    struct fuzz_call *c = arg;
    assert(!c->ended && message.len <= 4096);
    act(c);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct fuzz_call *c = arg;
    assert(c->ended++ == 0 && result->status >= 0);
    c->call = NULL;
    if ((mode & 4) && client != NULL)
        act(c);
}

static const struct gw_call_callbacks callbacks = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_end = on_end,
};

static void on_change(void *arg, struct gw_grpc_client *changed, const char *reason)
{
    (void)arg;
    if (reason != NULL && (mode & 1)) {
        client = NULL;
        gw_grpc_client_destroy(changed);
    }
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    loop = gw_loop_create();
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address.sun_family = AF_UNIX;
    /* A name of the kernel's choice. */
    address_length = sizeof(sa_family_t);
    if (bind(listener, (struct sockaddr *)&address, address_length) != 0 ||
        listen(listener, 8) != 0)
        abort();
    address_length = sizeof(address);
    getsockname(listener, (struct sockaddr *)&address, &address_length);
}

static void start_calls(void)
{
    for (size_t i = 0; i < CALLS; i++) {
        calls[i] = (struct fuzz_call){0};
        calls[i].call = gw_grpc_client_start(client, &(struct gw_call_params){
                                                         .path = GW_SLICE("/a/b"),
                                                         .authority = GW_SLICE("c"),
                                                         .max_message_bytes = 4096,
                                                         .callbacks = &callbacks,
                                                         .arg = &calls[i],
                                                     });
        gw_call_send(calls[i].call, GW_SLICE("\0\0\0\0\1x"), i == 0 ? GW_SEND_MORE : GW_SEND_END);
        gw_call_request(calls[i].call, (mode & 1) ? GW_REQUEST_ALL : 1);
    }
}

static void drain(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (loop == NULL)
        set_up();
    if (size < 1)
        return 0;
    mode = data[0];
    client = gw_grpc_client_create(
        loop, (struct sockaddr *)&address, address_length,
        &(struct gw_grpc_client_options){.connect_timeout_ms = 60000, .on_change = on_change});
    start_calls();
    gw_loop_turn(loop, 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

    if ((mode & 8) == 0) {
        if (send(fd, "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18, MSG_NOSIGNAL) != 18)
            abort();
        gw_loop_turn(loop, 0);
        gw_loop_turn(loop, 0);
        drain(fd);
    }
    size_t pieces = (size_t)(mode >> 4) + 1, step = size / pieces + 1;
    for (size_t at = 1; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        if (send(fd, data + at, n, MSG_NOSIGNAL) < 0)
            break;
        gw_loop_turn(loop, 0);
        drain(fd);
    }
    for (size_t i = 0; i < CALLS && client != NULL; i++) {
        if (calls[i].call != NULL)
            gw_call_request(calls[i].call, 1);
    }
    gw_loop_turn(loop, 0);
    close(fd);
    gw_loop_turn(loop, 0);
    gw_grpc_client_destroy(client);
    client = NULL;
    gw_loop_turn(loop, 0);
    for (size_t i = 0; i < CALLS; i++)
        assert(calls[i].call == NULL);
    return 0;
}
