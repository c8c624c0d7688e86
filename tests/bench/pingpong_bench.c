/* A bidirectional call through a proxy, on which each message is sent when the answer to the one
 * before is in: what a proxy's turn costs, when nothing can be done together.
 *
 *     bench_pingpong PORT PROXY_PID [MESSAGES [BYTES [CALLS]]]
 *
 * against feed.v1.Feed/Chat, which answers each message with itself; CALLS at a time, each on a
 * connection of its own. PROXY_PID's CPU time is read from /proc. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"
#include "grpc/client.h"

static struct gw_loop *loop;
static struct gw_slice message;
static uint64_t open_calls, failed;

struct pingpong {
    struct gw_grpc_client *client;
    struct gw_call *call;
    uint64_t left;
    bool is_sent; /* the last message is out, and its answer is in: either may come first */
    bool is_answered;
};

static void send_next(struct pingpong *p)
{
    if (!p->is_sent || !p->is_answered)
        return;
    p->is_sent = p->is_answered = false;
    if (p->left-- > 0) {
        gw_call_send(p->call, message, GW_SEND_MORE);
        gw_call_request(p->call, 1);
    } else {
        gw_call_send(p->call, GW_SLICE(""), GW_SEND_END);
    }
}

static void on_sent(void *arg)
{
    struct pingpong *p = arg;
    p->is_sent = true;
    send_next(p);
}

static void on_message(void *arg, struct gw_slice answer)
{
    struct pingpong *p = arg;
    if (answer.len + GW_GRPC_PREFIX_BYTES != message.len)
        failed++;
    p->is_answered = true;
    send_next(p);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    (void)arg;
    open_calls--;
    if (result->status != GW_OK) {
        fprintf(stderr, "the call ended with %d: %.*s\n", result->status,
                GW_SLICE_ARG(result->message));
        failed++;
    }
}

static void on_change(void *arg, struct gw_grpc_client *client, const char *reason)
{
    (void)arg, (void)client;
    if (reason != NULL) {
        fprintf(stderr, "%s\n", reason);
        exit(1);
    }
}

static void begin(struct pingpong *p, uint64_t port, uint64_t count)
{
    static const struct gw_call_callbacks callbacks = {
        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    p->client = gw_grpc_client_create(
        loop, (struct sockaddr *)&address, sizeof(address),
        &(struct gw_grpc_client_options){.connect_timeout_ms = 2000, .on_change = on_change});
    p->call = gw_grpc_client_start(p->client, &(struct gw_call_params){
                                                  .path = GW_SLICE("/feed.v1.Feed/Chat"),
                                                  .authority = GW_SLICE("localhost"),
                                                  .callbacks = &callbacks,
                                                  .arg = p,
                                              });
    p->left = count;
    p->is_sent = p->is_answered = true;
    open_calls++;
    send_next(p);
}

/* Of all threads. */
static uint64_t cpu_ns(const char *pid)
{
    char command[128], text[32] = "";
    snprintf(command, sizeof(command),
             "cat /proc/%s/task/*/schedstat | awk '{n += $1} END {printf \"%%.0f\", n}'", pid);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL || fgets(text, sizeof(text), pipe) == NULL)
        exit(1);
    pclose(pipe);
    return strtoull(text, NULL, 10);
}

static uint64_t number(int argc, char **argv, int at, uint64_t absent)
{
    return at < argc ? strtoull(argv[at], NULL, 10) : absent;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_pingpong PORT PROXY_PID [MESSAGES [BYTES [CALLS]]]\n");
        return 2;
    }
    uint64_t port = number(argc, argv, 1, 0), messages = number(argc, argv, 3, 100000);
    uint64_t bytes = number(argc, argv, 4, 100), calls = number(argc, argv, 5, 1);
    char *framed = gw_alloc(GW_GRPC_PREFIX_BYTES + bytes);
    gw_grpc_prefix_write(framed, (uint32_t)bytes);
    message = gw_slice(framed, GW_GRPC_PREFIX_BYTES + bytes);
    struct pingpong *pingpongs = gw_alloc(calls * sizeof(*pingpongs));

    loop = gw_loop_create();
    uint64_t begin_cpu = cpu_ns(argv[2]), begin_ns = gw_clock_ns();
    for (uint64_t i = 0; i < calls; i++)
        begin(&pingpongs[i], port, messages / calls);
    while (open_calls > 0)
        gw_loop_turn(loop, 1000);
    uint64_t wall = gw_clock_ns() - begin_ns, cpu = cpu_ns(argv[2]) - begin_cpu;

    messages = messages / calls * calls;
    printf("%llu messages each way, %.0f a second, %.2f us CPU of the proxy each\n",
           (unsigned long long)messages, (double)messages * 1e9 / (double)wall,
           (double)cpu / 1e3 / (double)messages);
    for (uint64_t i = 0; i < calls; i++)
        gw_grpc_client_destroy(pingpongs[i].client);
    gw_loop_turn(loop, 0);
    gw_loop_destroy(loop);
    free(pingpongs);
    free(framed);
    return failed != 0;
}
