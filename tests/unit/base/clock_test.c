#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

static void stamps_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {999999, "1970-01-01T00:00:00.999999Z"},
        {1000000, "1970-01-01T00:00:01.000000Z"},
        {951827696123456, "2000-02-29T12:34:56.123456Z"},
        {1769860800123456, "2026-01-31T12:00:00.123456Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
        {-1000001, "1969-12-31T23:59:58.999999Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    };
    /* Twice and back: the second is remembered between calls. */
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            size_t at = round % 2 ? sizeof(cases) / sizeof(*cases) - 1 - i : i;
            char text[GW_TIMESTAMP_LENGTH + 1];
            gw_clock_format(text, cases[at].wall_us);
            assert_string_equal(text, cases[at].text);
            assert_int_equal(strlen(text), GW_TIMESTAMP_LENGTH);
        }
    }
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = gw_clock_ns();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = gw_clock_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(gw_clock_ms() >= last / 1000000 && gw_clock_ms() < last / 1000000 + 1000);
}

static void the_wall_clock_is_that_of_the_system(void **state)
{
    (void)state;
    int64_t difference = gw_clock_wall_us() / 1000000 - (int64_t)time(NULL);
    assert_true(difference >= -1 && difference <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_are_rfc_3339),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(the_wall_clock_is_that_of_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
