/* google.api.http as bytes that no compiler writes: each text below is one piece of the option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "set_text.h"

#define BEFORE                                                                                     \
    "file {name: 'a.proto' message_type {name: 'M'} service {name: 'S' method {name: 'D' "         \
    "input_type: '.M' output_type: '.M' options {"

static const char *with_option(const char *pieces)
{
    static char text[4096];
    snprintf(text, sizeof(text), BEFORE "%s }}}}", pieces);
    return text;
}

static struct gw_schema *accepted(const char *pieces, const struct gw_method **ret_method)
{
    struct gw_schema *schema = set_accepted(with_option(pieces));
    *ret_method = gw_schema_method(schema, GW_SLICE("S/D"));
    assert_non_null(*ret_method);
    return schema;
}

static void refused(const char *pieces, const char *what)
{
    char message[256];
    snprintf(message, sizeof(message), "a.binpb: a.proto: S/D: its http rule %s", what);
    set_refused(with_option(pieces), message);
}

static void options_without_a_rule_give_none(void **state)
{
    (void)state;
    const struct gw_method *method;
    struct gw_schema *schema = accepted("deprecated: true", &method);
    assert_int_equal(method->rule_count, 0);
    gw_schema_destroy(schema);
}

static void pieces_make_one_rule(void **state)
{
    (void)state;
    const struct gw_method *method;
    /* body, then custom.kind, then custom.path */
    struct gw_schema *schema =
        accepted("[raw.http]: '\\x3a\\x01*' [raw.http]: '\\x42\\x03\\n\\x01X'"
                 "[raw.http]: '\\x42\\x04\\x12\\x02/a'",
                 &method);
    assert_int_equal(method->rule_count, 1);
    assert_true(gw_slice_eq(method->rules[0].method, GW_SLICE("X")));
    assert_true(gw_slice_eq(method->rules[0].path, GW_SLICE("/a")));
    assert_true(gw_slice_eq(method->rules[0].body, GW_SLICE("*")));
    gw_schema_destroy(schema);
}

static void of_several_patterns_the_last_counts(void **state)
{
    (void)state;
    const struct gw_method *method;
    /* custom, get, then custom.path alone: its kind is gone */
    refused("[raw.http]: '\\x42\\x03\\n\\x01X\\x12\\x02/a\\x42\\x04\\x12\\x02/b'",
            "has a custom kind that is no HTTP method");
    struct gw_schema *schema = accepted("[raw.http]: '\\x12\\x02/a\\x2a\\x02/b'", &method);
    assert_int_equal(method->rule_count, 1);
    assert_true(gw_slice_eq(method->rules[0].method, GW_SLICE("DELETE")));
    assert_true(gw_slice_eq(method->rules[0].path, GW_SLICE("/b")));
    gw_schema_destroy(schema);
}

static void every_pattern_has_its_method(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *method;
    } patterns[] = {
        {"[raw.http]: '\\x12\\x01/'", "GET"},   {"[raw.http]: '\\x1a\\x01/'", "PUT"},
        {"[raw.http]: '\\x22\\x01/'", "POST"},  {"[raw.http]: '\\x2a\\x01/'", "DELETE"},
        {"[raw.http]: '\\x32\\x01/'", "PATCH"},
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const struct gw_method *method;
        struct gw_schema *schema = accepted(patterns[i].piece, &method);
        assert_true(gw_slice_eq(method->rules[0].method, gw_slice_str(patterns[i].method)));
        gw_schema_destroy(schema);
    }
}

static void a_rule_without_a_path_is_refused(void **state)
{
    (void)state;
    refused("[raw.http]: ''", "has no path");
    refused("[raw.http]: '\\x3a\\x01*'", "has no path");
    refused("[raw.http]: '\\x12\\x00'", "has no path");
    /* The rule is sound, its additional binding is not. */
    refused("[raw.http]: '\\x12\\x01/\\x5a\\x00'", "has no path");
}

static void a_custom_kind_is_an_http_method(void **state)
{
    (void)state;
    refused("[raw.http]: '\\x42\\x04\\x12\\x02/a'", "has a custom kind that is no HTTP method");
    refused("[raw.http]: '\\x42\\x07\\n\\x01 \\x12\\x02/a'",
            "has a custom kind that is no HTTP method");
    refused("[raw.http]: '\\x42\\x07\\n\\x01\\000\\x12\\x02/a'",
            "has a custom kind that is no HTTP method");
}

static void additional_bindings_do_not_nest(void **state)
{
    (void)state;
    refused("[raw.http]: '\\x12\\x01/\\x5a\\x08\\x12\\x01/\\x5a\\x03\\x12\\x01/'",
            "has additional_bindings in additional_bindings");
}

static void malformed_rules_are_refused(void **state)
{
    (void)state;
    refused("[raw.http]: '\\x12\\x05/'", "is malformed");
    refused("[raw.http]: '\\x10\\x01'", "is malformed");
    refused("[raw.http]: '\\x58\\x01'", "is malformed");
    refused("[raw.http]: '\\x42\\x02\\x08\\x01'", "is malformed");
    refused("[raw.http]: '\\x42\\x01\\n'", "is malformed");
    refused("[raw.http]: '\\x12\\x01/\\x13'", "is malformed");
    refused("[raw.http]: '\\x12\\x01\\377'", "is not UTF-8");
    refused("[raw.http]: '\\x12\\x01/\\x3a\\x01\\377'", "is not UTF-8");
    refused("[raw.http]: '\\x12\\x01/\\x62\\x01\\377'", "is not UTF-8");
}

static void an_option_of_another_type_is_refused(void **state)
{
    (void)state;
    /* The same tag as a varint: the whole set by hand. */
    static const char set[] =
        "\x0a\x22\x0a\x01\x78\x22\x03\x0a\x01\x4d\x32\x18\x0a\x01\x53\x12\x13\x0a"
        "\x01\x44\x12\x02\x2e\x4d\x1a\x02\x2e\x4d\x22\x06\x80\xd3\xe4\x93\x02\x00";
    struct gw_error error;
    struct gw_schema_source source = {gw_slice(set, sizeof(set) - 1), "a.binpb"};
    assert_null(gw_schema_load(&source, 1, &error));
    assert_string_equal(error.message, "a.binpb: x: S/D: its http rule is malformed");
}

static void fields_unknown_to_http_rule_are_skipped(void **state)
{
    (void)state;
    const struct gw_method *method;
    struct gw_schema *schema =
        accepted("[raw.http]: '\\x0a\\x01s\\x12\\x02/a\\xa8\\x06\\x01'", &method);
    assert_int_equal(method->rule_count, 1);
    gw_schema_destroy(schema);
}

static void a_method_has_at_most_a_thousand_rules(void **state)
{
    (void)state;
    for (int count = 999; count <= 1000; count++) {
        struct gw_buf text = GW_BUF_HEAP;
        gw_buf_append(&text, GW_SLICE(BEFORE "[raw.http]: '\\x12\\x01/"));
        for (int i = 0; i < count; i++)
            gw_buf_append(&text, GW_SLICE("\\x5a\\x03\\x12\\x01/"));
        gw_buf_append(&text, GW_SLICE("'}}}}"));
        gw_buf_terminate(&text);
        if (count == 999) {
            struct gw_schema *schema = set_accepted(text.base);
            assert_int_equal(gw_schema_method_at(schema, 0)->rule_count, 1000);
            gw_schema_destroy(schema);
        } else {
            set_refused(text.base,
                        "a.binpb: a.proto: S/D: its http rule has more than 1000 bindings");
        }
        gw_buf_dispose(&text);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_without_a_rule_give_none),
        cmocka_unit_test(pieces_make_one_rule),
        cmocka_unit_test(of_several_patterns_the_last_counts),
        cmocka_unit_test(every_pattern_has_its_method),
        cmocka_unit_test(a_rule_without_a_path_is_refused),
        cmocka_unit_test(a_custom_kind_is_an_http_method),
        cmocka_unit_test(additional_bindings_do_not_nest),
        cmocka_unit_test(malformed_rules_are_refused),
        cmocka_unit_test(an_option_of_another_type_is_refused),
        cmocka_unit_test(fields_unknown_to_http_rule_are_skipped),
        cmocka_unit_test(a_method_has_at_most_a_thousand_rules),
    };
    if (argc < 2)
        return 1;
    build_root = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
