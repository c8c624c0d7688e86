#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static void an_error_says_what_and_where(void **state)
{
    (void)state;
    struct gw_error error;
    assert_int_equal(gw_error_set(&error, GW_NOT_FOUND, 7, "no %s of %d", "user", 3), -1);
    assert_int_equal(error.status, GW_NOT_FOUND);
    assert_int_equal(error.position, 7);
    assert_string_equal(error.message, "no user of 3");
}

static void nobody_need_want_the_error(void **state)
{
    (void)state;
    assert_int_equal(gw_error_set(NULL, GW_INTERNAL, GW_NO_POSITION, "lost"), -1);
}

/* A text that ends with `tail`, so long that `kept` bytes of the tail fit. */
static size_t length_when_cut(const char *tail, size_t kept)
{
    struct gw_error error;
    char text[2 * sizeof(error.message)];
    size_t filling = sizeof(error.message) - 1 - kept;
    memset(text, 'x', filling);
    strcpy(text + filling, tail);
    gw_error_set(&error, GW_INTERNAL, 0, "%s", text);
    size_t len = strlen(error.message);
    assert_int_equal(gw_utf8_check(gw_slice(error.message, len)), len);
    assert_memory_equal(error.message, text, len);
    return len - filling;
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t size = 1; size <= 4; size++) {
        char tail[16];
        strcpy(tail, characters[size - 1]);
        strcat(tail, "abcd");
        for (size_t kept = 0; kept <= 4; kept++)
            assert_int_equal(length_when_cut(tail, kept), kept >= size ? kept : 0);
        assert_int_equal(length_when_cut(tail, size + 4), size + 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_what_and_where),
        cmocka_unit_test(nobody_need_want_the_error),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
