/* The client against an independent implementation: a server by python3-grpcio. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "record.h"

static const char *build_root;
static pid_t server_pid;
static int server_stdin;
static uint16_t server_port;

/* __FILE__ is relative to the build root, or absolute. */
static void script_path(char *out, size_t capacity)
{
    const char *slash = strrchr(__FILE__, '/');
    snprintf(out, capacity, "%s%s%.*s/grpcio_server.py", __FILE__[0] == '/' ? "" : build_root,
             __FILE__[0] == '/' ? "" : "/", (int)(slash - __FILE__), __FILE__);
}

static int start_server(void **state)
{
    (void)state;
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    char path[4096];
    script_path(path, sizeof(path));
    char python[] = "/usr/bin/python3", *argv[] = {python, path, NULL};
    assert_int_equal(posix_spawn(&server_pid, python, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    server_stdin = in[1];

    FILE *printed = fdopen(out[0], "r");
    char line[16] = "";
    assert_non_null(fgets(line, sizeof(line), printed));
    fclose(printed);
    server_port = (uint16_t)atoi(line);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    close(server_stdin);
    kill(server_pid, SIGTERM);
    waitpid(server_pid, NULL, 0);
    return 0;
}

static struct gw_call_params method(struct record *r, const char *path)
{
    struct gw_call_params params = params_for(r);
    params.path = gw_slice_str(path);
    return params;
}

/* `body` is framed into a buffer that lives until the next call of this function. */
static struct gw_slice framed(struct gw_slice body)
{
    static struct gw_buf buf;
    buf.len = 0;
    gw_grpc_prefix_write(gw_buf_reserve(&buf, GW_GRPC_PREFIX_BYTES), (uint32_t)body.len);
    buf.len = GW_GRPC_PREFIX_BYTES;
    gw_buf_append(&buf, body);
    return gw_buf_slice(&buf);
}

static struct record *run_unary(size_t i, const char *path, const char *body)
{
    struct gw_call_params params = method(&fx.records[i], path);
    struct record *r = start_with(i, &params);
    gw_call_send(r->call, framed(gw_slice_str(body)), GW_SEND_END);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(r->ended);
    return r;
}

static int setup(void **state)
{
    fixture_setup(state);
    fixture_connect_to(server_port, 5000);
    return 0;
}

static void a_unary_call(void **state)
{
    (void)state;
    struct record *r = run_unary(0, "/test.v1.Test/Echo", "hello");
    assert_int_equal(r->result.status, GW_OK);
    assert_text(r->bytes, "hello");
    r = run_unary(1, "/test.v1.Test/Echo", "");
    assert_int_equal(r->messages, 1);
    assert_text(r->bytes, "");
}

static void metadata_and_trailers(void **state)
{
    (void)state;
    static const struct gw_metadatum metadata[] = {
        {{"x-one", 5}, {"1", 1}},
        {{"x-bytes-bin", 11}, {"AAEC", 4}},
        {{"x-one", 5}, {"2", 1}},
    };
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Echo");
    params.metadata = (struct gw_metadata){metadata, 3};
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, framed(GW_SLICE("m")), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
    assert_true(contains(&r->header_text, "x-one: 1\n"));
    assert_true(contains(&r->header_text, "x-one: 2\n"));
    assert_true(contains(&r->header_text, "x-bytes-bin: AAEC\n"));
    assert_true(contains(&r->trailer_text, "x-tail: t\n"));
    assert_true(contains(&r->trailer_text, "x-tail-bin: AAEC\n"));
}

static void a_status_with_message_and_details(void **state)
{
    (void)state;
    struct record *r = run_unary(0, "/test.v1.Test/Fail", "x");
    assert_int_equal(r->result.status, GW_NOT_FOUND);
    assert_true(r->result.from_peer);
    assert_text(r->message, "no \xc3\xa9t\xc3\xa9 100%");
    assert_text(r->details, "\x08\x05\x12\x02no");
    assert_true(contains(&r->trailer_text, "x-tail: t\n"));
}

static void an_unknown_method_is_unimplemented(void **state)
{
    (void)state;
    struct record *r = run_unary(0, "/test.v1.Test/Nothing", "x");
    assert_int_equal(r->result.status, GW_UNIMPLEMENTED);
    assert_true(r->result.from_peer);
}

static void the_deadline_arrives(void **state)
{
    (void)state;
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Remaining");
    params.deadline_ms = gw_clock_ms() + 30000;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, framed(GW_SLICE("x")), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    double seconds = strtod(gw_buf_terminate(&r->bytes), NULL);
    assert_true(seconds > 20 && seconds < 30.1);
}

static int looked_up(size_t i, const char *name)
{
    record_dispose(&fx.records[i]);
    fx.records[i] = (struct record){0};
    return atoi(gw_buf_terminate(&run_unary(i, "/test.v1.Test/Look", name)->bytes));
}

static void a_deadline_and_a_cancel_reach_the_server(void **state)
{
    (void)state;
    int before = looked_up(7, "cancelled");
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Sleep");
    params.deadline_ms = gw_clock_ms() + 100;
    struct record *late = start_with(0, &params);
    gw_call_send(late->call, GW_SLICE("\0\0\0\0\0"), GW_SEND_END);
    params = method(&fx.records[1], "/test.v1.Test/Sleep");
    struct record *cancelled = start_with(1, &params);
    gw_call_send(cancelled->call, GW_SLICE("\0\0\0\0\0"), GW_SEND_END);
    run_until(late->ended);
    assert_int_equal(late->result.status, GW_DEADLINE_EXCEEDED); /* by whichever side is first */
    gw_call_cancel(cancelled->call);
    run_until(looked_up(7, "cancelled") == before + 2);
    assert_int_equal(cancelled->ended, 0);
}

static void a_stream_of_answers_holds_the_server_back(void **state)
{
    (void)state;
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Count");
    struct record *r = start_with(0, &params);
    /* 200 MB, were it all sent. */
    gw_call_send(r->call, framed(GW_SLICE("20000 10000")), GW_SEND_END);
    gw_call_request(r->call, 10);
    run_until(r->messages == 10);
    run_for(300);
    assert_int_equal(r->messages, 10);
    int yielded = looked_up(7, "yielded");
    assert_in_range(yielded, 10, 1000);
    gw_call_request(r->call, 10);
    run_until(r->messages == 20);
    assert_memory_equal(r->bytes.base + 19 * 10000, "00000019", 8);
    gw_call_cancel(r->call);
}

static void a_stream_of_answers_is_read_to_its_end(void **state)
{
    (void)state;
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Count");
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, framed(GW_SLICE("3000 1000")), GW_SEND_END);
    gw_call_request(r->call, GW_REQUEST_ALL);
    run_until(r->ended);
    assert_int_equal(r->messages, 3000);
    assert_int_equal(r->bytes.len, 3000 * 1000);
    assert_int_equal(r->result.status, GW_OK);
}

static void send_five_more(struct record *r)
{
    if (r->sent < 5)
        gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    else
        gw_call_send(r->call, gw_slice(NULL, 0), GW_SEND_END);
}

static void a_stream_of_requests(void **state)
{
    (void)state;
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Collect");
    fx.records[0].on_sent = send_five_more;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_text(r->bytes, "5 20");
}

static void send_until_ten(struct record *r, struct gw_slice message)
{
    assert_int_equal(message.len, 4);
    if (r->messages < 10)
        gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    else
        gw_call_send(r->call, gw_slice(NULL, 0), GW_SEND_END);
    gw_call_request(r->call, 1);
}

static void messages_both_ways_in_turn(void **state)
{
    (void)state;
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Chat");
    fx.records[0].on_message = send_until_ten;
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, GW_SLICE("\0\0\0\0\4ping"), GW_SEND_MORE);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_int_equal(r->messages, 10);
    assert_memory_equal(r->bytes.base, "PINGPING", 8);
    assert_int_equal(r->result.status, GW_OK);
}

static void big_messages_both_ways(void **state)
{
    (void)state;
    static char body[3 << 20];
    memset(body, 'r', sizeof(body));
    struct gw_call_params params = method(&fx.records[0], "/test.v1.Test/Echo");
    struct record *r = start_with(0, &params);
    gw_call_send(r->call, framed(gw_slice(body, sizeof(body))), GW_SEND_END);
    gw_call_request(r->call, 1);
    run_until(r->ended);
    assert_int_equal(r->result.status, GW_OK);
    assert_int_equal(r->bytes.len, sizeof(body));
    assert_memory_equal(r->bytes.base, body, sizeof(body));
}

static void an_answer_over_the_limit(void **state)
{
    (void)state;
    struct record *r = run_unary(0, "/test.v1.Test/Big", "4194305");
    assert_int_equal(r->result.status, GW_RESOURCE_EXHAUSTED);
    assert_int_equal(r->result.http_status, 502);
    assert_false(r->result.from_peer);
    r = run_unary(1, "/test.v1.Test/Big", "4194304");
    assert_int_equal(r->result.status, GW_OK);
    assert_int_equal(r->bytes.len, 4194304);
}

static int many_done;

static void count_done(struct record *r)
{
    many_done++;
    assert_int_equal(r->result.status, GW_OK);
}

static void many_calls_at_once(void **state)
{
    (void)state;
    static struct record many[500];
    many_done = 0;
    for (size_t i = 0; i < 500; i++) {
        many[i] = (struct record){.on_end = count_done};
        struct gw_call_params params = method(&many[i], "/test.v1.Test/Echo");
        many[i].call = gw_grpc_client_start(fx.client, &params);
        gw_call_send(many[i].call, GW_SLICE("\0\0\0\0\4many"), GW_SEND_END);
        gw_call_request(many[i].call, 1);
    }
    run_until(many_done == 500);
    for (size_t i = 0; i < 500; i++) {
        assert_text(many[i].bytes, "many");
        record_dispose(&many[i]);
    }
}

int main(int argc, char **argv)
{
    build_root = argc > 1 ? argv[1] : ".";
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call),
        TEST(metadata_and_trailers),
        TEST(a_status_with_message_and_details),
        TEST(an_unknown_method_is_unimplemented),
        TEST(the_deadline_arrives),
        TEST(a_deadline_and_a_cancel_reach_the_server),
        TEST(a_stream_of_answers_holds_the_server_back),
        TEST(a_stream_of_answers_is_read_to_its_end),
        TEST(a_stream_of_requests),
        TEST(messages_both_ways_in_turn),
        TEST(big_messages_both_ways),
        TEST(an_answer_over_the_limit),
        TEST(many_calls_at_once),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
