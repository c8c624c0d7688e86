#include "base/digits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

static void numbers_are_written_as_printf_does(void **state)
{
    (void)state;
    uint64_t n = 0;
    for (int i = 0; i < 66; i++, n = n * 2 + (uint64_t)(i % 3 == 0)) {
        char text[GW_DIGITS_MAX + 1], wanted[GW_DIGITS_MAX + 1];
        *gw_digits_put(text, n) = '\0';
        snprintf(wanted, sizeof(wanted), "%" PRIu64, n);
        assert_string_equal(text, wanted);
    }
    char text[GW_DIGITS_MAX + 1];
    *gw_digits_put(text, UINT64_MAX) = '\0';
    assert_string_equal(text, "18446744073709551615");
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        char wanted[GW_DIGITS_MAX + 1];
        *gw_digits_put(text, power - 1) = '\0';
        snprintf(wanted, sizeof(wanted), "%" PRIu64, power - 1);
        assert_string_equal(text, wanted);
    }
}

static void fixed_widths_are_filled_with_zeros(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 10000; n++) {
        char text[5], wanted[12];
        *gw_digits_put_4(text, n) = '\0';
        snprintf(wanted, sizeof(wanted), "%04" PRIu32, n);
        assert_string_equal(text, wanted);
        if (n < 1000) {
            *gw_digits_put_3(text, n) = '\0';
            assert_string_equal(text, wanted + 1);
        }
        if (n < 100) {
            *gw_digits_put_2(text, n) = '\0';
            assert_string_equal(text, wanted + 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_printf_does),
        cmocka_unit_test(fixed_widths_are_filled_with_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
