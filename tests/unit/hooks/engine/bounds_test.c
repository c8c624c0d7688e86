/* Hooks that take too much: memory, or their worker. */
#include "../world.h"

#include <pthread.h>
#include <sys/wait.h>

#define ON_REQUEST(code) "Class.new do\n  def on_request(req)\n" code "\n  end\nend.new\n"
/* Does what the header x-do says. */
#define SWITCH(code)                                                                               \
    ON_REQUEST("case req.headers['x-do']\n"                                                        \
               "when 'bad'\n" code "\n"                                                            \
               "when 'wait'\nSluice.sleep(2)\n"                                                    \
               "else req.ctx[:n] = (@n = (@n || 0) + 1)\nend")

static void say(struct host *host, const char *what)
{
    host_set_field(&host->super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-do"), gw_slice_str(what));
}

static enum gw_hook_outcome run(struct world *w, const char *what, int *ret_http_status)
{
    struct host h;
    open_host(&h, w, 0);
    say(&h, what);
    enum gw_hook_outcome outcome = request(&h);
    *ret_http_status = outcome == GW_HOOK_FAILED ? gw_hook_call_failure(h.call)->http_status : 0;
    close_host(&h);
    return outcome;
}

/* --- memory --- */

static const char *const bombs[] = {
    "a = []\nloop { a << 'x' * 100 }",
    "s = 'x'\nloop { s << s }",
    "h = {}\nn = 0\nloop { h[n += 1] = n.to_s * 10 }",
    "'x' * 100_000_000",
    "Array.new(100_000_000)",
    "def f(n); f(n + 1) + f(n + 1); end\na = []\nloop { a << [a, a.dup] }",
    "begin\na = []\nloop { a << 'x' * 10_000 }\nrescue NoMemoryError\nend\nreq.ctx[:ok] = 1",
    "Sluice.all(-> { Sluice.sleep(1) }, -> { 'x' * 100_000_000 })",
    "req.message['shelf'] = 'x' * 5_000_000\nreq.message['shelf'] *= 2",
};

static void a_memory_bomb_ends_with_500_and_the_next_request_is_served(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bombs) / sizeof(*bombs); i++) {
        struct world w;
        char file[1024];
        int status;
        snprintf(file, sizeof(file), SWITCH("%s"), bombs[i]);
        open_world(&w, (const char *const[]){file, NULL}, 0, "hook_limits: {memory: 8MiB}\n");
        for (int k = 0; k < 3; k++) {
            assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
            assert_int_equal(status, 500);
            assert_int_equal(run(&w, "count", &status), GW_HOOK_GO_ON);
        }
        assert_true(has_logged(&w, "more than hook_limits.memory"));
        assert_string_equal(metric(&w, "hooks_vm_rebuilds_total"), "hooks_vm_rebuilds_total 3");
        close_world(&w);
    }
}

static void garbage_is_no_reason_to_drop_the_vm(void **state)
{
    struct world w;
    int status;
    (void)state;
    open_world(
        &w,
        (const char *const[]){SWITCH("200.times { 'x' * 300_000 }\na = []\n"
                                     "50.times { a << 'y' * 100_000; a.clear if a.size > 20 }"),
                              NULL},
        0, "hook_limits: {memory: 8MiB}\n");
    for (int i = 0; i < 5; i++)
        assert_int_equal(run(&w, "bad", &status), GW_HOOK_GO_ON);
    assert_string_equal(metric(&w, "hooks_vm_rebuilds_total"), "hooks_vm_rebuilds_total 0");
    close_world(&w);
}

static void other_waiting_calls_end_with_500(void **state)
{
    struct world w;
    struct host waiting, between, over;
    int status;
    (void)state;
    open_world(&w, (const char *const[]){SWITCH("'x' * 100_000_000"), NULL}, 0,
               "hook_limits: {memory: 8MiB}\n");
    open_host(&over, &w, 0);
    assert_int_equal(request(&over), GW_HOOK_GO_ON);
    close_host(&over);
    open_host(&between, &w, 0);
    assert_int_equal(request(&between), GW_HOOK_GO_ON);
    open_host(&waiting, &w, 0);
    say(&waiting, "wait");
    assert_int_equal(gw_hook_call_on_request(waiting.call), GW_HOOK_WAITING);

    assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
    assert_int_equal(waiting.resumed, 0);
    await(&waiting);
    assert_int_equal(waiting.outcome, GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(waiting.call)->http_status, 500);

    /* Its hooks of the answer may count on what those of the request left. */
    struct gw_hook_error error = {.http_status = 404, .code = GW_NOT_FOUND};
    assert_int_equal(gw_hook_call_on_error(between.call, &error), GW_HOOK_GO_ON);
    assert_int_equal(gw_hook_call_on_request(between.call), GW_HOOK_FAILED);
    close_host(&waiting);
    close_host(&between);
    close_world(&w);
}

static void a_proc_of_all_may_lose_the_vm_for_several(void **state)
{
    struct world w;
    struct host waiting, bad, last;
    (void)state;
    open_world(&w,
               (const char *const[]){
                   SWITCH("Sluice.all(-> { Sluice.sleep(0.01); 'x' * 100_000_000 }, -> {})"), NULL},
               0, "hook_limits: {memory: 8MiB}\n");
    struct host *hosts[] = {&waiting, &bad, &last};
    for (int i = 0; i < 3; i++) {
        open_host(hosts[i], &w, 0);
        say(hosts[i], i == 1 ? "bad" : "wait");
        assert_int_equal(gw_hook_call_on_request(hosts[i]->call), GW_HOOK_WAITING);
    }
    await(&bad);
    for (int i = 0; i < 3; i++)
        gw_loop_turn(w.loop, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hosts[i]->resumed, 1);
        assert_int_equal(hosts[i]->outcome, GW_HOOK_FAILED);
        close_host(hosts[i]);
    }
    close_world(&w);
}

static void a_client_that_leaves_as_the_vm_is_dropped_is_not_called(void **state)
{
    struct world w;
    struct host waiting;
    int status;
    (void)state;
    open_world(&w, (const char *const[]){SWITCH("'x' * 100_000_000"), NULL}, 0,
               "hook_limits: {memory: 8MiB}\n");
    open_host(&waiting, &w, 0);
    say(&waiting, "wait");
    assert_int_equal(gw_hook_call_on_request(waiting.call), GW_HOOK_WAITING);
    assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
    close_host(&waiting);
    for (int i = 0; i < 5; i++)
        gw_loop_turn(w.loop, 1);
    assert_int_equal(waiting.resumed, 0);
    close_world(&w);
}

/* As where another hook has held up the worker, and the VM went with it. */
static void a_lost_call_whose_time_is_up_ends_once(void **state)
{
    struct world w;
    struct host waiting;
    int status;
    (void)state;
    open_world(&w, (const char *const[]){SWITCH("'x' * 100_000_000"), NULL}, 0,
               "hook_limits: {memory: 8MiB, time: 20ms}\n");
    open_host(&waiting, &w, 0);
    say(&waiting, "wait");
    assert_int_equal(gw_hook_call_on_request(waiting.call), GW_HOOK_WAITING);
    assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
    usleep(30 * 1000);
    await(&waiting);
    assert_int_equal(gw_hook_call_failure(waiting.call)->http_status, 500);
    for (int i = 0; i < 5; i++)
        gw_loop_turn(w.loop, 1);
    assert_int_equal(waiting.resumed, 1);
    close_host(&waiting);
    close_world(&w);
}

/* The Ruby is not at its limit: what it has made lies elsewhere. */
static void what_hooks_make_for_a_request_is_bounded_too(void **state)
{
    static const char *const codes[] = {
        "loop { res.body = 'x' * 100_000 }",
        "n = 0\nloop { res.message['title'] = (n += 1).to_s * 10_000; res.body }",
        "loop { req.headers['x'] = 'y' }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[512];
        snprintf(file, sizeof(file),
                 "Class.new do\n  def on_response(req, res)\n%s\n  end\nend.new\n", codes[i]);
        open_world(&w, (const char *const[]){file, NULL}, 0, "hook_limits: {memory: 4MiB}\n");
        open_host(&h, &w, 0);
        struct gw_hook_response response = {.http_status = 200, .message = GW_SLICE("\n\002b1")};
        assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_FAILED);
        assert_string_equal(metric(&w, "hooks_vm_rebuilds_total"), "hooks_vm_rebuilds_total 0");
        close_host(&h);
        close_world(&w);
    }
}

/* --- a hook that never ends --- */

struct control {
    pthread_t thread;
    struct gw_loop *loop;
    struct gw_hook_set *set;
    struct gw_metrics_shard *shard;
    struct gw_message stop;
    char log[4096];
};

static void control_log(void *arg, struct gw_slice line)
{
    struct control *c = arg;
    snprintf(c->log, sizeof(c->log), "%.*s", GW_SLICE_ARG(line));
}

static void *control(void *arg)
{
    struct control *c = arg;
    struct gw_hook_watchdog *watchdog =
        gw_hook_watchdog_create(c->set, c->loop, c->shard, control_log, c);
    gw_loop_run(c->loop);
    gw_hook_watchdog_destroy(watchdog);
    return NULL;
}

static void start_control(struct control *c, struct world *w)
{
    *c = (struct control){.set = w->set, .shard = gw_metrics_shard(w->metrics, 1)};
    c->loop = gw_loop_create();
    assert_int_equal(pthread_create(&c->thread, NULL, control, c), 0);
}

static void stop_control(struct control *c)
{
    gw_loop_stop(c->loop);
    pthread_join(c->thread, NULL);
    gw_loop_destroy(c->loop);
}

static const char *const loops[] = {
    "loop { }",
    "while true; end",
    "begin\nloop { }\nrescue Exception\nretry\nensure\nloop { }\nend",
    "a = (1..1000).to_a\nloop { a.sort { |x, y| y <=> x } }",
    "loop { 'x' * 1000 }",
    "loop { req.headers.delete('x' + req.headers['accept'][0]) }",
    "loop { req.headers.to_a }",
    "loop { req.message['shelf'] }",
    "loop { JSON.parse(JSON.generate({'a' => [1, 2.5, nil]})) }",
    "loop { 'abcabc' =~ /(b)(c)/ }",
    "loop { sprintf('%.3f %s', 1.5, [1]) }",
    "Sluice.sleep(0)\nloop { }",
    "Sluice.all(-> { Sluice.sleep(1) }, -> { loop { } })",
    "Fiber.new { loop { } }.resume",
};

/* ThreadSanitizer keeps signals back from code that is not its own, such as Ruby's. */
static void skip_without_signals(void)
{
#ifdef __SANITIZE_THREAD__
    skip();
#endif
}

static void a_hook_that_never_ends_is_ended(void **state)
{
    (void)state;
    skip_without_signals();
    for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
        struct world w;
        struct control c;
        char file[1024];
        int status;
        snprintf(file, sizeof(file), SWITCH("%s"), loops[i]);
        open_world(&w, (const char *const[]){file, NULL}, 0,
                   "hook_limits: {time: 100ms, kill_after: 10s}\n");
        start_control(&c, &w);
        struct host waiting;
        open_host(&waiting, &w, 0);
        say(&waiting, "wait");
        for (int k = 0; k < 2; k++) {
            uint64_t began = gw_loop_now_ms(w.loop);
            assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
            assert_int_equal(status, 504);
            assert_true(gw_clock_ms() - began < 2000);
            assert_int_equal(run(&w, "count", &status), GW_HOOK_GO_ON);
        }
        close_host(&waiting);
        stop_control(&c);
        assert_non_null(strstr(c.log, "/a.rb\",\"text\":\"the hook holds up its worker"));
        assert_non_null(strstr(metric(&w, "hooks_blocked_total{"), "} 2"));
        assert_non_null(strstr(metric(&w, "hooks_timeouts_total{"), "} 2"));
        close_world(&w);
    }
}

static void many_endless_loops_leave_nothing_behind(void **state)
{
    struct world w;
    struct control c;
    int status;
    (void)state;
    skip_without_signals();
    open_world(&w,
               (const char *const[]){
                   SWITCH("loop { req.headers.delete([req.params, 'y' * 99].join) }"), NULL},
               0, "hook_limits: {time: 1ms, kill_after: 10s}\n");
    start_control(&c, &w);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(run(&w, "bad", &status), GW_HOOK_FAILED);
        assert_int_equal(status, 504);
        assert_int_equal(run(&w, "count", &status), GW_HOOK_GO_ON);
    }
    stop_control(&c);
    close_world(&w);
}

/* Where it may not be left: the host itself never comes back. */
static const char *endless_set(struct gw_hook_host *host, enum gw_hook_fields kind,
                               struct gw_slice name, struct gw_slice value)
{
    (void)host, (void)kind, (void)name, (void)value;
    for (;;)
        usleep(1000);
    return NULL;
}

static void be_killed(void)
{
    struct world w;
    struct control c;
    struct host h;
    struct gw_hook_host_ops ops = host_ops;
    ops.set_field = endless_set;
    open_world(&w, (const char *const[]){ON_REQUEST("req.headers['x'] = '1'"), NULL}, 0,
               "hook_limits: {time: 20ms, kill_after: 200ms}\n");
    start_control(&c, &w);
    open_host(&h, &w, 0);
    h.super.ops = &ops;
    gw_hook_call_on_request(h.call);
    _exit(99);
}

static void a_hook_that_cannot_be_ended_ends_the_process(void **state)
{
    int fds[2], status;
    char text[512] = "";
    size_t length = 0;
    ssize_t n;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        be_killed();
    }
    close(fds[1]);
    while ((n = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(text, "/a.rb has held up its worker for 2"));
    assert_non_null(strstr(text, "(hook_limits.kill_after): the process ends\n"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hook_that_cannot_be_ended_ends_the_process),
        cmocka_unit_test(a_memory_bomb_ends_with_500_and_the_next_request_is_served),
        cmocka_unit_test(garbage_is_no_reason_to_drop_the_vm),
        cmocka_unit_test(what_hooks_make_for_a_request_is_bounded_too),
        cmocka_unit_test(other_waiting_calls_end_with_500),
        cmocka_unit_test(a_proc_of_all_may_lose_the_vm_for_several),
        cmocka_unit_test(a_client_that_leaves_as_the_vm_is_dropped_is_not_called),
        cmocka_unit_test(a_lost_call_whose_time_is_up_ends_once),
        cmocka_unit_test(a_hook_that_never_ends_is_ended),
        cmocka_unit_test(many_endless_loops_leave_nothing_behind),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
