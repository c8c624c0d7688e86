#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The first and last of each row of the table in RFC 3629 section 4. */
static const struct {
    uint32_t code_point;
    struct gw_slice bytes;
} valid[] = {
    {0, GW_SLICE_INIT("\0")},
    {0x7f, GW_SLICE_INIT("\x7f")},
    {0x80, GW_SLICE_INIT("\xc2\x80")},
    {0x7ff, GW_SLICE_INIT("\xdf\xbf")},
    {0x800, GW_SLICE_INIT("\xe0\xa0\x80")},
    {0xfff, GW_SLICE_INIT("\xe0\xbf\xbf")},
    {0x1000, GW_SLICE_INIT("\xe1\x80\x80")},
    {0xd7ff, GW_SLICE_INIT("\xed\x9f\xbf")},
    {0xe000, GW_SLICE_INIT("\xee\x80\x80")},
    {0xfffd, GW_SLICE_INIT("\xef\xbf\xbd")},
    {0xffff, GW_SLICE_INIT("\xef\xbf\xbf")},
    {0x10000, GW_SLICE_INIT("\xf0\x90\x80\x80")},
    {0x3ffff, GW_SLICE_INIT("\xf0\xbf\xbf\xbf")},
    {0x40000, GW_SLICE_INIT("\xf1\x80\x80\x80")},
    {0x10ffff, GW_SLICE_INIT("\xf4\x8f\xbf\xbf")},
};
#define VALID_COUNT (sizeof(valid) / sizeof(*valid))

static void characters_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID_COUNT; i++) {
        char out[4];
        assert_int_equal(gw_utf8_put(out, valid[i].code_point), valid[i].bytes.len);
        assert_memory_equal(out, valid[i].bytes.base, valid[i].bytes.len);
        assert_int_equal(gw_utf8_step(valid[i].bytes), valid[i].bytes.len);
        assert_int_equal(gw_utf8_check(valid[i].bytes), valid[i].bytes.len);
    }
}

static void every_code_point_is_read_as_written(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        char out[4];
        if (code_point >= 0xd800 && code_point <= 0xdfff)
            continue;
        size_t len = gw_utf8_put(out, code_point);
        if (gw_utf8_step(gw_slice(out, len)) != len)
            fail_msg("U+%X", code_point);
    }
}

static void a_cut_character_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID_COUNT; i++) {
        for (size_t len = 0; len < valid[i].bytes.len; len++)
            assert_int_equal(gw_utf8_step(gw_slice(valid[i].bytes.base, len)), 0);
    }
}

static void what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const struct gw_slice invalid[] = {
        GW_SLICE_INIT("\x80"), /* a tail alone */
        GW_SLICE_INIT("\xbf\x80"),
        GW_SLICE_INIT("\xc0\x80"), /* overlong */
        GW_SLICE_INIT("\xc1\xbf"),
        GW_SLICE_INIT("\xe0\x80\x80"),
        GW_SLICE_INIT("\xe0\x9f\xbf"),
        GW_SLICE_INIT("\xf0\x80\x80\x80"),
        GW_SLICE_INIT("\xf0\x8f\xbf\xbf"),
        GW_SLICE_INIT("\xed\xa0\x80"), /* surrogates */
        GW_SLICE_INIT("\xed\xbf\xbf"),
        GW_SLICE_INIT("\xf4\x90\x80\x80"), /* above U+10FFFF */
        GW_SLICE_INIT("\xf5\x80\x80\x80"),
        GW_SLICE_INIT("\xff\x80\x80\x80"),
        GW_SLICE_INIT("\xc2\x41"), /* no tail */
        GW_SLICE_INIT("\xe1\x80\x41"),
        GW_SLICE_INIT("\xe1\x41\x80"),
        GW_SLICE_INIT("\xf1\x80\x80\x41"),
        GW_SLICE_INIT("\xf1\x80\xc0\x80"),
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        assert_int_equal(gw_utf8_step(invalid[i]), 0);
        assert_int_equal(gw_utf8_check(invalid[i]), 0);
    }
}

static void the_first_bad_byte_is_found_anywhere(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        char text[40];
        memset(text, 'a', sizeof(text));
        assert_int_equal(gw_utf8_check(gw_slice(text, len)), len);
        for (size_t at = 0; at < len; at++) {
            text[at] = '\xff';
            assert_int_equal(gw_utf8_check(gw_slice(text, len)), at);
            text[at] = 'a';
        }
        if (len >= 2) {
            memcpy(text + len - 2, "\xc3\xa4", 2);
            assert_int_equal(gw_utf8_check(gw_slice(text, len)), len);
            assert_int_equal(gw_utf8_check(gw_slice(text, len - 1)), len - 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_written_and_read),
        cmocka_unit_test(every_code_point_is_read_as_written),
        cmocka_unit_test(a_cut_character_is_none),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(the_first_bad_byte_is_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
