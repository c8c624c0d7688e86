#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transcode/time_text.h"

static void timestamps_are_read_with_any_fraction_and_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int32_t nanos;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01T00:00:01.5Z", 1, 500000000},
        {"1969-12-31T23:59:59.000000001Z", -1, 1},
        {"2026-01-31T12:00:00.123456789Z", 1769860800, 123456789},
        {"2024-02-29T00:00:00Z", 1709164800, 0},
        {"2000-02-29T23:59:59.99Z", 951868799, 990000000},
        {"2026-01-31T12:00:00+02:00", 1769853600, 0},
        {"2026-01-31T12:00:00-05:30", 1769880600, 0},
        {"0001-01-01T00:00:00Z", GW_TIMESTAMP_SECONDS_MIN, 0},
        {"9999-12-31T23:59:59.999999999Z", GW_TIMESTAMP_SECONDS_MAX, 999999999},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        assert_int_equal(gw_timestamp_parse(gw_slice_str(rows[i].text), &seconds, &nanos), 0);
        assert_int_equal(seconds, rows[i].seconds);
        assert_int_equal(nanos, rows[i].nanos);
    }
}

static void what_is_no_timestamp_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31t12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31T12:00Z",
        "2026-1-31T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567890Z",
        "2026-01-31T12:00:00+0200",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+02",
        "2026-01-31T12:00:00ZZ",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        assert_int_equal(gw_timestamp_parse(gw_slice_str(rows[i]), &seconds, &nanos), -1);
    }
}

static void assert_timestamp(int64_t seconds, int32_t nanos, const char *text)
{
    char buffer[GW_TIME_TEXT_MAX + 1];
    char *end = gw_timestamp_put(buffer, seconds, nanos);
    if (text == NULL) {
        assert_null(end);
        return;
    }
    *end = '\0';
    assert_string_equal(buffer, text);
}

static void timestamps_are_written_with_0_3_6_or_9_digits(void **state)
{
    (void)state;
    assert_timestamp(0, 0, "1970-01-01T00:00:00Z");
    assert_timestamp(0, 120000000, "1970-01-01T00:00:00.120Z");
    assert_timestamp(0, 1000, "1970-01-01T00:00:00.000001Z");
    assert_timestamp(-1, 999999999, "1969-12-31T23:59:59.999999999Z");
    assert_timestamp(1709164800, 0, "2024-02-29T00:00:00Z");
    assert_timestamp(GW_TIMESTAMP_SECONDS_MIN, 0, "0001-01-01T00:00:00Z");
    assert_timestamp(GW_TIMESTAMP_SECONDS_MAX, 999999999, "9999-12-31T23:59:59.999999999Z");
    assert_timestamp(GW_TIMESTAMP_SECONDS_MIN - 1, 0, NULL);
    assert_timestamp(GW_TIMESTAMP_SECONDS_MAX + 1, 0, NULL);
    assert_timestamp(0, -1, NULL);
    assert_timestamp(0, 1000000000, NULL);
}

static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t seconds = GW_TIMESTAMP_SECONDS_MIN; seconds <= GW_TIMESTAMP_SECONDS_MAX;
         seconds += 86400 + 7) {
        char buffer[GW_TIME_TEXT_MAX];
        int64_t back;
        int32_t nanos;
        char *end = gw_timestamp_put(buffer, seconds, 0);
        assert_int_equal(
            gw_timestamp_parse(gw_slice(buffer, (size_t)(end - buffer)), &back, &nanos), 0);
        assert_int_equal(back, seconds);
    }
}

static void durations_have_one_sign(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int32_t nanos;
    } rows[] = {
        {"0s", 0, 0},
        {"1.5s", 1, 500000000},
        {"-1.5s", -1, -500000000},
        {"-0.000000001s", 0, -1},
        {"00001s", 1, 0},
        {"315576000000s", GW_DURATION_SECONDS_MAX, 0},
        {"-315576000000s", -GW_DURATION_SECONDS_MAX, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        assert_int_equal(gw_duration_parse(gw_slice_str(rows[i].text), &seconds, &nanos), 0);
        assert_int_equal(seconds, rows[i].seconds);
        assert_int_equal(nanos, rows[i].nanos);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "s",
        "1",
        "1 s",
        "1.s",
        ".5s",
        "+1s",
        "--1s",
        "1.5",
        "1ms",
        "1.1234567890s",
        "1e3s",
        "-s",
        "1s ",
        "1.5.5s",
        "315576000001s",
        "-315576000001s",
        "99999999999999999999999s",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        assert_int_equal(gw_duration_parse(gw_slice_str(rows[i]), &seconds, &nanos), -1);
    }
}

static void assert_duration(int64_t seconds, int32_t nanos, const char *text)
{
    char buffer[GW_TIME_TEXT_MAX + 1];
    char *end = gw_duration_put(buffer, seconds, nanos);
    if (text == NULL) {
        assert_null(end);
        return;
    }
    *end = '\0';
    assert_string_equal(buffer, text);
}

static void durations_are_written_with_0_3_6_or_9_digits(void **state)
{
    (void)state;
    assert_duration(0, 0, "0s");
    assert_duration(3, 0, "3s");
    assert_duration(1, 500000000, "1.500s");
    assert_duration(-1, -500000000, "-1.500s");
    assert_duration(0, -1, "-0.000000001s");
    assert_duration(0, 1000, "0.000001s");
    assert_duration(GW_DURATION_SECONDS_MAX, 0, "315576000000s");
    assert_duration(GW_DURATION_SECONDS_MAX + 1, 0, NULL);
    assert_duration(-GW_DURATION_SECONDS_MAX - 1, 0, NULL);
    assert_duration(1, -1, NULL);
    assert_duration(-1, 1, NULL);
    assert_duration(0, 1000000000, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_are_read_with_any_fraction_and_offset),
        cmocka_unit_test(what_is_no_timestamp_is_refused),
        cmocka_unit_test(timestamps_are_written_with_0_3_6_or_9_digits),
        cmocka_unit_test(every_day_comes_back),
        cmocka_unit_test(durations_have_one_sign),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written_with_0_3_6_or_9_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
