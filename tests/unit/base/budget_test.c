#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/budget.h"

static uint32_t spend_all(struct gw_budget *b, uint64_t now_ms)
{
    uint32_t n = 0;
    while (gw_budget_spend(b, now_ms))
        n++;
    return n;
}

static void all_of_it_can_be_spent_at_once(void **state)
{
    (void)state;
    struct gw_budget b;
    gw_budget_init(&b, 10, 5, 1000);
    assert_int_equal(spend_all(&b, 1000), 10);
    assert_int_equal(spend_all(&b, 1000), 0);
}

static void time_gives_back_as_much_as_was_said(void **state)
{
    (void)state;
    struct gw_budget b;
    gw_budget_init(&b, 10, 5, 1000);
    spend_all(&b, 1000);
    assert_int_equal(spend_all(&b, 1199), 0);
    assert_int_equal(spend_all(&b, 1200), 1);
    assert_int_equal(spend_all(&b, 2200), 5);
}

static void many_small_steps_give_back_no_less(void **state)
{
    (void)state;
    struct gw_budget b;
    gw_budget_init(&b, 10, 3, 0);
    uint32_t n = spend_all(&b, 0);
    for (uint64_t ms = 1; ms <= 10000; ms++)
        n += spend_all(&b, ms);
    assert_in_range(n, 10 + 29, 10 + 30);
}

static void it_never_exceeds_its_capacity(void **state)
{
    (void)state;
    struct gw_budget b;
    gw_budget_init(&b, 10, 5, 0);
    assert_int_equal(spend_all(&b, UINT64_C(1) << 40), 10);
    gw_budget_earn(&b, UINT64_MAX);
    assert_int_equal(spend_all(&b, UINT64_C(1) << 40), 10);
    gw_budget_earn(&b, 4);
    assert_int_equal(spend_all(&b, UINT64_C(1) << 40), 4);
}

static void the_smallest_rate_is_one_a_second(void **state)
{
    (void)state;
    struct gw_budget b;
    gw_budget_init(&b, 2, 0, 0);
    spend_all(&b, 0);
    assert_int_equal(spend_all(&b, 1000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_can_be_spent_at_once),
        cmocka_unit_test(time_gives_back_as_much_as_was_said),
        cmocka_unit_test(many_small_steps_give_back_no_less),
        cmocka_unit_test(it_never_exceeds_its_capacity),
        cmocka_unit_test(the_smallest_rate_is_one_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
