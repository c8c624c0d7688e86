#include "base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

static gw_pool pool;

static int setup(void **state)
{
    (void)state;
    h2o_mem_init_pool(&pool);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    h2o_mem_clear_pool(&pool);
    return 0;
}

static void assert_buf(const struct gw_buf *b, struct gw_slice expected)
{
    assert_int_equal(b->len, expected.len);
    if (expected.len > 0)
        assert_memory_equal(b->base, expected.base, expected.len);
}

/* RFC 4648 section 10, and the end of the alphabet. */
static const struct {
    struct gw_slice bytes, standard, url_safe;
} base64_cases[] = {
    {GW_SLICE_INIT(""), GW_SLICE_INIT(""), GW_SLICE_INIT("")},
    {GW_SLICE_INIT("f"), GW_SLICE_INIT("Zg=="), GW_SLICE_INIT("Zg")},
    {GW_SLICE_INIT("fo"), GW_SLICE_INIT("Zm8="), GW_SLICE_INIT("Zm8")},
    {GW_SLICE_INIT("foo"), GW_SLICE_INIT("Zm9v"), GW_SLICE_INIT("Zm9v")},
    {GW_SLICE_INIT("foob"), GW_SLICE_INIT("Zm9vYg=="), GW_SLICE_INIT("Zm9vYg")},
    {GW_SLICE_INIT("fooba"), GW_SLICE_INIT("Zm9vYmE="), GW_SLICE_INIT("Zm9vYmE")},
    {GW_SLICE_INIT("foobar"), GW_SLICE_INIT("Zm9vYmFy"), GW_SLICE_INIT("Zm9vYmFy")},
    {GW_SLICE_INIT("\xfb\xff\xbf\0"), GW_SLICE_INIT("+/+/AA=="), GW_SLICE_INIT("-_-_AA")},
};
#define BASE64_CASE_COUNT (sizeof(base64_cases) / sizeof(*base64_cases))

static void base64_follows_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE64_CASE_COUNT; i++) {
        struct gw_buf out = gw_buf_in_pool(&pool);
        gw_buf_append(&out, GW_SLICE(">"));
        gw_base64_encode(&out, base64_cases[i].bytes);
        assert_int_equal(out.base[0], '>');
        gw_buf_consume(&out, 1);
        assert_buf(&out, base64_cases[i].standard);
        struct gw_slice texts[] = {base64_cases[i].standard, base64_cases[i].url_safe};
        for (size_t k = 0; k < 2; k++) {
            out.len = 0;
            assert_int_equal(gw_base64_decode(&out, texts[k]), 0);
            assert_buf(&out, base64_cases[i].bytes);
        }
    }
}

static void base64_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t count = 0; count < 200; count++) {
        char bytes[200];
        gw_random_bytes(bytes, count);
        struct gw_buf text = gw_buf_in_pool(&pool), back = gw_buf_in_pool(&pool);
        gw_base64_encode(&text, gw_slice(bytes, count));
        assert_int_equal(text.len, (count + 2) / 3 * 4);
        assert_int_equal(gw_base64_decode(&back, gw_buf_slice(&text)), 0);
        assert_buf(&back, gw_slice(bytes, count));
    }
}

static void what_is_not_base64_is_refused(void **state)
{
    (void)state;
    static const char *const invalid[] = {"A",    "AAAAA",  "=",        "==",      "====", "A===",
                                          "AA=",  "AAA==",  "AAAAA===", "AA=A",    "A=AA", "AAA*",
                                          "AA A", "AAAA\n", "AA==AA==", "Zg==\xff"};
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        struct gw_buf out = gw_buf_in_pool(&pool);
        gw_buf_append(&out, GW_SLICE("before"));
        assert_int_equal(gw_base64_decode(&out, gw_slice_str(invalid[i])), -1);
        assert_buf(&out, GW_SLICE("before"));
    }
}

static void hex_is_lower_case_and_read_in_either(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0x9a, 0xbc, 0xff};
    char text[10];
    uint8_t back[5];
    gw_hex_encode(text, bytes, 5);
    assert_memory_equal(text, "00019abcff", 10);
    assert_int_equal(gw_hex_decode(back, 5, gw_slice(text, 10)), 0);
    assert_memory_equal(back, bytes, 5);
    assert_int_equal(gw_hex_decode(back, 5, GW_SLICE("00019ABCFF")), 0);
    assert_memory_equal(back, bytes, 5);
}

static void what_is_not_hex_is_refused(void **state)
{
    (void)state;
    static const char *const invalid[] = {"", "0", "012", "01234", "0g12", "01 2", "01-2", "0x12"};
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        uint8_t out[2] = {7, 7};
        assert_int_equal(gw_hex_decode(out, 2, gw_slice_str(invalid[i])), -1);
        assert_int_equal(out[0], 7);
    }
}

static void percent_escapes_are_decoded(void **state)
{
    (void)state;
    static const struct {
        struct gw_slice text, path, query;
    } cases[] = {
        {GW_SLICE_INIT(""), GW_SLICE_INIT(""), GW_SLICE_INIT("")},
        {GW_SLICE_INIT("abc"), GW_SLICE_INIT("abc"), GW_SLICE_INIT("abc")},
        {GW_SLICE_INIT("a%20b%2Fc%2f"), GW_SLICE_INIT("a b/c/"), GW_SLICE_INIT("a b/c/")},
        {GW_SLICE_INIT("a+b%2B"), GW_SLICE_INIT("a+b+"), GW_SLICE_INIT("a b+")},
        {GW_SLICE_INIT("%00%ff%C3%A4"), GW_SLICE_INIT("\0\xff\xc3\xa4"),
         GW_SLICE_INIT("\0\xff\xc3\xa4")},
        {GW_SLICE_INIT("%2525"), GW_SLICE_INIT("%25"), GW_SLICE_INIT("%25")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_slice decoded;
        size_t position;
        assert_int_equal(gw_percent_decode(&pool, cases[i].text, false, &decoded, &position), 0);
        assert_true(gw_slice_eq(decoded, cases[i].path));
        assert_int_equal(gw_percent_decode(&pool, cases[i].text, true, &decoded, &position), 0);
        assert_true(gw_slice_eq(decoded, cases[i].query));
    }
}

static void nothing_is_copied_where_nothing_is_escaped(void **state)
{
    (void)state;
    struct gw_slice text = GW_SLICE("a+b"), decoded;
    size_t position;
    assert_int_equal(gw_percent_decode(&pool, text, false, &decoded, &position), 0);
    assert_ptr_equal(decoded.base, text.base);
}

static void a_broken_escape_is_named_by_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t position;
    } cases[] = {{"%", 0}, {"a%2", 1}, {"%41%4", 3}, {"ab%zz", 2}, {"%%41", 0}, {"%4%41", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_slice decoded = GW_SLICE("untouched");
        size_t position = 99;
        assert_int_equal(
            gw_percent_decode(&pool, gw_slice_str(cases[i].text), false, &decoded, &position), -1);
        assert_int_equal(position, cases[i].position);
        assert_true(gw_slice_eq(decoded, GW_SLICE("untouched")));
    }
}

static void grpc_messages_come_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        struct gw_slice text, encoded;
    } cases[] = {
        {GW_SLICE_INIT(""), GW_SLICE_INIT("")},
        {GW_SLICE_INIT("user not found"), GW_SLICE_INIT("user not found")},
        {GW_SLICE_INIT("100% \n~\x7f"), GW_SLICE_INIT("100%25 %0A~%7F")},
        {GW_SLICE_INIT(" a b "), GW_SLICE_INIT("%20a b%20")},
        {GW_SLICE_INIT(" "), GW_SLICE_INIT("%20")},
        {GW_SLICE_INIT("\xc3\xa4\0"), GW_SLICE_INIT("%C3%A4%00")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_buf out = gw_buf_in_pool(&pool);
        gw_grpc_message_encode(&out, cases[i].text);
        assert_buf(&out, cases[i].encoded);
        out.len = 0;
        gw_grpc_message_decode(&out, cases[i].encoded);
        assert_buf(&out, cases[i].text);
    }
}

static void a_broken_grpc_message_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *encoded, *text;
    } cases[] = {{"100%", "100%"}, {"%4", "%4"}, {"%zz%41", "%zzA"}, {"%%41", "%A"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_buf out = gw_buf_in_pool(&pool);
        gw_grpc_message_decode(&out, gw_slice_str(cases[i].encoded));
        assert_buf(&out, gw_slice_str(cases[i].text));
    }
}

static void pieces_of_base64_are_put_together(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes; /* NULL: it is none */
    } cases[] = {
        {"", ""},
        {"YWJj", "abc"},
        {"YWJjZA==", "abcd"},
        {"YWJjZA", "abcd"},
        {"YQ==YmM=ZGVm", "abcdef"},
        {"YQ==YQ==", "aa"},
        {"YQ==Y", NULL},
        {"YQ=", NULL},
        {"=", NULL},
        {"====", NULL},
        {"YWJj====", NULL},
        {"YQ==!WJj", NULL},
        {"YQ=a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_buf out = gw_buf_in_pool(&pool);
        gw_buf_append(&out, GW_SLICE("-"));
        int rc = gw_base64_decode_pieces(&out, gw_slice_str(cases[i].text));
        assert_int_equal(rc, cases[i].bytes != NULL ? 0 : -1);
        assert_buf(&out, gw_pool_printf(&pool, "-%s", rc == 0 ? cases[i].bytes : ""));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(base64_follows_the_vectors),
        TEST(base64_comes_back_as_it_was),
        TEST(what_is_not_base64_is_refused),
        TEST(pieces_of_base64_are_put_together),
        TEST(hex_is_lower_case_and_read_in_either),
        TEST(what_is_not_hex_is_refused),
        TEST(percent_escapes_are_decoded),
        TEST(nothing_is_copied_where_nothing_is_escaped),
        TEST(a_broken_escape_is_named_by_its_place),
        TEST(grpc_messages_come_back_as_they_were),
        TEST(a_broken_grpc_message_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
