#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static void assert_text(const struct gw_buf *b, const char *expected)
{
    assert_int_equal(b->len, strlen(expected));
    if (b->len > 0)
        assert_memory_equal(b->base, expected, b->len);
}

static void bytes_are_appended_in_order(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    gw_buf_append(&b, GW_SLICE("abc"));
    gw_buf_append(&b, gw_slice(NULL, 0));
    gw_buf_append_byte(&b, '-');
    gw_buf_printf(&b, "%d/%s", 7, "x");
    assert_text(&b, "abc-7/x");
    assert_string_equal(gw_buf_terminate(&b), "abc-7/x");
    assert_text(&b, "abc-7/x");
    gw_buf_dispose(&b);
    assert_null(b.base);
    gw_buf_dispose(&b);
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_buf buffers[2] = {GW_BUF_HEAP, gw_buf_in_pool(&pool)};
    for (int k = 0; k < 2; k++) {
        struct gw_buf *b = &buffers[k];
        for (int i = 0; i < 100000; i++)
            gw_buf_append_byte(b, (char)(i * 7));
        assert_int_equal(b->len, 100000);
        for (int i = 0; i < 100000; i++)
            assert_int_equal(b->base[i], (char)(i * 7));
        assert_true(b->capacity < 2 * 100000 + 128);
        gw_buf_dispose(b);
    }
    h2o_mem_clear_pool(&pool);
}

static void a_large_append_fits_at_once(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    char *large = gw_alloc(1000000);
    memset(large, 'x', 1000000);
    gw_buf_append(&b, GW_SLICE("a"));
    gw_buf_append(&b, gw_slice(large, 1000000));
    assert_int_equal(b.len, 1000001);
    assert_memory_equal(b.base + 1, large, 1000000);
    gw_buf_printf(&b, "%.*s", 5000, large);
    assert_int_equal(b.len, 1005001);
    free(large);
    gw_buf_dispose(&b);
}

static void what_is_reserved_can_be_written(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    for (size_t n = 1; n < 3000; n += 111) {
        memset(gw_buf_reserve(&b, n), 'y', n);
        b.len += n;
    }
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.base[i], 'y');
    gw_buf_dispose(&b);
}

static void numbers_are_decimal(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, 4294967296, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        char expected[32];
        struct gw_buf b = GW_BUF_HEAP;
        gw_buf_append_i64(&b, numbers[i]);
        snprintf(expected, sizeof(expected), "%lld", (long long)numbers[i]);
        assert_text(&b, expected);
        b.len = 0;
        gw_buf_append_u64(&b, (uint64_t)numbers[i]);
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)numbers[i]);
        assert_text(&b, expected);
        gw_buf_dispose(&b);
    }
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        struct gw_slice text;
        const char *json;
    } cases[] = {
        {{NULL, 0}, "\"\""},
        {GW_SLICE_INIT("plain text"), "\"plain text\""},
        {GW_SLICE_INIT("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {GW_SLICE_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {GW_SLICE_INIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {GW_SLICE_INIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {GW_SLICE_INIT("a\xff"
                       "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {GW_SLICE_INIT("\xc3"), "\"\xef\xbf\xbd\""},
        {GW_SLICE_INIT("\xffquoted \"text\" behind"), "\"\xef\xbf\xbdquoted \\\"text\\\" behind\""},
        {GW_SLICE_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_buf b = GW_BUF_HEAP;
        gw_buf_append_json_string(&b, cases[i].text);
        assert_text(&b, cases[i].json);
        gw_buf_dispose(&b);
    }
}

static void the_front_is_consumed(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    gw_buf_consume(&b, 0);
    gw_buf_append(&b, GW_SLICE("abcdef"));
    gw_buf_consume(&b, 2);
    assert_text(&b, "cdef");
    gw_buf_consume(&b, 4);
    assert_text(&b, "");
    gw_buf_dispose(&b);
}

static void a_special_byte_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t length = 1; length < 40; length++) {
        for (size_t at = 0; at < length; at++) {
            char text[40], wanted[48];
            memset(text, 'x', length);
            text[at] = '"';
            snprintf(wanted, sizeof(wanted), "\"%.*s\\\"%.*s\"", (int)at, text,
                     (int)(length - at - 1), text + at + 1);
            struct gw_buf b = GW_BUF_HEAP;
            gw_buf_append_json_string(&b, gw_slice(text, length));
            assert_text(&b, wanted);
            gw_buf_dispose(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_in_order),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(a_large_append_fits_at_once),
        cmocka_unit_test(what_is_reserved_can_be_written),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(a_special_byte_is_found_at_every_place),
        cmocka_unit_test(the_front_is_consumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
