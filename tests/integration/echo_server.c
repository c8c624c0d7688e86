/* A gRPC server for tests: methods on bytes under /test.Echo/, user.v1.UserService in part, health,
 * reflection.
 *
 *     echo_server DESCRIPTOR_SET [NAME=VALUE]...
 *
 * Prints its port. SIGTERM: graceful shutdown, exit status 0. */
#include <stdlib.h>
#include <unistd.h>

#include "../read_file.h"
#include "base/clock.h"
#include "google/rpc/error_details.pb-c.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/service.h"
#include "test_server.h"
#include "user/v1/user.pb-c.h"

static struct gw_loop *loop;
static struct gw_grpc_server *server;
static struct gw_health *health;
static uint64_t shutdown_ms = 10000;

/* What `Stats` tells. */
static struct {
    unsigned started, closed, ended, ended_ok, blocked;
} stats;

static void ok(struct gw_server_call *call)
{
    gw_server_call_finish(call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

static void on_start(void *arg, struct gw_server_call *call)
{
    (void)arg;
    (void)call;
    stats.started++;
}

static void on_close(void *arg, struct gw_server_call *call)
{
    (void)arg;
    (void)call;
    stats.closed++;
}

static void on_call_end(void *arg, const struct gw_server_call *call, int status,
                        uint64_t duration_ns)
{
    (void)arg;
    (void)duration_ns;
    if (gw_slice_eq(gw_server_call_path(call), GW_SLICE("/test.Echo/Stats")))
        return;
    stats.ended++;
    stats.ended_ok += status == GW_OK;
}

/* --- Unary: the message comes back; metadata "x-..." as headers, and as trailers "t-..." --- */

static void echo_metadata(struct gw_server_call *call)
{
    struct gw_metadata md = gw_server_call_metadata(call);
    for (size_t i = 0; i < md.count; i++) {
        if (!gw_slice_starts_with(md.items[i].name, GW_SLICE("x-")))
            continue;
        gw_server_call_add_header(call, md.items[i].name, md.items[i].value);
        struct gw_slice name =
            gw_pool_printf(gw_server_call_pool(call), "t-%.*s", GW_SLICE_ARG(md.items[i].name));
        gw_server_call_add_trailer(call, name, md.items[i].value);
    }
}

static void unary(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    echo_metadata(call);
    gw_server_call_write(call, message);
    ok(call);
}

/* --- Peer: the address; Stats: counters and resident memory --- */

static void peer(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    (void)message;
    gw_server_call_write(call, gw_server_call_peer(call));
    ok(call);
}

static unsigned long resident_kib(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fscanf(f, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (f != NULL)
        fclose(f);
    return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void tell_stats(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    (void)message;
    gw_server_call_write(call,
                         gw_pool_printf(gw_server_call_pool(call),
                                        "{\"started\":%u,\"closed\":%u,\"ended\":%u,\"ok\":%u,"
                                        "\"blocked\":%u,\"resident_kib\":%lu}",
                                        stats.started, stats.closed, stats.ended, stats.ended_ok,
                                        stats.blocked, resident_kib()));
    ok(call);
}

/* --- Fail: "CODE TEXT" is the status; details and trailers with it --- */

static void fail(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    struct gw_slice text = gw_pool_dup(gw_server_call_pool(call), message);
    char *end;
    int status = (int)strtol(text.base, &end, 10);
    gw_server_call_add_trailer(call, GW_SLICE("x-why"), GW_SLICE("asked"));
    gw_server_call_finish(call, status, gw_slice_str(*end == ' ' ? end + 1 : end),
                          GW_SLICE("\x08\x05\x12\x01x"));
}

/* --- ServerStream: "COUNT SIZE"; fails with ABORTED after them if SIZE is followed by '!' --- */

struct stream {
    unsigned long left, size;
    bool fails;
};

static void stream_on(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct stream *s = *gw_server_call_data(call);
    if (s == NULL)
        return;
    bool room = true;
    while (room && s->left > 0) {
        char *body = gw_server_call_queue(call, s->size);
        memset(body, 'a' + (int)(s->left % 26), s->size);
        s->left--;
        room = gw_server_call_is_writable(call);
    }
    stats.blocked += !room;
    if (s->left == 0)
        gw_server_call_finish(call, s->fails ? GW_ABORTED : GW_OK, GW_SLICE(""), GW_SLICE(""));
}

static void server_stream(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    struct gw_slice text = gw_pool_dup(gw_server_call_pool(call), message);
    struct stream *s = h2o_mem_alloc_pool(gw_server_call_pool(call), sizeof(*s));
    char *end;
    s->left = strtoul(text.base, &end, 10);
    s->size = strtoul(end, &end, 10);
    s->fails = *end == '!';
    *gw_server_call_data(call) = s;
    stream_on(arg, call);
}

/* --- ClientStream: "MESSAGES BYTES" at the end; Bidi: each message at once --- */

struct tally {
    unsigned long messages, bytes;
};

static void tally_start(void *arg, struct gw_server_call *call)
{
    on_start(arg, call);
    struct tally *t = h2o_mem_alloc_pool(gw_server_call_pool(call), sizeof(*t));
    *t = (struct tally){0, 0};
    *gw_server_call_data(call) = t;
}

static void tally_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    t->messages++;
    t->bytes += message.len;
}

static void tally_end(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    gw_server_call_write(
        call, gw_pool_printf(gw_server_call_pool(call), "%lu %lu", t->messages, t->bytes));
    ok(call);
}

static void bidi_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    if (!gw_server_call_write(call, message))
        stats.blocked++;
}

static void bidi_end(void *arg, struct gw_server_call *call)
{
    (void)arg;
    ok(call);
}

/* Answers, with an error, before the client has sent its stream. */
static void early_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    (void)message;
    gw_server_call_finish(call, GW_FAILED_PRECONDITION, GW_SLICE("enough"), GW_SLICE(""));
}

/* --- Slow: answers after the milliseconds in the message, or never where there are none --- */

struct slow {
    struct gw_timer timer;
    struct gw_server_call *call;
};

static void slow_done(struct gw_timer *timer)
{
    struct slow *s = H2O_STRUCT_FROM_MEMBER(struct slow, timer, timer);
    gw_server_call_write(s->call, GW_SLICE("done"));
    ok(s->call);
}

static void slow(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    if (message.len == 0)
        return;
    struct gw_slice text = gw_pool_dup(gw_server_call_pool(call), message);
    struct slow *s = h2o_mem_alloc_pool(gw_server_call_pool(call), sizeof(*s));
    *s = (struct slow){.timer.fn = slow_done, .call = call};
    *gw_server_call_data(call) = s;
    gw_timer_start(loop, &s->timer, gw_clock_ms() + strtoul(text.base, NULL, 10));
}

static void slow_close(void *arg, struct gw_server_call *call)
{
    on_close(arg, call);
    struct slow *s = *gw_server_call_data(call);
    if (s != NULL)
        gw_timer_stop(loop, &s->timer);
}

/* --- Headers: answers with that many bytes of headers; Health: "NAME STATUS" sets it --- */

static void headers(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    gw_pool *pool = gw_server_call_pool(call);
    unsigned long bytes = strtoul(gw_pool_dup(pool, message).base, NULL, 10);
    char *value = h2o_mem_alloc_pool(pool, 1000);
    memset(value, 'v', 1000);
    for (unsigned long i = 0; i < bytes; i += 1000)
        gw_server_call_add_header(call, gw_pool_printf(pool, "x-%lu", i), gw_slice(value, 1000));
    ok(call);
}

static void set_health(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    const char *space = memchr(message.base, ' ', message.len);
    size_t name = space != NULL ? (size_t)(space - message.base) : message.len;
    if (space != NULL)
        gw_health_set(health, gw_slice(message.base, name),
                      (enum gw_health_status)(space[1] - '0'));
    gw_server_call_write(call, GW_SLICE(""));
    ok(call);
}

/* GW_SLICE is no constant. */
#define METHOD(name) .path = {"/test.Echo/" name, sizeof("/test.Echo/" name) - 1}
#define COUNTED .on_start = on_start, .on_close = on_close

static const struct gw_server_method methods[] = {
    {METHOD("Unary"), COUNTED, .on_message = unary},
    {METHOD("Peer"), .on_message = peer},
    {METHOD("Stats"), .on_message = tell_stats},
    {METHOD("Fail"), COUNTED, .on_message = fail},
    {METHOD("ServerStream"), COUNTED, .server_streaming = true, .on_message = server_stream,
     .on_writable = stream_on},
    {METHOD("ClientStream"), .client_streaming = true, .on_start = tally_start,
     .on_close = on_close, .on_message = tally_message, .on_half_close = tally_end},
    {METHOD("Bidi"), COUNTED, .client_streaming = true, .server_streaming = true,
     .on_message = bidi_message, .on_half_close = bidi_end},
    {METHOD("Early"), COUNTED, .client_streaming = true, .on_message = early_message},
    {METHOD("Slow"), .on_start = on_start, .on_close = slow_close, .on_message = slow},
    {METHOD("Headers"), COUNTED, .on_message = headers},
    {METHOD("Health"), .on_message = set_health},
};

/* --- user.v1.UserService, in part --- */

static void say_hello(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__SayHelloRequest *request = (const void *)message;
    User__V1__SayHelloResponse response = USER__V1__SAY_HELLO_RESPONSE__INIT;
    response.message = (char *)gw_pool_printf(gw_rpc_pool(rpc), "Hello, %s!", request->name).base;
    gw_rpc_reply(rpc, &response.base);
}

static void get_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__GetUserRequest *request = (const void *)message;
    Google__Rpc__ResourceInfo detail = GOOGLE__RPC__RESOURCE_INFO__INIT;
    detail.resource_type = (char *)"user";
    detail.resource_name = request->id;
    gw_rpc_fail_with(rpc, GW_NOT_FOUND, "user not found", &detail.base);
}

static void delete_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__DeleteUserRequest *request = (const void *)message;
    gw_rpc_fail(rpc, GW_PERMISSION_DENIED, "%s stays", request->id);
}

static const struct gw_rpc_method user_methods[] = {
    {.name = "SayHello", .handler = say_hello},
    {.name = "GetUser", .handler = get_user},
    {.name = "DeleteUser", .handler = delete_user},
    {0},
};

/* --- the program --- */

static void on_shutdown(void *arg)
{
    (void)arg;
    gw_loop_stop(loop);
}

static void on_sigterm(h2o_socket_t *signals, const char *error)
{
    (void)error;
    h2o_socket_close(signals);
    gw_health_stop(health);
    gw_grpc_server_shutdown(server, shutdown_ms, on_shutdown, NULL);
}

static void set_option(struct gw_server_limits *limits, const char *option)
{
    const char *value = strchr(option, '=');
    unsigned long n = value != NULL ? strtoul(value + 1, NULL, 10) : 0;
    struct gw_slice name = gw_slice(option, value != NULL ? (size_t)(value - option) : 0);
    if (gw_slice_eq(name, GW_SLICE("max_message")))
        limits->max_message_bytes = n;
    else if (gw_slice_eq(name, GW_SLICE("max_streams")))
        limits->max_concurrent_streams = (uint32_t)n;
    else if (gw_slice_eq(name, GW_SLICE("max_connections")))
        limits->max_connections = (uint32_t)n;
    else if (gw_slice_eq(name, GW_SLICE("shutdown_ms")))
        shutdown_ms = n;
    else {
        fprintf(stderr, "unknown option %s\n", option);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static const char *const listed[] = {"test.Echo", "user.v1.UserService",
                                         "grpc.health.v1.Health", NULL};
    if (argc < 2)
        return 2;
    struct gw_grpc_server_options options = {.on_call_end = on_call_end};
    for (int i = 2; i < argc; i++)
        set_option(&options.limits, argv[i]);
    int signals = test_block_sigterm();
    loop = gw_loop_create();
    server = gw_grpc_server_create(loop, &options);
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        gw_grpc_server_add(server, &methods[i]);
    gw_service_add(server, &user__v1__user_service__descriptor, user_methods, NULL);
    health = gw_health_create(server);
    struct gw_buf descriptors = test_read_file(argv[1]);
    struct gw_error error;
    struct gw_reflection *reflection =
        gw_reflection_create(server, gw_buf_slice(&descriptors), listed, &error);
    gw_buf_dispose(&descriptors);
    if (reflection == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 1;
    }
    test_serve(loop, server, signals, on_sigterm);

    gw_loop_run(loop);

    gw_grpc_server_destroy(server);
    gw_reflection_destroy(reflection);
    gw_health_destroy(health);
    gw_loop_destroy(loop);
    return 0;
}
