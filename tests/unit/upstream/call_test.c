/* Calls through an upstream to real servers on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "grpc/server.h"
#include "upstream/upstream.h"

#define ENDPOINTS_MAX 3
#define METHOD "/test.v1.Echo/Say"

struct backend {
    struct gw_grpc_server *server;
    uint16_t port;
    uint32_t calls;
    bool is_silent; /* never answers */
    uint32_t max_concurrent_streams;
};

struct fixture {
    struct gw_loop *loop;
    struct backend backends[ENDPOINTS_MAX];
    char addresses[ENDPOINTS_MAX][32];
    struct gw_config_endpoint endpoints[ENDPOINTS_MAX];
    struct gw_config_upstream config;
    struct gw_metrics *metrics;
    struct gw_upstream_set *set;
    struct gw_upstreams *upstreams;
    struct gw_buf changes; /* what was told of endpoints, a line each */
};

/* --- backends --- */

static void on_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    struct backend *backend = arg;
    backend->calls++;
    if (backend->is_silent)
        return;
    gw_server_call_write(call, message);
    gw_server_call_finish(call, GW_OK, (struct gw_slice){0}, (struct gw_slice){0});
}

static int bind_port(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    socklen_t length = sizeof(a);
    getsockname(fd, (struct sockaddr *)&a, &length);
    *port = ntohs(a.sin_port);
    return fd;
}

static void start_backend(struct fixture *f, size_t i)
{
    struct backend *b = &f->backends[i];
    int fd = bind_port(&b->port);
    assert_int_equal(listen(fd, 64), 0);
    b->server = gw_grpc_server_create(
        f->loop, &(struct gw_grpc_server_options){.limits.max_concurrent_streams =
                                                      b->max_concurrent_streams});
    gw_grpc_server_add(
        b->server,
        &(struct gw_server_method){.path = GW_SLICE(METHOD), .on_message = on_message, .arg = b});
    gw_grpc_server_listen(b->server, fd);
}

static void stop_backend(struct fixture *f, size_t i)
{
    gw_grpc_server_destroy(f->backends[i].server);
    f->backends[i].server = NULL;
}

/* --- the upstream --- */

static void set_up(struct fixture *f, size_t endpoints, const char *strategy)
{
    *f = (struct fixture){.loop = gw_loop_create()};
    for (size_t i = 0; i < endpoints; i++) {
        start_backend(f, i);
        snprintf(f->addresses[i], sizeof(f->addresses[i]), "127.0.0.1:%u", f->backends[i].port);
        f->endpoints[i] = (struct gw_config_endpoint){.address.text = f->addresses[i],
                                                      .host = GW_SLICE("127.0.0.1"),
                                                      .port = f->backends[i].port,
                                                      .weight = 1};
    }
    f->config = (struct gw_config_upstream){
        .name.text = "echo",
        .strategy.text = strategy,
        .endpoints = f->endpoints,
        .endpoint_count = endpoints,
        .timeout_ms = 2000,
        .max_message_bytes = 1 << 20,
        .max_pending = 10000,
        .pool = {.initial_size = 1,
                 .max_size = 2,
                 .idle_timeout_ms = 60000,
                 .connect_timeout_ms = 500},
    };
}

static void on_change(void *arg, const struct gw_endpoint_change *change)
{
    gw_buf_printf(arg, "%s %s %s %s\n", change->upstream, change->endpoint,
                  change->is_failing ? "fails" : "back", change->reason);
}

static void open_upstream(struct fixture *f)
{
    f->metrics = gw_metrics_create(1);
    f->set = gw_upstream_set_create(&f->config, 1, 1, f->metrics);
    f->changes = GW_BUF_HEAP;
    gw_upstream_set_watch(f->set, on_change, &f->changes);
    gw_metrics_freeze(f->metrics);
    f->upstreams = gw_upstreams_create(f->set, f->loop, gw_metrics_shard(f->metrics, 0), 0);
}

static void tear_down(struct fixture *f)
{
    gw_upstreams_destroy(f->upstreams);
    for (size_t i = 0; i < ENDPOINTS_MAX; i++)
        stop_backend(f, i);
    for (int i = 0; i < 5; i++)
        gw_loop_turn(f->loop, 1);
    gw_upstream_set_destroy(f->set);
    gw_buf_dispose(&f->changes);
    gw_metrics_destroy(f->metrics);
    gw_loop_destroy(f->loop);
}

/* --- calls --- */

struct outcome {
    struct gw_call *call;
    struct gw_call_report report;
    bool ended;
    int status, http_status;
    uint32_t messages;
    char text[256];
    char reason[256];
};

static void on_answer(void *arg, struct gw_slice message)
{
    struct outcome *o = arg;
    o->messages++;
    snprintf(o->text, sizeof(o->text), "%.*s", GW_SLICE_ARG(message));
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct outcome *o = arg;
    o->ended = true;
    o->call = NULL;
    o->status = result->status;
    o->http_status = result->http_status;
    if (result->status != GW_OK)
        snprintf(o->text, sizeof(o->text), "%.*s", GW_SLICE_ARG(result->message));
    snprintf(o->reason, sizeof(o->reason), "%.*s", GW_SLICE_ARG(result->reason));
}

static const struct gw_call_callbacks callbacks = {.on_message = on_answer, .on_end = on_end};

static void start_with(struct fixture *f, struct outcome *o, struct gw_call_params params,
                       uint64_t timeout_ms)
{
    static const char framed[] = "\0\0\0\0\5hello";
    *o = (struct outcome){0};
    params.path = GW_SLICE(METHOD);
    params.callbacks = &callbacks;
    params.arg = o;
    o->call = gw_upstream_call(f->upstreams, 0, &params, timeout_ms, &o->report);
    gw_call_request(o->call, GW_REQUEST_ALL);
    gw_call_send(o->call, gw_slice(framed, 10), GW_SEND_END);
    assert_false(o->ended);
}

static void start(struct fixture *f, struct outcome *o, uint64_t timeout_ms)
{
    start_with(f, o, (struct gw_call_params){0}, timeout_ms);
}

static void wait_for(struct fixture *f, const bool *flag)
{
    uint64_t limit = gw_clock_ms() + 5000;
    while (!*flag && gw_clock_ms() < limit)
        gw_loop_turn(f->loop, 10);
    assert_true(*flag);
}

static void turn_for(struct fixture *f, uint64_t ms)
{
    uint64_t until = gw_clock_ms() + ms;
    while (gw_clock_ms() < until)
        gw_loop_turn(f->loop, 5);
}

static int call_once(struct fixture *f, struct outcome *o)
{
    start(f, o, 0);
    wait_for(f, &o->ended);
    return o->status;
}

/* --- tests --- */

static void a_call_reaches_the_backend_and_its_answer_comes_back(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_OK);
    assert_string_equal(o.text, "hello");
    assert_int_equal(o.messages, 1);
    assert_int_equal(o.report.tries, 1);
    assert_string_equal(o.report.upstream, "echo");
    assert_string_equal(o.report.endpoint, f.addresses[0]);
    tear_down(&f);
}

static void calls_go_round_the_endpoints(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 3, "round_robin");
    open_upstream(&f);
    struct outcome o;
    for (int i = 0; i < 30; i++)
        assert_int_equal(call_once(&f, &o), GW_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f.backends[i].calls, 10);
    tear_down(&f);
}

static void gateways_begin_at_different_endpoints(void **state)
{
    (void)state;
    bool seen[3] = {false};
    for (int i = 0; i < 60; i++) {
        struct fixture f;
        set_up(&f, 3, "round_robin");
        open_upstream(&f);
        struct outcome o;
        assert_int_equal(call_once(&f, &o), GW_OK);
        for (size_t k = 0; k < 3; k++)
            seen[k] |= f.backends[k].calls > 0;
        tear_down(&f);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void a_dead_endpoint_costs_no_call_and_the_others_share_its_part(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 3, "round_robin");
    stop_backend(&f, 1);
    open_upstream(&f);
    struct outcome o;
    for (int i = 0; i < 30; i++)
        assert_int_equal(call_once(&f, &o), GW_OK);
    assert_in_range(f.backends[0].calls, 14, 16);
    assert_in_range(f.backends[2].calls, 14, 16);
    tear_down(&f);
}

static void with_no_endpoint_left_the_call_fails_at_once_and_says_why(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 2, "round_robin");
    stop_backend(&f, 0);
    stop_backend(&f, 1);
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    uint64_t began = gw_clock_ms();
    assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    assert_in_range(gw_clock_ms() - began, 0, 50);
    assert_int_equal(o.http_status, 503);
    assert_string_equal(o.text, "echo: no endpoint can be reached");
    char reason[160];
    snprintf(reason, sizeof(reason),
             "%s: cannot connect: Connection refused, %s: cannot connect: Connection refused",
             f.addresses[0], f.addresses[1]);
    assert_string_equal(o.reason, reason);
    tear_down(&f);
}

static void a_backend_that_comes_back_is_found_within_two_seconds(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_OK);
    stop_backend(&f, 0);
    turn_for(&f, 700);
    assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    start_backend(&f, 0);
    uint64_t began = gw_clock_ms();
    while (call_once(&f, &o) != GW_OK && gw_clock_ms() - began < 3000)
        turn_for(&f, 20);
    assert_in_range(gw_clock_ms() - began, 0, 2000);
    tear_down(&f);
}

static void an_endpoint_that_fails_and_is_back_is_told_once_each(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_OK);
    assert_int_equal(f.changes.len, 0);
    stop_backend(&f, 0);
    turn_for(&f, 700);
    for (int i = 0; i < 5; i++)
        assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    start_backend(&f, 0);
    uint64_t began = gw_clock_ms();
    while (call_once(&f, &o) != GW_OK && gw_clock_ms() - began < 3000)
        turn_for(&f, 20);
    char lines[256];
    snprintf(lines, sizeof(lines),
             "echo %s fails cannot connect: Connection refused\necho %s back \n", f.addresses[0],
             f.addresses[0]);
    assert_string_equal(gw_buf_terminate(&f.changes), lines);
    tear_down(&f);
}

static void calls_in_flight_on_a_lost_connection_fail_and_are_not_sent_again(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 2, "round_robin");
    f.backends[0].is_silent = f.backends[1].is_silent = true;
    open_upstream(&f);
    struct outcome o;
    start(&f, &o, 0);
    uint64_t limit = gw_clock_ms() + 2000;
    while (f.backends[0].calls + f.backends[1].calls == 0 && gw_clock_ms() < limit)
        gw_loop_turn(f.loop, 10);
    size_t hit = f.backends[0].calls ? 0 : 1;
    stop_backend(&f, hit);
    wait_for(&f, &o.ended);
    assert_int_equal(o.status, GW_UNAVAILABLE);
    assert_int_equal(f.backends[1 - hit].calls, 0);
    assert_int_equal(o.report.tries, 1);
    tear_down(&f);
}

static void a_backend_that_never_answers_is_given_up_after_the_timeout(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.backends[0].is_silent = true;
    open_upstream(&f);
    struct outcome o;
    uint64_t began = gw_clock_ms();
    start(&f, &o, 100);
    wait_for(&f, &o.ended);
    assert_int_equal(o.status, GW_DEADLINE_EXCEEDED);
    assert_int_equal(o.http_status, 504);
    assert_in_range(gw_clock_ms() - began, 99, 400);
    tear_down(&f);
}

static void a_call_whose_time_has_passed_is_not_sent(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    open_upstream(&f);
    turn_for(&f, 20);
    uint64_t now = gw_clock_ms();
    const struct gw_call_params late[] = {{.deadline_ms = now}, {.limit_ms = now}};
    for (size_t i = 0; i < 2; i++) {
        struct outcome o;
        start_with(&f, &o, late[i], 0);
        wait_for(&f, &o.ended);
        assert_int_equal(o.status, GW_DEADLINE_EXCEEDED);
        assert_int_equal(o.http_status, 504);
        assert_int_equal(o.report.tries, 0);
    }
    turn_for(&f, 20);
    assert_int_equal(f.backends[0].calls, 0);
    tear_down(&f);
}

static void without_a_timeout_a_call_has_the_callers_limit(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.config.timeout_ms = GW_NO_TIMEOUT;
    f.backends[0].is_silent = true;
    open_upstream(&f);
    const uint64_t timeouts[] = {0, GW_NO_TIMEOUT};
    for (size_t i = 0; i < 2; i++) {
        struct outcome o;
        uint64_t began = gw_clock_ms();
        start_with(&f, &o, (struct gw_call_params){.limit_ms = began + 100}, timeouts[i]);
        wait_for(&f, &o.ended);
        assert_int_equal(o.status, GW_DEADLINE_EXCEEDED);
        assert_in_range(gw_clock_ms() - began, 99, 400);
    }
    tear_down(&f);
}

static void
a_peer_that_accepts_and_is_silent_does_not_hold_the_call_past_the_connect_timeout(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    uint16_t port = f.backends[0].port;
    stop_backend(&f, 0);
    turn_for(&f, 20);
    int fd = bind_port(&port);
    assert_int_equal(listen(fd, 8), 0);
    open_upstream(&f);
    struct outcome o;
    uint64_t began = gw_clock_ms();
    assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    assert_in_range(gw_clock_ms() - began, 400, 1500);
    close(fd);
    tear_down(&f);
}

static void a_cancelled_call_says_no_more(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.backends[0].is_silent = true;
    open_upstream(&f);
    struct outcome waiting, flying;
    start(&f, &waiting, 0);
    gw_call_cancel(waiting.call);
    turn_for(&f, 50);
    start(&f, &flying, 0);
    turn_for(&f, 50);
    gw_call_cancel(flying.call);
    turn_for(&f, 50);
    assert_false(waiting.ended);
    assert_false(flying.ended);
    assert_int_equal(f.backends[0].calls, 1);
    tear_down(&f);
}

static void what_is_left_at_the_end_is_told(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.backends[0].is_silent = true;
    open_upstream(&f);
    struct outcome o[3];
    for (size_t i = 0; i < 3; i++)
        start(&f, &o[i], 0);
    turn_for(&f, 50);
    gw_upstreams_destroy(f.upstreams);
    f.upstreams = NULL;
    turn_for(&f, 10);
    for (size_t i = 0; i < 3; i++) {
        assert_true(o[i].ended);
        assert_int_equal(o[i].status, GW_UNAVAILABLE);
    }
    tear_down(&f);
}

static void a_call_that_waits_for_a_connection_is_told_of_the_end(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    uint16_t port = f.backends[0].port;
    stop_backend(&f, 0);
    turn_for(&f, 20);
    int fd = bind_port(&port);
    assert_int_equal(listen(fd, 8), 0);
    f.config.pool.connect_timeout_ms = 20000;
    open_upstream(&f);
    struct outcome o;
    start(&f, &o, 0);
    turn_for(&f, 50);
    assert_false(o.ended);
    gw_upstreams_destroy(f.upstreams);
    f.upstreams = NULL;
    assert_true(o.ended);
    assert_int_equal(o.status, GW_UNAVAILABLE);
    turn_for(&f, 20);
    close(fd);
    tear_down(&f);
}

static void connections_are_opened_as_long_as_calls_wait(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    stop_backend(&f, 0);
    f.backends[0].max_concurrent_streams = 1;
    start_backend(&f, 0);
    f.backends[0].is_silent = true;
    f.config.pool.max_size = 4;
    open_upstream(&f);
    struct outcome o[4];
    for (size_t i = 0; i < 4; i++)
        start(&f, &o[i], 0);
    turn_for(&f, 300);
    assert_int_equal(f.backends[0].calls, 4);
    for (size_t i = 0; i < 4; i++)
        gw_call_cancel(o[i].call);
    tear_down(&f);
}

static bool is_connected(struct fixture *f)
{
    struct gw_buf stats = GW_BUF_HEAP;
    gw_upstream_set_stats(f->set, &stats);
    bool connected = strstr(gw_buf_terminate(&stats), "\"state\":\"ready\"") != NULL;
    gw_buf_dispose(&stats);
    return connected;
}

static void the_initial_connection_outlives_the_idle_timeout(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.config.pool.idle_timeout_ms = 50;
    open_upstream(&f);
    turn_for(&f, 300);
    assert_true(is_connected(&f));
    tear_down(&f);
    set_up(&f, 1, "round_robin");
    f.config.pool.idle_timeout_ms = 50;
    f.config.pool.initial_size = 0;
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_OK);
    assert_true(is_connected(&f));
    turn_for(&f, 300);
    assert_false(is_connected(&f));
    tear_down(&f);
}

static void more_calls_than_a_connection_takes_wait_for_room(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    open_upstream(&f);
    enum { CALLS = 5000 };
    struct outcome *o = calloc(CALLS, sizeof(*o));
    for (size_t i = 0; i < CALLS; i++)
        start(&f, &o[i], 0);
    for (size_t i = 0; i < CALLS; i++) {
        wait_for(&f, &o[i].ended);
        assert_int_equal(o[i].status, GW_OK);
    }
    assert_int_equal(f.backends[0].calls, CALLS);
    free(o);
    tear_down(&f);
}

static void a_host_name_is_looked_up(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.endpoints[0].host = GW_SLICE("localhost");
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_OK);
    tear_down(&f);
}

static void an_unknown_host_name_fails_the_call_with_its_reason(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1, "round_robin");
    f.endpoints[0].host = GW_SLICE("no-such-host.invalid");
    open_upstream(&f);
    struct outcome o;
    assert_int_equal(call_once(&f, &o), GW_UNAVAILABLE);
    assert_int_equal(o.http_status, 503);
    assert_string_equal(o.text, "echo: no endpoint can be reached");
    assert_non_null(strstr(o.reason, f.addresses[0]));
    tear_down(&f);
}

/* Takes the place of libc's also for libh2o: looking up "hangs" takes until it may end. */
static int may_end;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool hangs = strcmp(name, "hangs") == 0;
    while (hangs && !__atomic_load_n(&may_end, __ATOMIC_SEQ_CST))
        usleep(1000);
    return real(hangs ? "127.0.0.1" : name, service, hints, ret_list);
}

static void
a_host_name_that_is_looked_up_for_too_long_is_passed_over_until_it_is_found(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 2, "round_robin");
    f.endpoints[0].host = GW_SLICE("hangs");
    open_upstream(&f);
    struct outcome o;
    uint64_t began = gw_clock_ms();
    for (int i = 0; i < 4; i++)
        assert_int_equal(call_once(&f, &o), GW_OK);
    assert_in_range(gw_clock_ms() - began, 400, 1500);
    assert_int_equal(f.backends[1].calls, 4);
    __atomic_store_n(&may_end, 1, __ATOMIC_SEQ_CST);
    while (f.backends[0].calls == 0 && gw_clock_ms() - began < 5000)
        assert_int_equal(call_once(&f, &o), GW_OK);
    assert_int_equal(f.backends[0].calls, 1);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_reaches_the_backend_and_its_answer_comes_back),
        cmocka_unit_test(calls_go_round_the_endpoints),
        cmocka_unit_test(gateways_begin_at_different_endpoints),
        cmocka_unit_test(a_dead_endpoint_costs_no_call_and_the_others_share_its_part),
        cmocka_unit_test(with_no_endpoint_left_the_call_fails_at_once_and_says_why),
        cmocka_unit_test(a_backend_that_comes_back_is_found_within_two_seconds),
        cmocka_unit_test(an_endpoint_that_fails_and_is_back_is_told_once_each),
        cmocka_unit_test(calls_in_flight_on_a_lost_connection_fail_and_are_not_sent_again),
        cmocka_unit_test(a_backend_that_never_answers_is_given_up_after_the_timeout),
        cmocka_unit_test(a_call_whose_time_has_passed_is_not_sent),
        cmocka_unit_test(without_a_timeout_a_call_has_the_callers_limit),
        cmocka_unit_test(
            a_peer_that_accepts_and_is_silent_does_not_hold_the_call_past_the_connect_timeout),
        cmocka_unit_test(a_cancelled_call_says_no_more),
        cmocka_unit_test(what_is_left_at_the_end_is_told),
        cmocka_unit_test(a_call_that_waits_for_a_connection_is_told_of_the_end),
        cmocka_unit_test(connections_are_opened_as_long_as_calls_wait),
        cmocka_unit_test(the_initial_connection_outlives_the_idle_timeout),
        cmocka_unit_test(more_calls_than_a_connection_takes_wait_for_room),
        cmocka_unit_test(a_host_name_is_looked_up),
        cmocka_unit_test(an_unknown_host_name_fails_the_call_with_its_reason),
        cmocka_unit_test(
            a_host_name_that_is_looked_up_for_too_long_is_passed_over_until_it_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
