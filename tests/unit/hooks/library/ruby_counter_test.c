/* Counters that hooks declare, from Ruby to /metrics. */
#include "../world.h"

#define COUNTING                                                                                   \
    "class Counting\n"                                                                             \
    "  def initialize\n"                                                                           \
    "    @plain = Sluice.counter('seen_total')\n"                                                  \
    "    @blue = Sluice.counter('teams_total', {'team' => 'blue', :n => 1}, help: 'By team.')\n"   \
    "    @red = Sluice.counter('teams_total', {'team' => 'red', :n => 1})\n"                       \
    "  end\n"                                                                                      \
    "  def on_request(req)\n"                                                                      \
    "    @plain.increment\n"                                                                       \
    "    @blue.increment(2).increment(0)\n"                                                        \
    "    @red.increment(5)\n"                                                                      \
    "  end\n"                                                                                      \
    "end\n"                                                                                        \
    "Counting.new\n"

static void what_a_hook_counts_is_shown(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, COUNTING);
    for (int i = 0; i < 3; i++) {
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        close_host(&h);
    }
    assert_string_equal(metric(&w, "seen_total 3"), "seen_total 3");
    assert_string_equal(metric(&w, "teams_total{team=\"blue\""),
                        "teams_total{team=\"blue\",n=\"1\"} 6");
    assert_string_equal(metric(&w, "teams_total{team=\"red\""),
                        "teams_total{team=\"red\",n=\"1\"} 15");
    assert_string_equal(metric(&w, "# HELP teams_total"), "# HELP teams_total By team.");
    close_world(&w);
}

static void expect_error_at_load(const char *code, const char *expected)
{
    struct world w;
    char text[512];
    snprintf(text, sizeof(text), "%s\nProc.new { |env| [399, {}, []] }\n", code);
    load_world(&w, (const char *const[]){text, NULL}, 0, "");
    if (strstr(w.errors, expected) == NULL)
        fail_msg("expected %s, found %s", expected, w.errors);
    close_world(&w);
}

static void wrong_counters_are_told_with_the_file(void **state)
{
    (void)state;
    expect_error_at_load("Sluice.counter('a-b')", "a.rb:1");
    expect_error_at_load("Sluice.counter('a-b')", "cannot be a counter's name");
    expect_error_at_load("Sluice.counter('a', {'x-y' => 1})", "cannot be a label's name");
    expect_error_at_load("Sluice.counter('a'); Sluice.counter('a', {'x' => 1})",
                         "has other labels elsewhere");
    expect_error_at_load("Sluice.counter('a', (0..8).map { |i| [\"l#{i}\", i] }.to_h)",
                         "9 labels, expected at most 8");
    expect_error_at_load("Sluice.counter('a').increment(-1)", "a counter cannot go down");
    expect_error_at_load("Sluice::Counter.new", "undefined method 'new'");
}

static void no_counter_is_declared_after_loading(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "Proc.new { |env| Sluice.counter('late_total').increment; [399, {}, []] }\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_true(has_logged(&w, "late_total"));
    assert_true(has_logged(&w, "was not declared when its file was loaded"));
    close_host(&h);
    close_world(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_hook_counts_is_shown),
        cmocka_unit_test(wrong_counters_are_told_with_the_file),
        cmocka_unit_test(no_counter_is_declared_after_loading),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
