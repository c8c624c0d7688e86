#include "config/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static uint64_t duration(const char *text)
{
    uint64_t ms = 0;
    assert_int_equal(gw_unit_duration_parse(gw_slice_str(text), &ms), 0);
    return ms;
}

static uint64_t size(const char *text)
{
    uint64_t bytes = 0;
    assert_int_equal(gw_unit_size_parse(gw_slice_str(text), &bytes), 0);
    return bytes;
}

static void durations_are_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(duration("250ms"), 250);
    assert_int_equal(duration("5s"), 5000);
    assert_int_equal(duration("10m"), 600000);
    assert_int_equal(duration("2h"), 7200000);
    assert_int_equal(duration("0s"), 0);
    assert_int_equal(duration("007s"), 7000);
}

static void sizes_are_bytes(void **state)
{
    (void)state;
    assert_int_equal(size("64KiB"), 65536);
    assert_int_equal(size("4MiB"), 4194304);
}

static void anything_but_number_and_unit_is_refused(void **state)
{
    (void)state;
    static const char *const durations[] = {"",   "5",    "s",   "5 s", "-5s",   "5S",
                                            "5d", "1.5s", "5ss", "5s ", "1m30s", "0x5s"};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        uint64_t ms;
        assert_int_equal(gw_unit_duration_parse(gw_slice_str(durations[i]), &ms), -1);
    }
    static const char *const sizes[] = {"", "4", "4MB", "4mib", "KiB", "4 MiB", "4GiB", "1.5MiB"};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes;
        assert_int_equal(gw_unit_size_parse(gw_slice_str(sizes[i]), &bytes), -1);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(gw_unit_duration_parse(GW_SLICE("18446744073709551615ms"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(gw_unit_duration_parse(GW_SLICE("18446744073709551616ms"), &value), -1);
    assert_int_equal(gw_unit_duration_parse(GW_SLICE("18446744073709551615s"), &value), -1);
    assert_int_equal(gw_unit_size_parse(GW_SLICE("17592186044416MiB"), &value), -1);
    assert_int_equal(gw_unit_size_parse(GW_SLICE("99999999999999999999999KiB"), &value), -1);
}

static void the_largest_whole_unit_is_shown(void **state)
{
    (void)state;
    char text[GW_UNIT_TEXT];
    assert_string_equal(gw_duration_format(text, 0), "0s");
    assert_string_equal(gw_duration_format(text, 86400000), "24h");
    assert_string_equal(gw_duration_format(text, 90000), "90s");
    assert_string_equal(gw_duration_format(text, 1500), "1500ms");
    assert_string_equal(gw_size_format(text, 1024), "1KiB");
    assert_string_equal(gw_size_format(text, 1 << 30), "1024MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_milliseconds),
        cmocka_unit_test(sizes_are_bytes),
        cmocka_unit_test(anything_but_number_and_unit_is_refused),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_largest_whole_unit_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
