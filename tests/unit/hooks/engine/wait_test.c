/* Hooks that wait: for time, for calls, for each other. */
#include "../world.h"

#define ON_REQUEST(code) "Class.new do\n  def on_request(req)\n" code "\n  end\nend.new\n"
#define GET "library.v1.Library/GetBook"

static struct gw_slice ctx_of(struct host *host)
{
    struct gw_buf ctx = gw_buf_in_pool(&host->pool);
    gw_hook_call_append_ctx(host->call, &ctx);
    return gw_buf_slice(&ctx);
}

/* --- sleep --- */

static void a_hook_sleeps_without_holding_up_others(void **state)
{
    struct world w;
    struct host slow, quick;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.sleep(0.05) if req.headers['x-slow']\n"
                              "req.ctx[:done] = 1"));
    open_host(&slow, &w, 0);
    host_add_field(&slow.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-slow"), GW_SLICE("1"));
    open_host(&quick, &w, 0);
    uint64_t began = gw_loop_now_ms(w.loop);
    assert_int_equal(gw_hook_call_on_request(slow.call), GW_HOOK_WAITING);
    assert_int_equal(gw_hook_call_on_request(quick.call), GW_HOOK_GO_ON);
    assert_int_equal(slow.resumed, 0);
    await(&slow);
    assert_true(gw_clock_ms() - began >= 50);
    assert_int_equal(slow.outcome, GW_HOOK_GO_ON);
    assert_slice(ctx_of(&slow), "{\"done\":1}");
    assert_slice(ctx_of(&quick), "{\"done\":1}");
    close_host(&slow);
    close_host(&quick);
    close_world(&w);
}

static void the_chain_goes_on_after_a_wait(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.sleep(0)\nreq.message['shelf'] = 's2'"),
               ON_REQUEST("Sluice.sleep(0)\nSluice.sleep(0)\nreq.ctx[:s] = req.message['shelf']"),
               ON_REQUEST("req.reply(204)"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    assert_int_equal(h.resumed, 1);
    assert_int_equal(h.replacements, 1);
    assert_slice(ctx_of(&h), "{\"s\":\"s2\"}");
    close_host(&h);
    close_world(&w);
}

static void a_response_may_wait_too(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "Class.new do\n"
                   "  def on_response(req, res)\n"
                   "    Sluice.sleep(0)\n    res.message['id'] = 'x'\n  end\n"
                   "  def on_error(req, error)\n"
                   "    Sluice.sleep(0)\n    error.message = 'y'\n  end\n"
                   "end.new\n");
    open_host(&h, &w, 0);
    struct gw_hook_response response = {.http_status = 200, .message = GW_SLICE("\n\002b1")};
    assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_WAITING);
    await(&h);
    assert_int_equal(h.outcome, GW_HOOK_GO_ON);
    assert_slice(response.message, "\n\001x");
    struct gw_hook_error error = {.http_status = 404, .code = GW_NOT_FOUND};
    assert_int_equal(gw_hook_call_on_error(h.call, &error), GW_HOOK_WAITING);
    await(&h);
    assert_slice(error.message, "y");
    close_host(&h);
    close_world(&w);
}

static void a_hundred_wait_at_once(void **state)
{
    static struct host hosts[100];
    struct world w;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("3.times { |i| Sluice.sleep(0.001 * i) }\n"
                              "req.headers['x'] = req.message['shelf']"));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            open_host(&hosts[i], &w, 0);
            assert_int_equal(gw_hook_call_on_request(hosts[i].call), GW_HOOK_WAITING);
        }
        for (int i = 0; i < 100; i++) {
            if (hosts[i].resumed == 0)
                await(&hosts[i]);
        }
        for (int i = 0; i < 100; i++) {
            assert_int_equal(hosts[i].outcome, GW_HOOK_GO_ON);
            assert_field(&hosts[i], GW_HOOK_REQUEST_HEADERS, "x", "s1");
            close_host(&hosts[i]);
        }
    }
    close_world(&w);
}

/* --- leaving --- */

static void a_client_that_leaves_ends_what_its_hooks_wait_for(void **state)
{
    static const char *const codes[] = {
        "Sluice.sleep(3)",
        "Sluice.call('" GET "', {'name' => 'never'})",
        "Sluice.all(-> { Sluice.sleep(3) }, -> { Sluice.call('" GET "', {'name' => 'never'}) },\n"
        "  -> { Sluice.all(-> { Sluice.sleep(3) }) })",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[512];
        snprintf(file, sizeof(file), ON_REQUEST("return if req.headers['x-quick']\n%s"), codes[i]);
        OPEN_WORLD(&w, file);
        for (int turns = 0; turns < 4; turns += 3) {
            open_host(&h, &w, 0);
            assert_int_equal(gw_hook_call_on_request(h.call), GW_HOOK_WAITING);
            for (int k = 0; k < turns * 20; k++)
                gw_loop_turn(w.loop, 1);
            close_host(&h);
            assert_int_equal(h.resumed, 0);
        }
        uint64_t end = gw_clock_ms() + 2000;
        while (w.backend_closed < w.backend_calls && gw_clock_ms() < end)
            gw_loop_turn(w.loop, 5);
        assert_int_equal(w.backend_closed, w.backend_calls);
        open_host(&h, &w, 0);
        host_add_field(&h.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-quick"), GW_SLICE("1"));
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        close_host(&h);
        close_world(&w);
    }
}

static void a_call_may_be_destroyed_when_it_is_resumed(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.all(-> { Sluice.sleep(0) }, -> { 1 })"));
    for (int i = 0; i < 3; i++) {
        open_host(&h, &w, 0);
        h.destroys_when_resumed = true;
        assert_int_equal(gw_hook_call_on_request(h.call), GW_HOOK_WAITING);
        await(&h);
        close_host(&h);
    }
    close_world(&w);
}

static void each_hook_keeps_its_last_match_while_it_waits(void **state)
{
    struct world w;
    struct host first, second;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("before = $~.inspect\n"
                              "req.headers['x-text'] =~ /(.)(.)/\n"
                              "Sluice.sleep(0.01)\n"
                              "req.ctx[:seen] = [before, $1, $2, $~.to_s].join('|')"));
    open_host(&first, &w, 0);
    host_add_field(&first.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-text"), GW_SLICE("ab"));
    open_host(&second, &w, 0);
    host_add_field(&second.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-text"), GW_SLICE("c"));
    assert_int_equal(gw_hook_call_on_request(first.call), GW_HOOK_WAITING);
    assert_int_equal(gw_hook_call_on_request(second.call), GW_HOOK_WAITING);
    while (first.resumed + second.resumed < 2)
        gw_loop_turn(w.loop, 10);
    assert_slice(ctx_of(&first), "{\"seen\":\"nil|a|b|ab\"}");
    assert_slice(ctx_of(&second), "{\"seen\":\"nil|||\"}");
    close_host(&first);
    close_host(&second);
    close_world(&w);
}

/* --- calls --- */

static void a_hook_calls_a_method(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("book = Sluice.call('" GET "', {name: 'b9'}, timeout: 2,\n"
                              "  metadata: {'x-y' => 'z'})\n"
                              "req.ctx[:b] = book.inspect"));
    open_host(&h, &w, 0);
    static const struct gw_metadatum trace[] = {{{"x-trace-id", 10}, {"abc", 3}, GW_INDEX_NOT}};
    h.super.trace = (struct gw_metadata){trace, 1};
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"b\":\"{\\\"id\\\"=>\\\"b9\\\", \\\"title\\\"=>\\\"\\\"}\"}");
    assert_int_equal(w.backend_calls, 1);
    assert_string_equal(w.backend_trace, "abc");
    close_host(&h);
    close_world(&w);
}

static void a_call_that_fails_raises(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("begin\n"
                              "  Sluice.call('" GET "', {'name' => 'missing'})\n"
                              "rescue Sluice::RPCError => e\n"
                              "  req.ctx[:e] = [e.code, e.message, e.details].inspect\n"
                              "end\n"
                              "begin\n"
                              "  Sluice.call('" GET "', {'name' => 'never'}, timeout: 0.05)\n"
                              "rescue Sluice::RPCError => e\n"
                              "  req.ctx[:late] = e.code\n"
                              "end\n"
                              "begin\n"
                              "  Sluice.call('" GET "', {'name' => 'x'}, upstream: 'archive')\n"
                              "rescue Sluice::RPCError => e\n"
                              "  req.ctx[:down] = e.code\n"
                              "end\n"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"e\":\"[5, \\\"no such book\\\", []]\",\"late\":4,\"down\":14}");
    close_host(&h);
    close_world(&w);
}

static void an_error_of_a_call_that_nobody_takes_is_the_hooks(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.call('" GET "', {'name' => 'missing'})"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_true(has_logged(&w, "Sluice::RPCError: no such book"));
    assert_true(has_logged(&w, "/a.rb:3:in on_request\"]"));
    close_host(&h);
    close_world(&w);
}

static void a_call_that_cannot_be_made_says_why(void **state)
{
    static const char *const codes[][2] = {
        {"Sluice.call('a.B/C')", "unknown method \\\"a.B/C\\\""},
        {"Sluice.call('library.v1.Library/Watch')", "streams, expected a unary method"},
        {"Sluice.call('library.v1.Library/Internal')", "no route leads to"},
        {"Sluice.call('" GET "', {}, upstream: 'x')", "unknown upstream \\\"x\\\""},
        {"Sluice.call('" GET "', {'name' => 1})", "name: expected a string, found 1"},
        {"Sluice.call('" GET "', {'nam' => 1})", "GetBook: "},
        {"Sluice.call('" GET "', {}, timeout: 0)", "a timeout is more than 0"},
        {"Sluice.call('" GET "', {}, metadata: {'te' => 'x'})", "\\\"te\\\" cannot be sent"},
        {"Sluice.call('" GET "', {}, metadata: 5)", "TypeError"},
        {"Sluice.all(5)", "undefined method 'call'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[512];
        snprintf(file, sizeof(file), ON_REQUEST("%s"), codes[i][0]);
        OPEN_WORLD(&w, file);
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_FAILED);
        if (!has_logged(&w, codes[i][1]))
            print_message("%s: %s", codes[i][0], w.log);
        assert_true(has_logged(&w, codes[i][1]));
        close_host(&h);
        close_world(&w);
    }
}

static void any_method_can_be_called_with_an_upstream(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               ON_REQUEST("begin\n"
                          "Sluice.call('library.v1.Library/Internal', {}, upstream: 'library')\n"
                          "rescue Sluice::RPCError => e\nreq.ctx[:e] = e.code\nend"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"e\":12}");
    close_host(&h);
    close_world(&w);
}

/* --- all --- */

static void several_at_once_give_their_values_in_order(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("values = Sluice.all(\n"
                              "  -> { Sluice.sleep(0.1); 1 },\n"
                              "  -> { Sluice.call('" GET "', {'name' => 'b2'})['id'] },\n"
                              "  -> { 3 },\n"
                              "  -> { Sluice.all(-> { Sluice.sleep(0.1); 4 }, -> { 5 }) },\n"
                              "  -> { Sluice.sleep(0.1); nil })\n"
                              "req.ctx[:v] = values.inspect\n"
                              "req.ctx[:none] = Sluice.all.inspect"));
    open_host(&h, &w, 0);
    uint64_t began = gw_clock_ms();
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_true(gw_clock_ms() - began < 290);
    assert_slice(ctx_of(&h), "{\"v\":\"[1, \\\"b2\\\", 3, [4, 5], nil]\",\"none\":\"[]\"}");
    close_host(&h);
    close_world(&w);
}

static void the_first_error_is_raised_when_all_have_ended(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("ended = 0\n"
                              "begin\n"
                              "  Sluice.all(-> { Sluice.sleep(0.05); ended += 1 },\n"
                              "    -> { Sluice.sleep(0.02); raise 'second' },\n"
                              "    -> { raise 'third' })\n"
                              "rescue => e\n"
                              "  req.ctx[:e] = \"#{e.message} #{ended}\"\n"
                              "end"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"e\":\"second 1\"}");
    close_host(&h);
    close_world(&w);
}

static void what_is_for_the_prelude_does_no_harm_outside_of_it(void **state)
{
    static const char *const codes[][2] = {
        {"Sluice.__value(1)", "only a Proc of Sluice.all has a value"},
        {"Sluice.__log('info', 'x', [1, 2])", "a field's name is no text"},
        {"def Fiber.new(*) = 5\nSluice.all(-> {})", "an exception that cannot be shown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[256];
        snprintf(file, sizeof(file), ON_REQUEST("%s"), codes[i][0]);
        OPEN_WORLD(&w, file);
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_FAILED);
        assert_true(has_logged(&w, codes[i][1]));
        close_host(&h);
        close_world(&w);
    }
}

static void a_task_of_all_may_find_that_the_body_is_wrong(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.all(-> { Sluice.sleep(0) }, -> { req.message })"));
    open_host(&h, &w, 0);
    h.text = GW_SLICE("[]");
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 400);
    close_host(&h);
    close_world(&w);
}

/* --- time --- */

static void a_hook_that_waits_too_long_ends_with_504(void **state)
{
    static const char *const codes[] = {
        "Sluice.sleep(3)",
        "loop { Sluice.sleep(0.001) }",
        "Sluice.all(-> { Sluice.sleep(3) }, -> { Sluice.all(-> { Sluice.sleep(2) }) })",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[512];
        snprintf(file, sizeof(file), ON_REQUEST("%s"), codes[i]);
        open_world(&w, (const char *const[]){file, NULL}, 0, "hook_limits: {time: 50ms}\n");
        for (int k = 0; k < 2; k++) {
            open_host(&h, &w, 0);
            uint64_t began = gw_loop_now_ms(w.loop);
            assert_int_equal(request(&h), GW_HOOK_FAILED);
            uint64_t took = gw_clock_ms() - began;
            assert_true(took >= 50 && took < 500);
            assert_int_equal(gw_hook_call_failure(h.call)->http_status, 504);
            assert_int_equal(gw_hook_call_failure(h.call)->code, GW_DEADLINE_EXCEEDED);
            close_host(&h);
        }
        assert_true(has_logged(&w, "longer than hook_limits.time"));
        assert_non_null(strstr(metric(&w, "hooks_timeouts_total{"), "} 2"));
        close_world(&w);
    }
}

static void a_call_of_a_hook_ends_with_the_hooks_time(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    open_world(
        &w, (const char *const[]){ON_REQUEST("Sluice.call('" GET "', {'name' => 'never'})"), NULL},
        0, "hook_limits: {time: 50ms}\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 504);
    close_host(&h);
    close_world(&w);
}

static void many_calls_with_waits_take_no_memory(void **state)
{
    struct world w;
    struct host h;
    unsigned long most[2] = {0}, now = 0;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("Sluice.all(-> { Sluice.sleep(0) }, -> { raise 'x' }) rescue nil\n"
                              "Sluice.call('" GET "', {'name' => 'b'})"));
    for (int i = 0; i < 8000; i++) {
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        close_host(&h);
        sscanf(metric(&w, "hooks_memory_bytes "), "hooks_memory_bytes %lu", &now);
        if (now > most[i / 4000])
            most[i / 4000] = now;
    }
    assert_true(most[0] > 0 && most[1] < most[0] + most[0] / 4);
    close_world(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hook_sleeps_without_holding_up_others),
        cmocka_unit_test(the_chain_goes_on_after_a_wait),
        cmocka_unit_test(a_response_may_wait_too),
        cmocka_unit_test(a_hundred_wait_at_once),
        cmocka_unit_test(a_client_that_leaves_ends_what_its_hooks_wait_for),
        cmocka_unit_test(a_call_may_be_destroyed_when_it_is_resumed),
        cmocka_unit_test(each_hook_keeps_its_last_match_while_it_waits),
        cmocka_unit_test(a_hook_calls_a_method),
        cmocka_unit_test(a_call_that_fails_raises),
        cmocka_unit_test(an_error_of_a_call_that_nobody_takes_is_the_hooks),
        cmocka_unit_test(a_call_that_cannot_be_made_says_why),
        cmocka_unit_test(any_method_can_be_called_with_an_upstream),
        cmocka_unit_test(several_at_once_give_their_values_in_order),
        cmocka_unit_test(the_first_error_is_raised_when_all_have_ended),
        cmocka_unit_test(what_is_for_the_prelude_does_no_harm_outside_of_it),
        cmocka_unit_test(a_task_of_all_may_find_that_the_body_is_wrong),
        cmocka_unit_test(a_hook_that_waits_too_long_ends_with_504),
        cmocka_unit_test(a_call_of_a_hook_ends_with_the_hooks_time),
        cmocka_unit_test(many_calls_with_waits_take_no_memory),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
