#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"

static void assert_escaped(struct gw_slice text, const char *expected)
{
    struct gw_buf out = GW_BUF_HEAP;
    gw_print_escaped(&out, text);
    assert_string_equal(gw_buf_terminate(&out), expected);
    gw_buf_dispose(&out);
}

static void text_stays_as_it_is(void **state)
{
    (void)state;
    assert_escaped(GW_SLICE(""), "");
    assert_escaped(GW_SLICE("a b \"c\" \\ ~"), "a b \"c\" \\ ~");
    assert_escaped(GW_SLICE("Gr\xc3\xbc\xc3\x9f"
                            "e \xe2\x82\xac \xf0\x9f\x98\x80"),
                   "Gr\xc3\xbc\xc3\x9f"
                   "e \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_escaped(GW_SLICE("\xc2\xa0"), "\xc2\xa0");
}

static void control_characters_are_written_out(void **state)
{
    (void)state;
    assert_escaped(GW_SLICE("\x1b[31mred\x07\n\t\r"), "\\x1b[31mred\\x07\\x0a\\x09\\x0d");
    assert_escaped(gw_slice("a\0b", 3), "a\\x00b");
    assert_escaped(GW_SLICE("\x7f"), "\\x7f");
    assert_escaped(GW_SLICE("\xc2\x9b"
                            "31m"),
                   "\\xc2\\x9b31m"); /* CSI of C1 */
}

static void bytes_that_are_not_utf8_are_written_out(void **state)
{
    (void)state;
    assert_escaped(GW_SLICE("a\xff\xc3"), "a\\xff\\xc3");
    assert_escaped(GW_SLICE("\x9b"
                            "31m"),
                   "\\x9b31m");
}

static void a_line_is_one(void **state)
{
    (void)state;
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    gw_print_line(out, "%s: %d", "a\nb", 7);
    fclose(out);
    assert_string_equal(text, "a\\x0ab: 7\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays_as_it_is),
        cmocka_unit_test(control_characters_are_written_out),
        cmocka_unit_test(bytes_that_are_not_utf8_are_written_out),
        cmocka_unit_test(a_line_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
