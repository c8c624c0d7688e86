#include "config/diagnostics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "printed.h"

static void assert_printed(struct gw_diagnostics *d, const char *expected)
{
    char *text = printed(d);
    assert_string_equal(text, expected);
    free(text);
}

static void they_are_shown_in_order_of_place(void **state)
{
    (void)state;
    struct gw_diagnostics d = {0};
    gw_diagnostics_add(&d, (struct gw_place){"b", 1, 1}, "five");
    gw_diagnostics_add(&d, (struct gw_place){"a", 10, 1}, "four");
    gw_diagnostics_add(&d, (struct gw_place){"a", 9, 10}, "three");
    gw_diagnostics_add(&d, (struct gw_place){"a", 9, 2}, "two %d", 2);
    gw_diagnostics_add(&d, (struct gw_place){"a", 0, 0}, "one");
    assert_printed(&d, "a: one\na:9:2: two 2\na:9:10: three\na:10:1: four\nb:1:1: five\n");
}

static void twice_the_same_is_shown_once(void **state)
{
    (void)state;
    struct gw_diagnostics d = {0};
    gw_diagnostics_add(&d, (struct gw_place){"a", 1, 1}, "same");
    gw_diagnostics_add(&d, (struct gw_place){"a", 1, 1}, "other");
    gw_diagnostics_add(&d, (struct gw_place){"a", 1, 1}, "same");
    assert_printed(&d, "a:1:1: other\na:1:1: same\n");
}

static void the_name_of_the_file_is_copied(void **state)
{
    (void)state;
    struct gw_diagnostics d = {0};
    char name[] = "a";
    gw_diagnostics_add(&d, (struct gw_place){name, 1, 1}, "message");
    name[0] = 'x';
    assert_printed(&d, "a:1:1: message\n");
}

static void a_terminal_need_not_obey_them(void **state)
{
    (void)state;
    struct gw_diagnostics d = {0};
    gw_diagnostics_add(&d, (struct gw_place){"a\x1b[2J", 1, 1},
                       "\"\x1b]0;x\a\" is wrong\nb:1:1: forged");
    gw_diagnostics_add(&d, (struct gw_place){"b\r", 0, 0},
                       "\xc2\x9b"
                       "1m \xff");
    assert_printed(&d, "a\\x1b[2J:1:1: \"\\x1b]0;x\\x07\" is wrong\\x0ab:1:1: forged\n"
                       "b\\x0d: \\xc2\\x9b1m \\xff\n");
}

static void none_prints_nothing(void **state)
{
    (void)state;
    struct gw_diagnostics d = {0};
    assert_printed(&d, "");
    gw_diagnostics_dispose(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_shown_in_order_of_place),
        cmocka_unit_test(twice_the_same_is_shown_once),
        cmocka_unit_test(the_name_of_the_file_is_copied),
        cmocka_unit_test(a_terminal_need_not_obey_them),
        cmocka_unit_test(none_prints_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
