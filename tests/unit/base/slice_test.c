#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

static const struct gw_slice empty = {NULL, 0};

static void equality_is_by_bytes(void **state)
{
    (void)state;
    assert_true(gw_slice_eq(GW_SLICE("abc"), GW_SLICE("abc")));
    assert_false(gw_slice_eq(GW_SLICE("abc"), GW_SLICE("abd")));
    assert_false(gw_slice_eq(GW_SLICE("abc"), GW_SLICE("ab")));
    assert_false(gw_slice_eq(GW_SLICE("a\0b"), GW_SLICE("a\0c")));
    assert_true(gw_slice_eq(empty, GW_SLICE("")));
    assert_true(gw_slice_eq(gw_slice_str(NULL), empty));
    assert_true(gw_slice_eq(gw_slice_str("xy"), GW_SLICE("xy")));
}

static void case_of_ascii_letters_may_not_matter(void **state)
{
    (void)state;
    assert_true(gw_slice_eq_nocase(GW_SLICE("Content-TYPE"), GW_SLICE("cONTENT-type")));
    assert_false(gw_slice_eq_nocase(GW_SLICE("abc"), GW_SLICE("ab")));
    /* '@' and '`', '[' and '{' differ by the same bit as letters do. */
    assert_false(gw_slice_eq_nocase(GW_SLICE("@["), GW_SLICE("`{")));
    assert_false(gw_slice_eq_nocase(GW_SLICE("\xc4"), GW_SLICE("\xe4")));
    assert_true(gw_slice_eq_nocase(empty, empty));
}

/* Eight bytes are compared at once, then four, the rest one by one. */
static void case_matters_alike_at_every_place(void **state)
{
    (void)state;
    for (int one = 0; one < 256; one++) {
        for (int other = 0; other < 256; other++) {
            char a[15] = "0123456789abcde", b[15] = "0123456789ABCDE";
            static const size_t places[] = {0, 9, 13};
            for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                size_t at = places[i];
                a[at] = (char)one;
                b[at] = (char)other;
                bool same = one == other || (one < 128 && other < 128 && isalpha(one) &&
                                             tolower(one) == tolower(other));
                assert_int_equal(gw_slice_eq_nocase(gw_slice(a, 15), gw_slice(b, 15)), same);
                a[at] = b[at] = 'x';
            }
        }
    }
}

static void prefixes_and_suffixes_are_found(void **state)
{
    (void)state;
    assert_true(gw_slice_starts_with(GW_SLICE("abc"), GW_SLICE("ab")));
    assert_true(gw_slice_starts_with(GW_SLICE("abc"), empty));
    assert_false(gw_slice_starts_with(GW_SLICE("abc"), GW_SLICE("bc")));
    assert_false(gw_slice_starts_with(GW_SLICE("ab"), GW_SLICE("abc")));
    assert_true(gw_slice_ends_with(GW_SLICE("abc"), GW_SLICE("bc")));
    assert_true(gw_slice_ends_with(empty, empty));
    assert_false(gw_slice_ends_with(GW_SLICE("abc"), GW_SLICE("ab")));
    assert_false(gw_slice_ends_with(GW_SLICE("bc"), GW_SLICE("abc")));
    assert_true(gw_slice_eq(gw_slice_from(GW_SLICE("abc"), 1), GW_SLICE("bc")));
    assert_int_equal(gw_slice_from(GW_SLICE("abc"), 3).len, 0);
}

static void spaces_and_tabs_are_trimmed(void **state)
{
    (void)state;
    assert_true(gw_slice_eq(gw_slice_trim(GW_SLICE(" \t a b\t ")), GW_SLICE("a b")));
    assert_true(gw_slice_eq(gw_slice_trim(GW_SLICE("a\n")), GW_SLICE("a\n")));
    assert_int_equal(gw_slice_trim(GW_SLICE(" \t ")).len, 0);
    assert_int_equal(gw_slice_trim(empty).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_by_bytes),
        cmocka_unit_test(case_of_ascii_letters_may_not_matter),
        cmocka_unit_test(case_matters_alike_at_every_place),
        cmocka_unit_test(prefixes_and_suffixes_are_found),
        cmocka_unit_test(spaces_and_tabs_are_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
