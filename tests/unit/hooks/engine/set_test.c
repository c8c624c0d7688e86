/* Hook files as they are loaded. */
#include "../world.h"

#define NOTHING "Class.new do\n  def on_request(req); end\nend.new\n"

static void assert_refused(const char *const *files, const char *expected)
{
    struct world w;
    load_world(&w, files, 0, "");
    assert_null(w.set);
    assert_string_equal(w.errors, expected);
    close_world(&w);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    assert_refused((const char *const[]){"def on_request(req)\n  )\nend\n", NULL},
                   "a.rb:2:3: syntax error, unexpected ')'\n");
    assert_refused((const char *const[]){"x = 1\n\nraise ArgumentError, 'no ' + x.to_s\n", NULL},
                   "a.rb:3:1: ArgumentError: no 1\n");
    assert_refused((const char *const[]){"def f\n  g\nend\n\nf\n", NULL},
                   "a.rb:2:1: NoMethodError: undefined method 'g'\n");
    assert_refused((const char *const[]){"5\n", NULL},
                   "a.rb:1:1: TypeError: the file's last value is of class Integer, expected a "
                   "Proc, or an object with on_request, on_response or on_error\n");
    assert_refused((const char *const[]){"", NULL},
                   "a.rb:1:1: TypeError: the file's last value is of class NilClass, expected a "
                   "Proc, or an object with on_request, on_response or on_error\n");
    assert_refused((const char *const[]){"Sluice.sleep(1)\n", NULL},
                   "a.rb:1:1: RuntimeError: only a hook can wait, while it serves a request\n");
}

static void every_file_is_looked_at(void **state)
{
    (void)state;
    assert_refused((const char *const[]){"(\n", NOTHING, ")\n", NULL},
                   "a.rb:2:1: syntax error, unexpected $end\n"
                   "c.rb:1:1: syntax error, unexpected ')'\n");
    assert_refused((const char *const[]){"raise 'a'\n", NOTHING, "raise 'c'\n", NULL},
                   "a.rb:1:1: RuntimeError: a\nc.rb:1:1: RuntimeError: c\n");
}

static void a_file_that_is_missing_is_told_where_it_is_named(void **state)
{
    struct world w;
    (void)state;
    load_world(&w, (const char *const[]){NULL}, 0, "hooks: [a.rb, b.rb]\n");
    assert_string_equal(w.errors,
                        "f.yaml:6:9: cannot read hook \"a.rb\": No such file or directory\n"
                        "f.yaml:6:15: cannot read hook \"b.rb\": No such file or "
                        "directory\n");
    close_world(&w);
}

static void a_file_that_needs_too_much_memory_is_refused(void **state)
{
    struct world w;
    (void)state;
    load_world(&w, (const char *const[]){"X = 'x' * 10_000_000\n" NOTHING, NULL}, 0,
               "hook_limits: {memory: 2MiB}\n");
    assert_string_equal(w.errors, "a.rb:1:1: takes more than `hook_limits.memory` to load\n");
    close_world(&w);
}

static void a_file_has_one_instance_however_often_it_is_named(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    open_world(&w,
               (const char *const[]){"Class.new do\n  def on_request(req)\n"
                                     "    req.headers['x-n'] = (@n = (@n || 0) + 1)\n  end\n"
                                     "end.new\n",
                                     NULL},
               1, "");
    /* The route names it, too. */
    w.config->routes[1].hooks = w.config->hooks;
    struct gw_diagnostics errors = {0};
    struct gw_hook_set *set = gw_hook_set_create(w.snapshot, &errors);
    assert_non_null(set);
    struct gw_hook_vm *vm = gw_hook_vm_create(set, &(struct gw_hook_vm_options){.loop = w.loop});
    struct gw_hook_vm *other = w.vm;
    w.vm = vm;
    for (int i = 0; i < 2; i++) {
        open_host(&h, &w, (size_t)i);
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        assert_field(&h, GW_HOOK_REQUEST_HEADERS, "x-n", i == 0 ? "1" : "2");
        close_host(&h);
    }
    gw_hook_vm_destroy(vm);
    gw_hook_set_destroy(set);
    w.vm = other;
    close_world(&w);
}

static void local_variables_of_files_do_not_mix(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(
        &w, "a = 'first'\nb = 1\n->(env) { [399, {'x-one' => a + b.to_s}, []] }",
        "b = 'second'\nc = 2\na = 'third'\n->(env) { [399, {'x-two' => b + c.to_s + a}, []] }",
        "x = 'y' * 10\n->(env) { [399, {}, []] }");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-one", "first1");
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-two", "second2third");
    close_host(&h);
    close_world(&w);
}

static void two_workers_have_nothing_in_common(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "$n = 0\n->(env) { $n += 1; [399, {'x-n' => $n}, []] }");
    struct gw_hook_vm *first = w.vm;
    struct gw_hook_vm *second =
        gw_hook_vm_create(w.set, &(struct gw_hook_vm_options){.loop = w.loop});
    static const char *const expected[] = {"1", "1", "2", "2"};
    for (int i = 0; i < 4; i++) {
        w.vm = i % 2 ? second : first;
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-n", expected[i]);
        close_host(&h);
    }
    gw_hook_vm_destroy(second);
    w.vm = first;
    close_world(&w);
}

static void a_file_that_only_loads_once_fails_requests_and_is_logged(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    /* A counter of another name each time: the trial alone can declare it. */
    OPEN_WORLD(&w, "Sluice.counter('x' + rand(1 << 60).to_s)\n" NOTHING);
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 500);
    assert_true(has_logged(&w, "was not declared when its file was loaded"));
    close_host(&h);
    close_world(&w);
}

static void a_counter_cannot_take_anothers_name(void **state)
{
    struct world w;
    struct gw_error error;
    (void)state;
    load_world(&w, (const char *const[]){"Sluice.counter('upstream_picks_total')\n" NOTHING, NULL},
               0, "");
    assert_string_equal(w.errors, "");
    w.metrics = gw_metrics_create(1);
    gw_metrics_add(w.metrics, GW_COUNTER, "upstream_picks_total", "Ours.", NULL, 0);
    assert_int_equal(gw_hook_set_register(w.set, w.metrics, &error), -1);
    assert_string_equal(error.message, "a hook's counter is called upstream_picks_total, as "
                                       "another metric is");
    close_world(&w);
}

static void counters_are_checked_when_they_are_declared(void **state)
{
    (void)state;
    assert_refused((const char *const[]){"Sluice.counter('a-b')\n", NULL},
                   "a.rb:1:1: ArgumentError: \"a-b\" cannot be a counter's name, expected letters, "
                   "digits and _\n");
    assert_refused((const char *const[]){"Sluice.counter('a', {'b c' => 1})\n", NULL},
                   "a.rb:1:1: ArgumentError: \"b c\" cannot be a label's name, expected letters, "
                   "digits and _\n");
    assert_refused(
        (const char *const[]){"Sluice.counter('a', {'b' => 1})\nSluice.counter('a')\n", NULL},
        "a.rb:2:1: ArgumentError: counter a has other labels elsewhere\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(every_file_is_looked_at),
        cmocka_unit_test(a_file_that_is_missing_is_told_where_it_is_named),
        cmocka_unit_test(a_file_that_needs_too_much_memory_is_refused),
        cmocka_unit_test(a_file_has_one_instance_however_often_it_is_named),
        cmocka_unit_test(local_variables_of_files_do_not_mix),
        cmocka_unit_test(two_workers_have_nothing_in_common),
        cmocka_unit_test(a_file_that_only_loads_once_fails_requests_and_is_logged),
        cmocka_unit_test(a_counter_cannot_take_anothers_name),
        cmocka_unit_test(counters_are_checked_when_they_are_declared),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
