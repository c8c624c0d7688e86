/* CPU of a unary call through the gRPC client: one connection to a backend that answers every call
 * at once, a number of calls always in flight.
 *
 *     bench_client PORT [IN_FLIGHT [SECONDS [METADATA]]]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/loop.h"
#include "base/random.h"
#include "grpc/client.h"

#define METADATA 8

/* A call and, when it has ended, the next. */
struct slot {
    char traceparent[56], request_id[37], b3[52], trace_id[33], span_id[17];
    struct gw_metadatum metadata[METADATA];
};

static struct gw_loop *loop;
static struct gw_grpc_client *client;
static uint64_t started, done, failed, bytes, stop_ms;
static size_t metadata_count;

/* As a gateway sends: ids that differ in each call, and some that are always the same. */
static void fill_metadata(struct slot *slot)
{
    char id[33], span[17];
    uint8_t random[24];
    gw_random_bytes(random, sizeof(random));
    gw_hex_encode(id, random, 16);
    gw_hex_encode(span, random + 16, 8);
    snprintf(slot->traceparent, sizeof(slot->traceparent), "00-%.32s-%.16s-01", id, span);
    snprintf(slot->b3, sizeof(slot->b3), "%.32s-%.16s-1", id, span);
    snprintf(slot->trace_id, sizeof(slot->trace_id), "%.32s", id);
    snprintf(slot->span_id, sizeof(slot->span_id), "%.16s", span);
    gw_random_uuid(slot->request_id);
    const struct gw_metadatum metadata[METADATA] = {
        {GW_SLICE("traceparent"), gw_slice_str(slot->traceparent)},
        {GW_SLICE("x-request-id"), gw_slice_str(slot->request_id)},
        {GW_SLICE("x-forwarded-for"), GW_SLICE("127.0.0.1")},
        {GW_SLICE("b3"), gw_slice_str(slot->b3)},
        {GW_SLICE("x-trace-id"), gw_slice_str(slot->trace_id)},
        {GW_SLICE("x-span-id"), gw_slice_str(slot->span_id)},
        {GW_SLICE("x-forwarded-host"), GW_SLICE("localhost:8080")},
        {GW_SLICE("x-forwarded-proto"), GW_SLICE("http")},
    };
    memcpy(slot->metadata, metadata, sizeof(metadata));
}

static void start(struct slot *slot);

static void on_message(void *arg, struct gw_slice message)
{
    (void)arg;
    bytes += message.len;
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    done++;
    failed += result->status != GW_OK;
    if (gw_loop_now_ms(loop) < stop_ms)
        start(arg);
}

static const struct gw_call_callbacks callbacks = {.on_message = on_message, .on_end = on_end};

static void start(struct slot *slot)
{
    if (metadata_count > 0)
        fill_metadata(slot);
    struct gw_call *call =
        gw_grpc_client_start(client, &(struct gw_call_params){
                                         .path = GW_SLICE("/user.v1.UserService/GetUser"),
                                         .authority = GW_SLICE("127.0.0.1:8001"),
                                         .metadata = {slot->metadata, metadata_count},
                                         .deadline_ms = gw_loop_now_ms(loop) + 5000,
                                         .callbacks = &callbacks,
                                         .arg = slot,
                                     });
    if (call == NULL)
        return;
    started++;
    gw_call_send(call, GW_SLICE("\0\0\0\0\4\12\2id"), GW_SEND_END);
    gw_call_request(call, GW_REQUEST_ALL);
}

static void on_change(void *arg, struct gw_grpc_client *changed, const char *reason)
{
    (void)arg, (void)changed;
    if (reason != NULL) {
        fprintf(stderr, "%s\n", reason);
        exit(1);
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t number(int argc, char **argv, int at, uint64_t absent)
{
    return at < argc ? strtoull(argv[at], NULL, 10) : absent;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_client PORT [IN_FLIGHT [SECONDS [METADATA]]]\n");
        return 2;
    }
    uint64_t in_flight = number(argc, argv, 2, 64), seconds = number(argc, argv, 3, 3);
    metadata_count = number(argc, argv, 4, 0);
    if (metadata_count > METADATA)
        metadata_count = METADATA;
    struct slot *slots = gw_alloc(in_flight * sizeof(*slots));

    loop = gw_loop_create();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)number(argc, argv, 1, 0))};
    client = gw_grpc_client_create(
        loop, (struct sockaddr *)&address, sizeof(address),
        &(struct gw_grpc_client_options){.connect_timeout_ms = 2000, .on_change = on_change});
    while (gw_grpc_client_state(client) != GW_CLIENT_READY)
        gw_loop_turn(loop, 100);

    stop_ms = gw_clock_ms() + seconds * 1000;
    uint64_t begin_cpu = cpu_ns(), begin_ns = gw_clock_ns();
    for (uint64_t i = 0; i < in_flight; i++)
        start(&slots[i]);
    while (done < started)
        gw_loop_turn(loop, 1000);
    uint64_t cpu = cpu_ns() - begin_cpu, wall = gw_clock_ns() - begin_ns;

    printf("%llu calls, %llu failed, %.0f a second, %.2f us CPU each\n", (unsigned long long)done,
           (unsigned long long)failed, (double)done * 1e9 / (double)wall,
           (double)cpu / 1e3 / (double)done);
    gw_grpc_client_destroy(client);
    gw_loop_turn(loop, 0);
    gw_loop_destroy(loop);
    free(slots);
    return failed != 0;
}
