#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"

static const char *const keys[] = {"name", "strategy", "endpoints", "timeout", "max_message"};

static const char *nearest(const char *name)
{
    static char out[64];
    return gw_nearest(out, sizeof(out), gw_slice_str(name), keys, 5);
}

static void one_wrong_letter_is_forgiven(void **state)
{
    (void)state;
    assert_string_equal(nearest("timout"), "; did you mean \"timeout\"?");
    assert_string_equal(nearest("timeouts"), "; did you mean \"timeout\"?");
    assert_string_equal(nearest("timeaut"), "; did you mean \"timeout\"?");
    assert_string_equal(nearest("nmae"), "; did you mean \"name\"?");
}

static void another_case_is_no_difference(void **state)
{
    (void)state;
    assert_string_equal(nearest("TimeOut"), "; did you mean \"timeout\"?");
    assert_string_equal(nearest("maxMessage"), "; did you mean \"max_message\"?");
}

static void another_word_has_no_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest("colour"), "");
    assert_string_equal(nearest("x"), "");
    assert_string_equal(nearest(""), "");
}

static void the_nearest_of_several_is_shown(void **state)
{
    (void)state;
    static const char *const methods[] = {"user.v1.UserService/SetUser",
                                          "user.v1.UserService/GetUser",
                                          "user.v1.UserService/GetUsers"};
    char out[64];
    assert_string_equal(
        gw_nearest(out, sizeof(out), GW_SLICE("user.v1.UserService/GetUsr"), methods, 3),
        "; did you mean \"user.v1.UserService/GetUser\"?");
}

static void a_small_buffer_cuts(void **state)
{
    (void)state;
    char out[10];
    assert_string_equal(gw_nearest(out, sizeof(out), GW_SLICE("nam"), keys, 5), "; did you");
}

static void an_endless_name_is_not_compared(void **state)
{
    (void)state;
    char name[4096], out[64];
    memset(name, 'a', sizeof(name));
    const char *const candidates[] = {name};
    name[4095] = '\0';
    assert_string_equal(gw_nearest(out, sizeof(out), gw_slice_str(name), candidates, 1), "");
    assert_string_equal(gw_nearest(out, sizeof(out), GW_SLICE("aaaa"), candidates, 1), "");
}

static void candidates_can_be_offered_one_by_one(void **state)
{
    (void)state;
    struct gw_nearest_search search;
    char out[64];
    gw_nearest_begin(&search, GW_SLICE("pagesize"));
    gw_nearest_offer(&search, GW_SLICE("page"));
    gw_nearest_offer(&search, GW_SLICE("page_size"));
    gw_nearest_offer(&search, GW_SLICE("image_size"));
    assert_string_equal(gw_nearest_hint(&search, out, sizeof(out)),
                        "; did you mean \"page_size\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wrong_letter_is_forgiven),
        cmocka_unit_test(another_case_is_no_difference),
        cmocka_unit_test(another_word_has_no_nearest),
        cmocka_unit_test(the_nearest_of_several_is_shown),
        cmocka_unit_test(a_small_buffer_cuts),
        cmocka_unit_test(an_endless_name_is_not_compared),
        cmocka_unit_test(candidates_can_be_offered_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
