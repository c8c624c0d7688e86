/* What a call's callbacks heard, and the loop and peer around it. */
#ifndef TESTS_UNIT_GRPC_RECORD_H
#define TESTS_UNIT_GRPC_RECORD_H

#include "grpc/client.h"
#include "peer.h"

struct record {
    struct gw_call *call; /* NULL once it has ended */
    int headers, messages, sent, ended;
    struct gw_buf header_text; /* "name: value\n" each */
    struct gw_buf trailer_text;
    struct gw_buf bytes; /* of all messages, one after the other */
    struct gw_buf message, details;
    struct gw_call_result result; /* its slices are gone; see the buffers */
    /* Called besides; optional. */
    void (*on_headers)(struct record *r);
    void (*on_message)(struct record *r, struct gw_slice message);
    void (*on_sent)(struct record *r);
    void (*on_end)(struct record *r);
    char reason[160]; /* of the result */
};

static inline void record_metadata(struct gw_buf *text, const struct gw_metadata *md)
{
    for (size_t i = 0; i < md->count; i++)
        gw_buf_printf(text, "%.*s: %.*s\n", GW_SLICE_ARG(md->items[i].name),
                      GW_SLICE_ARG(md->items[i].value));
}

static inline void record_on_headers(void *arg, const struct gw_metadata *headers)
{
    struct record *r = arg;
    assert_int_equal(r->ended, 0);
    assert_int_equal(r->messages, 0);
    r->headers++;
    record_metadata(&r->header_text, headers);
    if (r->on_headers != NULL)
        r->on_headers(r);
}

static inline void record_on_message(void *arg, struct gw_slice message)
{
    struct record *r = arg;
    assert_int_equal(r->ended, 0);
    assert_int_equal(r->headers, 1);
    r->messages++;
    if (r->on_message != NULL)
        r->on_message(r, message);
    /* After it: the message stays valid, whatever was done to the call. */
    gw_buf_append(&r->bytes, message);
}

static inline void record_on_sent(void *arg)
{
    struct record *r = arg;
    assert_int_equal(r->ended, 0);
    r->sent++;
    if (r->on_sent != NULL)
        r->on_sent(r);
}

static inline void record_on_end(void *arg, const struct gw_call_result *result)
{
    struct record *r = arg;
    r->ended++;
    assert_int_equal(r->ended, 1);
    r->result = *result;
    gw_buf_append(&r->message, result->message);
    snprintf(r->reason, sizeof(r->reason), "%.*s", GW_SLICE_ARG(result->reason));
    gw_buf_append(&r->details, result->details);
    record_metadata(&r->trailer_text, &result->trailers);
    r->call = NULL;
    if (r->on_end != NULL)
        r->on_end(r);
}

static const struct gw_call_callbacks record_callbacks = {
    .on_headers = record_on_headers,
    .on_message = record_on_message,
    .on_sent = record_on_sent,
    .on_end = record_on_end,
};

static inline void record_dispose(struct record *r)
{
    gw_buf_dispose(&r->header_text);
    gw_buf_dispose(&r->trailer_text);
    gw_buf_dispose(&r->bytes);
    gw_buf_dispose(&r->message);
    gw_buf_dispose(&r->details);
}

static inline bool contains(const struct gw_buf *text, const char *part)
{
    return text->len > 0 && memmem(text->base, text->len, part, strlen(part)) != NULL;
}

/* --- a client on a loop, with a peer --- */

struct fixture {
    struct gw_loop *loop;
    struct peer peer;
    struct gw_grpc_client *client;
    int changes, closed;
    char reason[160];
    enum gw_grpc_client_state last_state;
    bool destroy_on_close;
    struct record records[8];
};

static struct fixture fx;

static inline void fixture_on_change(void *arg, struct gw_grpc_client *client, const char *reason)
{
    (void)arg;
    fx.changes++;
    fx.last_state = gw_grpc_client_state(client);
    if (fx.last_state != GW_CLIENT_CLOSED)
        return;
    fx.closed++;
    assert_int_equal(fx.closed, 1);
    assert_int_equal(gw_grpc_client_call_count(client), 0);
    snprintf(fx.reason, sizeof(fx.reason), "%s", reason);
    if (fx.destroy_on_close) {
        gw_grpc_client_destroy(client);
        fx.client = NULL;
    }
}

static inline void fixture_connect_to(uint16_t port, uint64_t timeout_ms)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    fx.closed = fx.changes = 0;
    fx.client =
        gw_grpc_client_create(fx.loop, (struct sockaddr *)&address, sizeof(address),
                              &(struct gw_grpc_client_options){.connect_timeout_ms = timeout_ms,
                                                               .on_change = fixture_on_change});
}

static inline void fixture_connect(void)
{
    fixture_connect_to(fx.peer.port, 2000);
}

static inline int fixture_setup(void **state)
{
    (void)state;
    fx = (struct fixture){.loop = gw_loop_create()};
    peer_start(&fx.peer);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    gw_grpc_client_destroy(fx.client);
    peer_stop(&fx.peer);
    for (size_t i = 0; i < sizeof(fx.records) / sizeof(*fx.records); i++)
        record_dispose(&fx.records[i]);
    gw_loop_turn(fx.loop, 0);
    gw_loop_destroy(fx.loop);
    return 0;
}

static inline void turn(void)
{
    gw_loop_turn(fx.loop, 1);
    peer_pump(&fx.peer);
}

/* Turns until the condition holds; fails after five seconds. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        uint64_t until_ms = gw_clock_ms() + 5000;                                                  \
        while (!(condition)) {                                                                     \
            if (gw_clock_ms() > until_ms)                                                          \
                fail_msg("never: %s", #condition);                                                 \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

/* For what must not happen. */
static inline void run_for(uint64_t ms)
{
    for (uint64_t end = gw_clock_ms() + ms; gw_clock_ms() < end;)
        turn();
}

static inline struct gw_call_params params_for(struct record *r)
{
    return (struct gw_call_params){
        .path = GW_SLICE("/test.v1.Test/Echo"),
        .authority = GW_SLICE("test.local"),
        .callbacks = &record_callbacks,
        .arg = r,
    };
}

static inline struct record *start_with(size_t i, const struct gw_call_params *params)
{
    struct record *r = &fx.records[i];
    r->call = gw_grpc_client_start(fx.client, params);
    return r;
}

/* "hello", whole; all answers asked for. */
static inline struct record *start_unary(size_t i)
{
    struct gw_call_params params = params_for(&fx.records[i]);
    struct record *r = start_with(i, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\5hello"), GW_SEND_END);
    gw_call_request(r->call, GW_REQUEST_ALL);
    return r;
}

#define assert_text(buf, expected)                                                                 \
    do {                                                                                           \
        assert_int_equal((buf).len, strlen(expected));                                             \
        if ((buf).len > 0)                                                                         \
            assert_memory_equal((buf).base, expected, (buf).len);                                  \
    } while (0)

#endif
