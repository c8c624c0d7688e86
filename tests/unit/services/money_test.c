#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "common/money.h"

static void expect_cents(double amount, int64_t expected)
{
    int64_t cents = -1;
    const char *wrong = gw_money_parse(amount, &cents);
    if (wrong != NULL)
        fail_msg("%.17g: %s", amount, wrong);
    assert_int_equal(cents, expected);
}

static void expect_refused(double amount)
{
    int64_t cents = 77;
    if (gw_money_parse(amount, &cents) == NULL)
        fail_msg("%.17g was taken", amount);
    assert_int_equal(cents, 77);
}

static void amounts_with_two_decimals_are_whole_cents(void **state)
{
    (void)state;
    expect_cents(0, 0);
    expect_cents(-0.0, 0);
    expect_cents(0.01, 1);
    expect_cents(0.29, 29); /* 0.29 * 100 is 28.999999999999996 */
    expect_cents(1.1, 110);
    expect_cents(1299.99, 129999);
    expect_cents(-5.5, -550);
    expect_cents(999999999999.99, 99999999999999);
}

static void every_number_of_cents_comes_back(void **state)
{
    (void)state;
    for (int64_t cents = -20000; cents <= 20000; cents++)
        expect_cents(gw_money_amount(cents), cents);
    for (int64_t cents = 1; cents <= GW_MONEY_MAX_CENTS / 3; cents = cents * 3 + 1)
        expect_cents(gw_money_amount(cents), cents);
    expect_cents(gw_money_amount(GW_MONEY_MAX_CENTS), GW_MONEY_MAX_CENTS);
}

static void a_third_decimal_is_refused(void **state)
{
    (void)state;
    expect_refused(0.001);
    expect_refused(10.999);
    expect_refused(1299.995);
    expect_refused(1e-9);
    expect_refused(999999999999.995);
    expect_refused(nextafter(1299.99, 2000));
}

static void a_sum_of_doubles_is_not_a_sum_of_money(void **state)
{
    (void)state;
    expect_refused(0.1 + 0.2);
    int64_t sum = 0;
    assert_int_equal(gw_money_add(&sum, 10, 1), 0);
    assert_int_equal(gw_money_add(&sum, 20, 1), 0);
    assert_true(gw_money_amount(sum) == 0.3);
}

static void what_is_no_amount_is_refused(void **state)
{
    (void)state;
    expect_refused(NAN);
    expect_refused(INFINITY);
    expect_refused(-INFINITY);
    expect_refused(1e15);
    expect_refused(-1e15);
    expect_refused(1e308);
    expect_refused(1000000000000.01);
    expect_refused(5e-324);
}

static void sums_stop_at_the_limit(void **state)
{
    (void)state;
    int64_t sum = 0;
    assert_int_equal(gw_money_add(&sum, 129999, 3), 0);
    assert_int_equal(sum, 389997);
    assert_int_equal(gw_money_add(&sum, GW_MONEY_MAX_CENTS - 389997, 1), 0);
    assert_int_equal(sum, GW_MONEY_MAX_CENTS);
    assert_int_equal(gw_money_add(&sum, 1, 1), -1);
    assert_int_equal(gw_money_add(&sum, GW_MONEY_MAX_CENTS, 1000000), -1);
    assert_int_equal(gw_money_add(&sum, INT64_MAX, INT64_MAX), -1);
    assert_int_equal(gw_money_add(&sum, INT64_MAX, 1), -1);
    assert_int_equal(sum, GW_MONEY_MAX_CENTS);
    assert_int_equal(gw_money_add(&sum, -GW_MONEY_MAX_CENTS, 2), 0);
    assert_int_equal(gw_money_add(&sum, -1, 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_with_two_decimals_are_whole_cents),
        cmocka_unit_test(every_number_of_cents_comes_back),
        cmocka_unit_test(a_third_decimal_is_refused),
        cmocka_unit_test(a_sum_of_doubles_is_not_a_sum_of_money),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(sums_stop_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
