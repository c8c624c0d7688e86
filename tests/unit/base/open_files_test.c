#include "base/open_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <unistd.h>

static struct rlimit limit_now(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

static void set_soft(rlim_t soft)
{
    struct rlimit limit = limit_now();
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void the_soft_limit_becomes_the_hard_one(void **state)
{
    (void)state;
    struct rlimit before = limit_now();
    set_soft(64);
    uint64_t now = gw_open_files_raise();
    assert_int_equal(now, before.rlim_max < (1 << 20) ? before.rlim_max : 1 << 20);
    assert_int_equal(limit_now().rlim_cur, now);
    set_soft(before.rlim_cur);
}

static void open_ones_are_counted(void **state)
{
    (void)state;
    uint64_t before = gw_open_files_count();
    int fds[3];
    for (size_t i = 0; i < 3; i++)
        assert_true((fds[i] = dup(0)) >= 0);
    assert_int_equal(gw_open_files_count(), before + 3);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    assert_int_equal(gw_open_files_count(), before);
}

static void at_the_limit_as_many_as_it_allows_are_open(void **state)
{
    (void)state;
    struct rlimit before = limit_now();
    uint64_t open = gw_open_files_count();
    set_soft(open);
    uint64_t count = gw_open_files_count();
    set_soft(before.rlim_cur);
    assert_int_equal(count, open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soft_limit_becomes_the_hard_one),
        cmocka_unit_test(open_ones_are_counted),
        cmocka_unit_test(at_the_limit_as_many_as_it_allows_are_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
