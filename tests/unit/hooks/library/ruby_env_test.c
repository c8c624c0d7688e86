#include "hooks/library/ruby_env.h"

#include <stdlib.h>

#include "../ruby.h"

static int setup(void **state)
{
    setenv("SLUICE_TEST_SET", "a value", 1);
    setenv("SLUICE_TEST_EMPTY", "", 1);
    unsetenv("SLUICE_TEST_UNSET");
    return open_ruby(state, gw_hook_env_define);
}

static void variables_are_read_by_name(void **state)
{
    assert_ruby(*state, "%w(SET EMPTY UNSET).map { |n| Sluice.env[\"SLUICE_TEST_#{n}\"] }",
                "[\"a value\", \"\", nil]");
    assert_ruby(*state, "%w(SET EMPTY UNSET).map { |n| Sluice.env.key?(\"SLUICE_TEST_#{n}\") }",
                "[true, true, false]");
    assert_ruby(*state, "ENV['SLUICE_TEST_SET']", "\"a value\"");
}

static void what_is_not_set_has_a_default(void **state)
{
    assert_ruby(*state, "Sluice.env.fetch('SLUICE_TEST_SET', 'x')", "\"a value\"");
    assert_ruby(*state, "Sluice.env.fetch('SLUICE_TEST_UNSET', 'x')", "\"x\"");
    assert_ruby(*state, "Sluice.env.fetch('SLUICE_TEST_UNSET') { |name| name.size }", "17");
    assert_ruby(*state, "Sluice.env.fetch('SLUICE_TEST_UNSET')",
                "KeyError: key not found: \"SLUICE_TEST_UNSET\"");
}

static void the_environment_cannot_be_changed(void **state)
{
    mrb_state *mrb = *state;
    assert_ruby(mrb, "Sluice.env.respond_to?(:[]=)", "false");
    assert_ruby(mrb, "Sluice.env[\"A\\0B\"]", "ArgumentError: string contains null byte");
    assert_ruby(mrb, "Sluice.env[nil]", "TypeError: nil cannot be converted to String");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_read_by_name),
        cmocka_unit_test(what_is_not_set_has_a_default),
        cmocka_unit_test(the_environment_cannot_be_changed),
    };
    return cmocka_run_group_tests(tests, setup, close_ruby);
}
