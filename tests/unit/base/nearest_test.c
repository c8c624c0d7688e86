#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"

static const char *const names[] = {"upstream", "user", "timeout", "retry"};

static const char *nearest(const char *name)
{
    static char out[64];
    return gw_nearest(out, sizeof(out), gw_slice_str(name), names, 4);
}

static void a_slip_of_the_pen_is_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest("upstraem"), "; did you mean \"upstream\"?");
    assert_string_equal(nearest("usr"), "; did you mean \"user\"?");
    assert_string_equal(nearest("TimeOut"), "; did you mean \"timeout\"?");
    assert_string_equal(nearest("retryy"), "; did you mean \"retry\"?");
}

static void another_word_is_not_guessed_at(void **state)
{
    (void)state;
    assert_string_equal(nearest("page"), "");
    assert_string_equal(nearest("x"), "");
    assert_string_equal(nearest(""), "");
}

static void a_long_name_has_no_neighbour(void **state)
{
    (void)state;
    char name[1000];
    memset(name, 'a', sizeof(name));
    struct gw_nearest_search search;
    gw_nearest_begin(&search, gw_slice(name, sizeof(name)));
    gw_nearest_offer(&search, gw_slice(name, sizeof(name)));
    gw_nearest_offer(&search, gw_slice(name, 200));
    assert_null(search.found.base);
}

static void candidates_can_be_offered_one_by_one(void **state)
{
    (void)state;
    struct gw_nearest_search search;
    char out[32];
    gw_nearest_begin(&search, GW_SLICE("pagesize"));
    gw_nearest_offer(&search, GW_SLICE("page"));
    gw_nearest_offer(&search, GW_SLICE("page_size"));
    gw_nearest_offer(&search, GW_SLICE("image_size"));
    assert_string_equal(gw_nearest_hint(&search, out, sizeof(out)),
                        "; did you mean \"page_size\"?");
    assert_string_equal(gw_nearest_hint(&search, out, 8), "; did y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_pen_is_understood),
        cmocka_unit_test(another_word_is_not_guessed_at),
        cmocka_unit_test(a_long_name_has_no_neighbour),
        cmocka_unit_test(candidates_can_be_offered_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
