#include "tls/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

static void assert_client(const char *common_name, const char *names, const char *subject,
                          const char *shown_names)
{
    struct identity i = issue(common_name, names, NULL);
    struct gw_tls_client *client = gw_tls_client_create(i.certificate);
    char expected[8192];
    assert_int_equal(client->subject.len, strlen(subject));
    assert_memory_equal(client->subject.base, subject, client->subject.len);
    assert_int_equal(client->names.len, strlen(shown_names));
    assert_memory_equal(client->names.base, shown_names, client->names.len);

    unsigned char digest[32];
    X509_digest(i.certificate, EVP_sha256(), digest, NULL);
    int n = snprintf(expected, sizeof(expected), "Hash=");
    for (size_t k = 0; k < sizeof(digest); k++)
        n += snprintf(expected + n, sizeof(expected) - (size_t)n, "%02x", digest[k]);
    n += snprintf(expected + n, sizeof(expected) - (size_t)n, ";Subject=\"%s\"%s%s", subject,
                  shown_names[0] ? ";" : "", shown_names);
    assert_int_equal(client->forwarded.len, n);
    assert_memory_equal(client->forwarded.base, expected, (size_t)n);
    free(client);
    forget(&i);
}

static void subject_and_names_are_told(void **state)
{
    (void)state;
    assert_client("alice", NULL, "CN=alice,O=Example", "");
    assert_client("alice",
                  "DNS:a.example,URI:spiffe://example/alice,DNS:b.example,email:a@b.example",
                  "CN=alice,O=Example", "URI=spiffe://example/alice;DNS=a.example;DNS=b.example");
}

static void what_would_break_the_form_is_escaped(void **state)
{
    (void)state;
    assert_client("a\"b,c;d", NULL, "CN=a\\\"b\\,c\\;d,O=Example", "");
    assert_client("caf\xc3\xa9\n", NULL, "CN=caf\\C3\\A9\\0A,O=Example", "");
}

static void add_names(X509 *certificate, const char *const *values, size_t count)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    for (size_t i = 0; i < count; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, values[i], -1);
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        sk_GENERAL_NAME_push(names, name);
    }
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
    GENERAL_NAMES_free(names);
}

static void assert_names(const char *const *values, size_t count, const char *expected)
{
    struct identity i = issue("alice", NULL, NULL);
    add_names(i.certificate, values, count);
    struct gw_tls_client *client = gw_tls_client_create(i.certificate);
    assert_int_equal(client->names.len, strlen(expected));
    assert_memory_equal(client->names.base, expected, client->names.len);
    assert_true(gw_slice_ends_with(client->forwarded, client->names));
    free(client);
    forget(&i);
}

static void names_are_quoted_where_needed(void **state)
{
    (void)state;
    static const char *const values[] = {"a:b", "a;b", "a,b", "a=b", "a\"b\\c"};
    assert_names(values, 5, "URI=a:b;URI=\"a;b\";URI=\"a,b\";URI=\"a=b\";URI=\"a\\\"b\\\\c\"");
}

static void names_that_are_not_visible_ascii_are_left_out(void **state)
{
    (void)state;
    static const char *const values[] = {"a", "b\r\nX-Admin: 1", "c d", "\xc3\xa9", "", "e"};
    assert_names(values, 6, "URI=a;URI=e");
}

static void names_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    static char longest[GW_TLS_NAMES_MAX - 4 + 1], longer[GW_TLS_NAMES_MAX - 4 + 2];
    memset(longest, 'x', sizeof(longest) - 1);
    memset(longer, 'x', sizeof(longer) - 1);
    char expected[GW_TLS_NAMES_MAX + 1];
    snprintf(expected, sizeof(expected), "URI=%s", longest);
    assert_names((const char *const[]){longest, "a"}, 2, expected);
    assert_names((const char *const[]){longer, "a"}, 2, "URI=a");
}

static void a_subject_that_is_too_long_is_left_empty(void **state)
{
    (void)state;
    struct identity i = issue("alice", NULL, NULL);
    for (int n = 0; n < 20; n++)
        X509_NAME_add_entry_by_txt(
            X509_get_subject_name(i.certificate), "OU", MBSTRING_UTF8,
            (const unsigned char *)"0123456789012345678901234567890123456789012345678901234567890",
            -1, -1, 0);
    struct gw_tls_client *client = gw_tls_client_create(i.certificate);
    assert_int_equal(client->subject.len, 0);
    assert_true(gw_slice_ends_with(client->forwarded, GW_SLICE(";Subject=\"\"")));
    free(client);
    forget(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subject_and_names_are_told),
        cmocka_unit_test(what_would_break_the_form_is_escaped),
        cmocka_unit_test(names_are_quoted_where_needed),
        cmocka_unit_test(names_that_are_not_visible_ascii_are_left_out),
        cmocka_unit_test(names_that_do_not_fit_are_left_out),
        cmocka_unit_test(a_subject_that_is_too_long_is_left_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
