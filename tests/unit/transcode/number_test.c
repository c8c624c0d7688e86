#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "transcode/number.h"

static struct gw_number parsed(const char *text)
{
    struct gw_number n;
    assert_int_equal(gw_number_parse(gw_slice_str(text), &n), strlen(text));
    return n;
}

static void a_number_ends_where_json_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"0", 1},   {"-0", 2},    {"10", 2},    {"01", 1},   {"1.5", 3},    {"1.", 0},
        {".5", 0},  {"-", 0},     {"+1", 0},    {"1e5", 3},  {"1E+05", 5},  {"1e", 0},
        {"1e-", 0}, {"1e5.5", 3}, {"1.5.5", 3}, {"0x10", 1}, {"123abc", 3}, {"Infinity", 0},
        {"NaN", 0}, {"", 0},      {"--1", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_number n;
        assert_int_equal(gw_number_parse(gw_slice_str(rows[i].text), &n), rows[i].length);
    }
}

static void whole_numbers_are_integers_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"0.000", 0},
        {"0e99999999999", 0},
        {"1e2", 100},
        {"1.0", 1},
        {"-1.50e1", -15},
        {"1200e-2", 12},
        {"1.0000000000000000000000000000000000000", 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775807.0", INT64_MAX},
        {"9.223372036854775807e18", INT64_MAX},
        {"922337203685477580700e-2", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_number n = parsed(rows[i].text);
        int64_t value = 77;
        assert_int_equal(gw_number_to_i64(&n, INT64_MIN, INT64_MAX, &value), GW_NUMBER_OK);
        assert_int_equal(value, rows[i].value);
    }
}

static void integers_outside_the_range_and_fractions_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gw_number_result result;
    } rows[] = {
        {"2147483648", GW_NUMBER_OUT_OF_RANGE},
        {"-2147483649", GW_NUMBER_OUT_OF_RANGE},
        {"9223372036854775808", GW_NUMBER_OUT_OF_RANGE},
        {"18446744073709551616", GW_NUMBER_OUT_OF_RANGE},
        {"99999999999999999999999999", GW_NUMBER_OUT_OF_RANGE},
        {"1e10", GW_NUMBER_OUT_OF_RANGE},
        {"1e400", GW_NUMBER_OUT_OF_RANGE},
        {"1e2147483648", GW_NUMBER_OUT_OF_RANGE},
        {"1.5", GW_NUMBER_NOT_INTEGER},
        {"1e-1", GW_NUMBER_NOT_INTEGER},
        {"1e-99999999999", GW_NUMBER_NOT_INTEGER},
        {"1.00000000000000000000000000000001", GW_NUMBER_NOT_INTEGER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_number n = parsed(rows[i].text);
        int64_t value = 77;
        assert_int_equal(gw_number_to_i64(&n, INT32_MIN, INT32_MAX, &value), rows[i].result);
        assert_int_equal(value, 77);
    }
}

static void unsigned_integers_have_no_sign(void **state)
{
    (void)state;
    uint64_t value = 77;
    struct gw_number n = parsed("18446744073709551615");
    assert_int_equal(gw_number_to_u64(&n, UINT64_MAX, &value), GW_NUMBER_OK);
    assert_true(value == UINT64_MAX);
    n = parsed("1.8446744073709551615e19");
    assert_int_equal(gw_number_to_u64(&n, UINT64_MAX, &value), GW_NUMBER_OK);
    assert_true(value == UINT64_MAX);
    n = parsed("18446744073709551616");
    assert_int_equal(gw_number_to_u64(&n, UINT64_MAX, &value), GW_NUMBER_OUT_OF_RANGE);
    n = parsed("-1");
    assert_int_equal(gw_number_to_u64(&n, UINT64_MAX, &value), GW_NUMBER_OUT_OF_RANGE);
    n = parsed("-0");
    assert_int_equal(gw_number_to_u64(&n, UINT64_MAX, &value), GW_NUMBER_OK);
    assert_true(value == 0);
}

static void overlong_numbers_are_refused(void **state)
{
    (void)state;
    char text[GW_NUMBER_LENGTH_MAX + 2];
    memset(text, '1', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct gw_number n = parsed(text);
    double d;
    float f;
    int64_t i;
    assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_TOO_LONG);
    assert_int_equal(gw_number_to_float(&n, &f), GW_NUMBER_TOO_LONG);
    assert_int_equal(gw_number_to_i64(&n, INT64_MIN, INT64_MAX, &i), GW_NUMBER_TOO_LONG);
    text[1] = '.';
    text[GW_NUMBER_LENGTH_MAX] = '\0';
    n = parsed(text);
    assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_OK);
    assert_true(d == 1.1111111111111111);
}

static void doubles_and_floats_are_rounded_as_by_strtod(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0.1",
        "1299.99",
        "9007199254740993",
        "1e22",
        "1e23",
        "1.7976931348623157e308",
        "5e-324",
        "2e-324",
        "1e-400",
        "0.30000000000000004",
        "123456789012345678901234567890",
        "16777217",
        "3.4028235e38",
        "1e-45",
        "7e-46",
        "1.1754943508222875e-38",
        "-2.5e-3",
        "100000000000000000000000",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_number n = parsed(rows[i]);
        double d;
        assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_OK);
        assert_true(d == strtod(rows[i], NULL));
        float f = strtof(rows[i], NULL), got;
        if (isinf(f)) {
            assert_int_equal(gw_number_to_float(&n, &got), GW_NUMBER_OUT_OF_RANGE);
            continue;
        }
        assert_int_equal(gw_number_to_float(&n, &got), GW_NUMBER_OK);
        assert_true(got == f);
    }
}

static void what_rounds_to_infinity_is_out_of_range(void **state)
{
    (void)state;
    double d;
    float f;
    struct gw_number n = parsed("1e309");
    assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_OUT_OF_RANGE);
    n = parsed("-1.8e308");
    assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_OUT_OF_RANGE);
    n = parsed("3.4028236e38");
    assert_int_equal(gw_number_to_float(&n, &f), GW_NUMBER_OUT_OF_RANGE);
}

static void minus_zero_keeps_its_sign(void **state)
{
    (void)state;
    double d;
    float f;
    struct gw_number n = parsed("-0");
    assert_int_equal(gw_number_to_double(&n, &d), GW_NUMBER_OK);
    assert_true(d == 0 && signbit(d));
    n = parsed("-0.0e5");
    assert_int_equal(gw_number_to_float(&n, &f), GW_NUMBER_OK);
    assert_true(f == 0 && signbit(f));
}

static void assert_double_text(double value, const char *text)
{
    char buffer[GW_NUMBER_TEXT_MAX + 1];
    *gw_number_put_double(buffer, value) = '\0';
    assert_string_equal(buffer, text);
}

static void doubles_are_written_in_the_fewest_digits(void **state)
{
    (void)state;
    assert_double_text(0, "0");
    assert_double_text(-0.0, "-0.0");
    assert_double_text(1, "1");
    assert_double_text(-1.5, "-1.5");
    assert_double_text(1299.99, "1299.99");
    assert_double_text(0.1, "0.1");
    assert_double_text(0.1 + 0.2, "0.30000000000000004");
    assert_double_text(1e20, "100000000000000000000");
    assert_double_text(1e21, "1e+21");
    assert_double_text(123456789e15, "1.23456789e+23");
    assert_double_text(1e-6, "0.000001");
    assert_double_text(1e-7, "1e-7");
    assert_double_text(1.25e-9, "1.25e-9");
    assert_double_text(9007199254740992.0, "9007199254740992");
    assert_double_text(2e-323, "2e-323");
    assert_double_text(5e-324, "5e-324");
    assert_double_text(DBL_MIN, "2.2250738585072014e-308");
    assert_double_text(DBL_MAX, "1.7976931348623157e+308");
    assert_double_text(-DBL_MAX, "-1.7976931348623157e+308");
}

static void floats_are_written_in_the_fewest_digits_of_a_float(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {0.1f, "0.1"},
        {-0.0f, "-0.0"},
        {16777216, "16777216"},
        {FLT_MAX, "3.4028235e+38"},
        {FLT_MIN, "1.1754944e-38"},
        {1e-45f, "1e-45"},
        {1.1f, "1.1"},
        {3.3f, "3.3"},
        {1e10f, "10000000000"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buffer[GW_NUMBER_TEXT_MAX + 1];
        *gw_number_put_float(buffer, rows[i].value) = '\0';
        assert_string_equal(buffer, rows[i].text);
    }
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = gw_random_u64();
        /* Every fourth is a power of two or next to one, where the interval is lopsided. */
        if (i % 4 == 0)
            bits = (bits & UINT64_C(0xfff0000000000000)) + gw_random_below(3) - 1;
        double value, back;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        char buffer[GW_NUMBER_TEXT_MAX + 1];
        char *end = gw_number_put_double(buffer, value);
        assert_in_range(end - buffer, 1, GW_NUMBER_TEXT_MAX);
        *end = '\0';
        back = strtod(buffer, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
        struct gw_number n = parsed(buffer);
        assert_int_equal(gw_number_to_double(&n, &back), GW_NUMBER_OK);
        assert_memory_equal(&back, &value, sizeof(value));
        char shorter[40];
        snprintf(shorter, sizeof(shorter), "%.14e", value);
        if (strtod(shorter, NULL) == value) {
            int digits = 0;
            for (const char *p = buffer; *p != '\0' && *p != 'e'; p++)
                digits += *p >= '1' && *p <= '9';
            assert_in_range(digits, 0, 15);
        }
    }
}

static void every_float_reads_back_as_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)gw_random_u64();
        if (i % 4 == 0)
            bits = (bits & 0xff800000u) + gw_random_below(3) - 1;
        float value, back;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        char buffer[GW_NUMBER_TEXT_MAX + 1];
        *gw_number_put_float(buffer, value) = '\0';
        back = strtof(buffer, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
        struct gw_number n = parsed(buffer);
        assert_int_equal(gw_number_to_float(&n, &back), GW_NUMBER_OK);
        assert_memory_equal(&back, &value, sizeof(value));
    }
}

static void integers_are_written_as_printf_does(void **state)
{
    (void)state;
    uint64_t n = 1;
    for (int i = 0; i < 64; i++, n = n * 2 + (uint64_t)(i % 3 == 0)) {
        char buffer[GW_NUMBER_TEXT_MAX + 1], wanted[GW_NUMBER_TEXT_MAX + 1];
        *gw_number_put_i64(buffer, (int64_t)(0 - n)) = '\0';
        snprintf(wanted, sizeof(wanted), "%" PRId64, (int64_t)(0 - n));
        assert_string_equal(buffer, wanted);
    }
    char buffer[GW_NUMBER_TEXT_MAX + 1];
    *gw_number_put_i64(buffer, 0) = '\0';
    assert_string_equal(buffer, "0");
    *gw_number_put_i64(buffer, INT64_MIN) = '\0';
    assert_string_equal(buffer, "-9223372036854775808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_ends_where_json_says),
        cmocka_unit_test(whole_numbers_are_integers_however_they_are_written),
        cmocka_unit_test(integers_outside_the_range_and_fractions_are_told_apart),
        cmocka_unit_test(unsigned_integers_have_no_sign),
        cmocka_unit_test(overlong_numbers_are_refused),
        cmocka_unit_test(doubles_and_floats_are_rounded_as_by_strtod),
        cmocka_unit_test(what_rounds_to_infinity_is_out_of_range),
        cmocka_unit_test(minus_zero_keeps_its_sign),
        cmocka_unit_test(doubles_are_written_in_the_fewest_digits),
        cmocka_unit_test(floats_are_written_in_the_fewest_digits_of_a_float),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(every_float_reads_back_as_itself),
        cmocka_unit_test(integers_are_written_as_printf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
