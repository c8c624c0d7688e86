#include "base/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

static void the_first_that_asks_drains(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGXCPU};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct gw_signals signals = {0};
        assert_int_equal(gw_signals_sort(&signals, numbers[i], 5), GW_SIGNAL_DRAIN);
    }
}

static void those_within_a_second_are_one(void **state)
{
    (void)state;
    struct gw_signals signals = {0};
    assert_int_equal(gw_signals_sort(&signals, SIGINT, 5000), GW_SIGNAL_DRAIN);
    assert_int_equal(gw_signals_sort(&signals, SIGINT, 5000), GW_SIGNAL_NOTHING);
    assert_int_equal(gw_signals_sort(&signals, SIGTERM, 5001), GW_SIGNAL_NOTHING);
    assert_int_equal(gw_signals_sort(&signals, SIGTERM, 5999), GW_SIGNAL_NOTHING);
    assert_int_equal(gw_signals_sort(&signals, SIGTERM, 6000), GW_SIGNAL_STOP);
}

static void to_drain_is_asked_for_once(void **state)
{
    (void)state;
    struct gw_signals signals = {0};
    assert_int_equal(gw_signals_sort(&signals, SIGTERM, 0), GW_SIGNAL_DRAIN);
    assert_int_equal(gw_signals_sort(&signals, SIGQUIT, 60000), GW_SIGNAL_NOTHING);
    assert_int_equal(gw_signals_sort(&signals, SIGXCPU, 61000), GW_SIGNAL_NOTHING);
    assert_int_equal(gw_signals_sort(&signals, SIGINT, 62000), GW_SIGNAL_STOP);
}

static void others_have_wishes_of_their_own(void **state)
{
    (void)state;
    struct gw_signals signals = {0};
    for (uint64_t now = 0; now < 3000; now += 500) {
        assert_int_equal(gw_signals_sort(&signals, SIGHUP, now), GW_SIGNAL_RELOAD);
        assert_int_equal(gw_signals_sort(&signals, SIGUSR1, now), GW_SIGNAL_REOPEN);
        assert_int_equal(gw_signals_sort(&signals, SIGUSR2, now), GW_SIGNAL_REPLACE);
        assert_int_equal(gw_signals_sort(&signals, SIGWINCH, now), GW_SIGNAL_NOTHING);
    }
    assert_int_equal(gw_signals_sort(&signals, SIGTERM, 3000), GW_SIGNAL_DRAIN);
}

struct heard {
    enum gw_signal_wish wishes[8];
    size_t count;
};

static void on_signal(void *arg, enum gw_signal_wish wish)
{
    struct heard *heard = arg;
    assert_true(heard->count < 8);
    heard->wishes[heard->count++] = wish;
}

static void held_signals_are_heard(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct gw_signals signals = {0};
    struct gw_error error;
    gw_signals_hold();
    raise(SIGHUP);
    raise(SIGUSR2);
    struct gw_loop *loop = gw_loop_create();
    assert_int_equal(gw_signals_open(&signals, loop, on_signal, &heard, &error), 0);
    for (int i = 0; i < 100 && heard.count < 2; i++)
        gw_loop_turn(loop, 1000);
    assert_int_equal(heard.count, 2);
    raise(SIGQUIT);
    raise(SIGTERM);
    for (int i = 0; i < 100 && heard.count < 3; i++)
        gw_loop_turn(loop, 1000);
    gw_loop_turn(loop, 0);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.wishes[2], GW_SIGNAL_DRAIN);
    static const int ignored[] = {SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXFSZ};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        raise(ignored[i]);
    gw_signals_close(&signals);
    gw_signals_close(&signals);
    gw_loop_turn(loop, 0);
    gw_loop_destroy(loop);
}

static void no_descriptor_is_an_error(void **state)
{
    (void)state;
    struct gw_signals signals = {0};
    struct gw_error error;
    struct gw_loop *loop = gw_loop_create();
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int failed = gw_signals_open(&signals, loop, on_signal, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(failed, -1);
    assert_string_equal(error.message, "cannot take signals: Too many open files");
    gw_signals_close(&signals);
    gw_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_asks_drains),
        cmocka_unit_test(those_within_a_second_are_one),
        cmocka_unit_test(to_drain_is_asked_for_once),
        cmocka_unit_test(others_have_wishes_of_their_own),
        cmocka_unit_test(held_signals_are_heard),
        cmocka_unit_test(no_descriptor_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
