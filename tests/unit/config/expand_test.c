#include "config/expand.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static gw_pool pool;

static void assert_expands(const char *text, const char *expected)
{
    struct gw_slice out;
    struct gw_error error;
    assert_int_equal(gw_expand(&pool, gw_slice_str(text), &out, &error), 0);
    assert_string_equal(gw_pool_dup(&pool, out).base, expected);
}

static void assert_refused(const char *text, const char *message)
{
    struct gw_slice out;
    struct gw_error error;
    assert_int_equal(gw_expand(&pool, gw_slice_str(text), &out, &error), -1);
    assert_string_equal(error.message, message);
}

static void a_variable_is_replaced_wherever_it_stands(void **state)
{
    (void)state;
    assert_expands("${GW_HOST}", "example.com");
    assert_expands("${GW_HOST}:${GW_PORT}/x", "example.com:8001/x");
    assert_expands("a${GW_PORT}${GW_PORT}b", "a80018001b");
    assert_expands("", "");
}

static void a_default_stands_for_what_is_unset_or_empty(void **state)
{
    (void)state;
    assert_expands("${GW_UNSET:-127.0.0.1:8001}", "127.0.0.1:8001");
    assert_expands("${GW_EMPTY:-x}", "x");
    assert_expands("${GW_PORT:-9}", "8001");
    assert_expands("${GW_UNSET:-}", "");
    assert_expands("${GW_EMPTY}", "");
    assert_expands("${GW_UNSET:-:-}", ":-");
}

static void two_dollars_are_literal(void **state)
{
    (void)state;
    assert_expands("$${GW_PORT}", "${GW_PORT}");
    assert_expands("a$${b", "a${b");
    assert_expands("${GW_PORT}$${GW_PORT}", "8001${GW_PORT}");
    assert_expands("$5 $x $$ {a}", "$5 $x $$ {a}");
}

static void what_a_variable_holds_is_not_expanded_again(void **state)
{
    (void)state;
    assert_expands("${GW_NESTED}", "${GW_PORT}");
}

static void an_unset_variable_without_default_is_an_error(void **state)
{
    (void)state;
    assert_refused("a ${GW_UNSET}",
                   "the environment variable `GW_UNSET` is not set, expected a value for it or a "
                   "default as in ${GW_UNSET:-default}");
}

static void a_broken_reference_is_an_error(void **state)
{
    (void)state;
    assert_refused("${GW_PORT", "`${` without its `}`, expected ${NAME} or ${NAME:-default} ($${ "
                                "stands for a literal ${)");
    static const char *const broken[][2] = {
        {"${}", "`${}`"},
        {"${9A}", "`${9A}`"},
        {"${GW_PORT:8}", "`${GW_PORT:8}`"},
        {"${GW-PORT}", "`${GW-PORT}`"},
        {"${ GW_PORT}", "`${ GW_PORT}`"},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct gw_slice message =
            gw_pool_printf(&pool,
                           "%s is not a variable, expected ${NAME} or ${NAME:-default} ($${ stands "
                           "for a literal ${)",
                           broken[i][1]);
        assert_refused(broken[i][0], message.base);
    }
}

int main(void)
{
    setenv("GW_HOST", "example.com", 1);
    setenv("GW_PORT", "8001", 1);
    setenv("GW_EMPTY", "", 1);
    setenv("GW_NESTED", "${GW_PORT}", 1);
    unsetenv("GW_UNSET");
    h2o_mem_init_pool(&pool);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_is_replaced_wherever_it_stands),
        cmocka_unit_test(a_default_stands_for_what_is_unset_or_empty),
        cmocka_unit_test(two_dollars_are_literal),
        cmocka_unit_test(what_a_variable_holds_is_not_expanded_again),
        cmocka_unit_test(an_unset_variable_without_default_is_an_error),
        cmocka_unit_test(a_broken_reference_is_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    h2o_mem_clear_pool(&pool);
    return failed;
}
