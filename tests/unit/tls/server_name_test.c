#include "tls/server_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

/* The extension that a client sends for `name`. */
static struct gw_buf extension_of(struct gw_slice name)
{
    struct gw_buf out = GW_BUF_HEAP;
    const unsigned char head[] = {(unsigned char)((name.len + 3) >> 8),
                                  (unsigned char)(name.len + 3), 0, (unsigned char)(name.len >> 8),
                                  (unsigned char)name.len};
    gw_buf_append(&out, gw_slice(head, sizeof(head)));
    gw_buf_append(&out, name);
    return out;
}

static void assert_parsed(const char *name, const char *expected)
{
    char found[GW_TLS_NAME_MAX + 1] = "";
    struct gw_buf extension = extension_of(gw_slice_str(name));
    int result = gw_tls_server_name_parse(gw_buf_slice(&extension), found);
    if (expected != NULL) {
        assert_int_equal(result, 0);
        assert_string_equal(found, expected);
    } else {
        assert_int_equal(result, -1);
    }
    gw_buf_dispose(&extension);
}

static void a_host_name_is_found_in_lower_case(void **state)
{
    (void)state;
    assert_parsed("api.example.com", "api.example.com");
    assert_parsed("API.Example.COM", "api.example.com");
    assert_parsed("localhost", "localhost");
    assert_parsed("my_host-1.a", "my_host-1.a");
}

static void what_is_no_host_name_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",    ".",   "a.",  ".a", "a..b",
                                        "*.a", "a/b", "a b", "[1", "a\n"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_parsed(names[i], NULL);
    assert_int_equal(gw_tls_server_name_parse(GW_SLICE("\0\6\0\0\3a\0b"), (char[256]){0}), -1);
}

static void a_name_has_at_most_255_bytes(void **state)
{
    (void)state;
    char name[257];
    memset(name, 'a', 256);
    name[256] = '\0';
    assert_parsed(name, NULL);
    name[255] = '\0';
    assert_parsed(name, name);
}

static void every_cut_and_wrong_length_is_refused(void **state)
{
    (void)state;
    char found[GW_TLS_NAME_MAX + 1];
    struct gw_buf whole = extension_of(GW_SLICE("a.example"));
    for (size_t length = 0; length < whole.len; length++)
        assert_int_equal(gw_tls_server_name_parse(gw_slice(whole.base, length), found), -1);
    for (size_t at = 0; at < 5; at++) {
        whole.base[at]++;
        assert_int_equal(gw_tls_server_name_parse(gw_buf_slice(&whole), found), -1);
        whole.base[at]--;
    }
    assert_int_equal(gw_tls_server_name_parse(gw_buf_slice(&whole), found), 0);
    gw_buf_dispose(&whole);
}

static void a_certificates_name_may_be_a_wildcard(void **state)
{
    (void)state;
    char found[GW_TLS_NAME_MAX + 1];
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("*.Example.com"), found), 0);
    assert_string_equal(found, "*.example.com");
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("A.b"), found), 0);
    assert_string_equal(found, "a.b");
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("*."), found), -1);
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("*"), found), -1);
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("a.*.b"), found), -1);
    assert_int_equal(gw_tls_server_name_normalize(GW_SLICE("f*.b"), found), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_name_is_found_in_lower_case),
        cmocka_unit_test(what_is_no_host_name_is_refused),
        cmocka_unit_test(a_name_has_at_most_255_bytes),
        cmocka_unit_test(every_cut_and_wrong_length_is_refused),
        cmocka_unit_test(a_certificates_name_may_be_a_wildcard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
