/* A gRPC server of feed.v1.Feed for tests that need more streams, or faster ones, than grpcio has.
 * A Watch with count 0 never ends, one with `stay` sends its items and then nothing. Prints its
 * port; SIGTERM ends it, with exit status 0. */
#include "feed.pb-c.h"
#include "test_server.h"

static struct gw_loop *loop;
static struct gw_grpc_server *server;
static Feed__V1__Counters counters = FEED__V1__COUNTERS__INIT;

static void write_message(struct gw_server_call *call, const ProtobufCMessage *message)
{
    char *out = gw_server_call_queue(call, protobuf_c_message_get_packed_size(message));
    if (out != NULL)
        protobuf_c_message_pack(message, (uint8_t *)out);
}

static void ok(struct gw_server_call *call)
{
    gw_server_call_finish(call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

/* --- Watch --- */

struct watch {
    uint64_t left;
    Feed__V1__Item item;
    bool stays, finished;
};

static void send_items(void *arg, struct gw_server_call *call)
{
    struct watch *w = *gw_server_call_data(call);
    (void)arg;
    while (w->left > 0) {
        if (!gw_server_call_is_writable(call))
            return;
        w->item.number++;
        w->left--;
        counters.sent++;
        write_message(call, &w->item.base);
    }
    if (w->stays)
        return;
    if (!w->finished)
        ok(call);
    w->finished = true;
}

static void watch(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    gw_pool *pool = gw_server_call_pool(call);
    Feed__V1__WatchRequest *request =
        feed__v1__watch_request__unpack(NULL, message.len, (const uint8_t *)message.base);
    struct watch *w = h2o_mem_alloc_pool(pool, sizeof(*w));
    char *text = h2o_mem_alloc_pool(pool, request->size + 1);
    memset(text, 'x', request->size);
    text[request->size] = '\0';
    *w = (struct watch){.left = request->count ? request->count : UINT64_MAX,
                        .stays = request->stay,
                        .item = FEED__V1__ITEM__INIT};
    w->item.feed = (char *)gw_pool_dup(pool, gw_slice_str(request->feed)).base;
    w->item.text = text;
    feed__v1__watch_request__free_unpacked(request, NULL);
    *gw_server_call_data(call) = w;
    counters.open++;
    send_items(arg, call);
}

static void watch_closed(void *arg, struct gw_server_call *call)
{
    struct watch *w = *gw_server_call_data(call);
    (void)arg;
    if (w == NULL)
        return;
    counters.open--;
    counters.cancelled += !w->finished;
}

/* --- Count --- */

static void count(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    (void)message;
    write_message(call, &counters.base);
    ok(call);
}

/* --- Collect and Chat --- */

struct tally {
    Feed__V1__Summary summary;
    bool finished;
};

static void tally_start(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct tally *t = h2o_mem_alloc_pool(gw_server_call_pool(call), sizeof(*t));
    *t = (struct tally){.summary = FEED__V1__SUMMARY__INIT};
    *gw_server_call_data(call) = t;
    counters.open++;
}

static void tally_close(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    counters.open--;
    counters.cancelled += !t->finished;
}

static void collect_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    t->summary.items++;
    t->summary.bytes += message.len;
    counters.received++;
}

static void collect_end(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    t->finished = true;
    write_message(call, &t->summary.base);
    ok(call);
}

static void chat_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    (void)arg;
    counters.received++;
    counters.sent++;
    gw_server_call_write(call, message);
}

static void chat_end(void *arg, struct gw_server_call *call)
{
    (void)arg;
    struct tally *t = *gw_server_call_data(call);
    t->finished = true;
    ok(call);
}

/* GW_SLICE is no constant. */
#define METHOD(name) .path = {"/feed.v1.Feed/" name, sizeof("/feed.v1.Feed/" name) - 1}

static const struct gw_server_method methods[] = {
    {METHOD("Watch"), .server_streaming = true, .on_message = watch, .on_writable = send_items,
     .on_close = watch_closed},
    {METHOD("Collect"), .client_streaming = true, .on_start = tally_start, .on_close = tally_close,
     .on_message = collect_message, .on_half_close = collect_end},
    {METHOD("Chat"), .client_streaming = true, .server_streaming = true, .on_start = tally_start,
     .on_close = tally_close, .on_message = chat_message, .on_half_close = chat_end},
    {METHOD("Count"), .on_message = count},
};

/* --- the program --- */

static void on_sigterm(h2o_socket_t *signals, const char *error)
{
    (void)error;
    h2o_socket_close(signals);
    gw_loop_stop(loop);
}

int main(void)
{
    int signals = test_block_sigterm();
    loop = gw_loop_create();
    server = gw_grpc_server_create(loop, &(struct gw_grpc_server_options){0});
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        gw_grpc_server_add(server, &methods[i]);
    test_serve(loop, server, signals, on_sigterm);

    gw_loop_run(loop);

    gw_grpc_server_destroy(server);
    gw_loop_destroy(loop);
    return 0;
}
