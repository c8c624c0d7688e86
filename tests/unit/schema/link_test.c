/* Messages, fields, enums and methods that must not become tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../read_file.h"
#include "set_text.h"

#define A_FILE "a.binpb: a.proto: "

struct refused {
    const char *text, *message;
};

/* Each text stands between `before` and `after`. */
static void all_refused(const char *before, const struct refused *cases, size_t count,
                        const char *after)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048], message[512];
        snprintf(text, sizeof(text), "%s %s %s", before, cases[i].text, after);
        snprintf(message, sizeof(message), A_FILE "%s", cases[i].message);
        set_refused(text, message);
    }
}

#define ALL_REFUSED(before, cases, after)                                                          \
    all_refused(before, cases, sizeof(cases) / sizeof((cases)[0]), after)

#define PROTO3 "file {name: 'a.proto' package: 'p' syntax: 'proto3' "
#define PROTO2 "file {name: 'a.proto' package: 'p' "

static void a_type_that_is_missing_is_named(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_MESSAGE type_name: "
         "'.q.T'}}",
         "p.M.f refers to type q.T, which the set lacks; compile with --include_imports"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type_name: '.q.E'}}",
         "p.M.f refers to type q.E, which the set lacks; compile with --include_imports"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_MESSAGE type_name: 'M'}}",
         "p.M.f refers to type \"M\"; only absolute names (\".M\") are known"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_MESSAGE}}",
         "p.M.f refers to a type without a valid name"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_ENUM type_name: '.\\n'}}",
         "p.M.f refers to a type without a valid name"},
        {"message_type {name: 'M'} service {name: 'S' method {name: 'D' input_type: '.p.M' "
         "output_type: '.p.N'}}",
         "p.S/D refers to type p.N, which the set lacks; compile with --include_imports"},
    };
    ALL_REFUSED(PROTO3, cases, "}");
}

static void a_type_of_the_wrong_kind_is_refused(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_ENUM type_name: '.p.M'}}",
         "p.M.f: .p.M is no enum"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_MESSAGE type_name: "
         "'.p.S'}} service {name: 'S'}",
         "p.M.f: .p.S is no message"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type_name: '.p.S'}} service {name: "
         "'S'}",
         "p.M.f: .p.S is no enum"},
        {"message_type {name: 'M' field {name: 'f' number: 1 type: TYPE_INT32 type_name: '.p.M'}}",
         "p.M.f is a scalar and names a type"},
        {"message_type {name: 'M' field {name: 'f' number: 1}}", "p.M.f has no type"},
        {"enum_type {name: 'E' value {name: 'Z'}} service {name: 'S' method {name: 'D' "
         "input_type: '.p.E'}}",
         "p.S/D: .p.E is no message"},
    };
    ALL_REFUSED(PROTO3, cases, "}");
}

static void field_numbers_are_in_range_and_differ(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"number: 0", "p.M.f has number 0, which is out of range"},
        {"", "p.M.f has number 0, which is out of range"},
        {"number: -1", "p.M.f has number -1, which is out of range"},
        {"number: 536870912", "p.M.f has number 536870912, which is out of range"},
        {"number: 19000", "p.M.f has number 19000, which is out of range"},
        {"number: 19999", "p.M.f has number 19999, which is out of range"},
        {"number: 7", "p.M has number 7 twice: g and f"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M' field {name: 'g' number: 7 type: TYPE_BOOL} "
                       "field {name: 'f' type: TYPE_BOOL",
                cases, "}}}");
}

static void field_names_are_names_and_differ(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"", "p.M has a field without a valid name"},
        {"name: ''", "p.M has a field without a valid name"},
        {"name: 'a-b'", "p.M has a field without a valid name"},
        {"name: 'a\\377'", "p.M has a field without a valid name"},
        {"name: 'foo_bar'", "p.M has field foo_bar twice: 1 and 2"},
        {"name: 'fooBar'", "p.M has JSON name \"fooBar\" twice: foo_bar and fooBar"},
        {"name: 'f' json_name: 'fooBar'", "p.M has JSON name \"fooBar\" twice: foo_bar and f"},
        {"name: 'f' json_name: '\\303'", "p.M.f has a json_name that is not UTF-8"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M' field {name: 'foo_bar' number: 1 type: TYPE_BOOL} "
                       "field {number: 2 type: TYPE_BOOL",
                cases, "}}}");
}

static void proto2_fields_may_share_a_json_name(void **state)
{
    (void)state;
    struct gw_schema *schema =
        set_accepted("file {name: 'a.proto' message_type {name: 'M'"
                     "  field {name: 'foo_bar' number: 2 type: TYPE_BOOL}"
                     "  field {name: 'x' json_name: 'fooBar' number: 1 type: TYPE_BOOL}}}");
    const struct gw_message_type *m = gw_schema_message(schema, GW_SLICE("M"));
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("fooBar"))->number, 1);
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("foo_bar"))->number, 2);
    gw_schema_destroy(schema);
}

/* deprecated_legacy_json_field_conflicts = true: field 11, which protoc 3.21 cannot write;
 * map_entry is field 7. */
static void an_option_lets_proto3_fields_share_a_json_name(void **state)
{
    (void)state;
    struct gw_buf set = set_encode(PROTO3 "message_type {name: 'M' options {map_entry: true}"
                                          "  field {name: 'foo_bar' number: 2 type: TYPE_BOOL}"
                                          "  field {name: 'fooBar' number: 1 type: TYPE_BOOL}}}");
    char *option = memmem(set.base, set.len, "\x38\x01", 2);
    assert_non_null(option);
    option[0] = 11 << 3;
    struct gw_schema_source source = {gw_buf_slice(&set), "a.binpb"};
    struct gw_schema *schema = gw_schema_load(&source, 1, NULL);
    assert_non_null(schema);
    const struct gw_message_type *m = gw_schema_message(schema, GW_SLICE("p.M"));
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("fooBar"))->number, 1);
    gw_schema_destroy(schema);
    option[1] = 0;
    assert_null(gw_schema_load(&source, 1, NULL));
    gw_buf_dispose(&set);
}

static void swapped_json_names_are_understood(void **state)
{
    (void)state;
    struct gw_schema *schema =
        set_accepted(PROTO3 "message_type {name: 'M'"
                            "  field {name: 'a' json_name: 'b' number: 1 type: TYPE_BOOL}"
                            "  field {name: 'b' json_name: 'a' number: 2 type: TYPE_BOOL}}}");
    const struct gw_message_type *m = gw_schema_message(schema, GW_SLICE("p.M"));
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("a"))->number, 2);
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("b"))->number, 1);
    gw_schema_destroy(schema);
}

static void an_absent_json_name_is_computed(void **state)
{
    (void)state;
    struct gw_schema *schema = set_accepted(
        PROTO3 "message_type {name: 'M' field {name: '_user_id_2x_' number: 1 type: TYPE_BOOL}}}");
    const struct gw_message_type *m = gw_schema_message(schema, GW_SLICE("p.M"));
    assert_true(gw_slice_eq(m->fields[0].json_name, GW_SLICE("UserId2x")));
    gw_schema_destroy(schema);
}

static void a_type_may_be_told_by_its_name_alone(void **state)
{
    (void)state;
    struct gw_schema *schema =
        set_accepted(PROTO3 "enum_type {name: 'E' value {name: 'Z' number: 0}} message_type {name: "
                            "'M' field {name: 'm' number: 1 type_name: '.p.M'}"
                            "field {name: 'e' number: 2 type_name: '.p.E'}}}");
    const struct gw_message_type *m = gw_schema_message(schema, GW_SLICE("p.M"));
    assert_int_equal(m->fields[0].type, GW_TYPE_MESSAGE);
    assert_int_equal(m->fields[1].type, GW_TYPE_ENUM);
    gw_schema_destroy(schema);
}

static void oneofs_must_be_sound(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"field {name: 'f' number: 1 type: TYPE_BOOL oneof_index: 1}",
         "p.M.f is in a oneof that does not exist"},
        {"field {name: 'f' number: 1 type: TYPE_BOOL oneof_index: -1}",
         "p.M.f is in a oneof that does not exist"},
        {"", "p.M.o is a oneof without fields"},
        {"field {name: 'f' number: 1 type: TYPE_BOOL oneof_index: 0 label: LABEL_REPEATED}",
         "p.M.f is in a oneof, but not singular"},
        {"field {name: 'f' number: 1 type: TYPE_BOOL proto3_optional: true}",
         "p.M.f is optional, but in no oneof"},
        {"field {name: 'f' number: 1 type: TYPE_BOOL oneof_index: 0 proto3_optional: true}"
         "field {name: 'g' number: 2 type: TYPE_BOOL oneof_index: 0}",
         "p.M.o is the oneof of several optional fields"},
        {"field {name: 'f' number: 1 type: TYPE_BOOL oneof_index: 0} oneof_decl {}",
         "p.M has a oneof without a valid name"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M' oneof_decl {name: 'o'}", cases, "}}");
}

static void proto3_has_no_required_fields_groups_or_defaults(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"type: TYPE_BOOL label: LABEL_REQUIRED", "p.M.f is required, which proto3 does not know"},
        {"type: TYPE_GROUP type_name: '.p.M'", "p.M.f is a group, which proto3 does not know"},
        {"type: TYPE_BOOL default_value: 'true'",
         "p.M.f has a default, which proto3 does not know"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M' field {name: 'f' number: 1", cases, "}}}");
}

static void defaults_are_of_their_fields_type(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "type: TYPE_INT32 default_value: '2147483648'",
        "type: TYPE_INT32 default_value: '-2147483649'",
        "type: TYPE_INT32 default_value: ''",
        "type: TYPE_INT32 default_value: ' 1'",
        "type: TYPE_INT32 default_value: '+1'",
        "type: TYPE_INT32 default_value: '1.0'",
        "type: TYPE_INT64 default_value: '9223372036854775808'",
        "type: TYPE_UINT32 default_value: '4294967296'",
        "type: TYPE_UINT32 default_value: '-1'",
        "type: TYPE_UINT64 default_value: '18446744073709551616'",
        "type: TYPE_BOOL default_value: 'TRUE'",
        "type: TYPE_DOUBLE default_value: ''",
        "type: TYPE_DOUBLE default_value: '1.5x'",
        "type: TYPE_DOUBLE default_value: '0x10'",
        "type: TYPE_DOUBLE default_value: 'infinity'",
        "type: TYPE_STRING default_value: '\\377'",
        "type: TYPE_BYTES default_value: '\\\\'",
        "type: TYPE_BYTES default_value: '\\\\z'",
        "type: TYPE_BYTES default_value: '\\\\xg'",
        "type: TYPE_ENUM type_name: '.p.E' default_value: 'TWO'",
        "type: TYPE_MESSAGE type_name: '.p.M' default_value: ''",
        "type: TYPE_INT32 label: LABEL_REPEATED default_value: '1'",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 PROTO2 "enum_type {name: 'E' value {name: 'ONE' number: 1}}"
                        "message_type {name: 'M' field {name: 'f' number: 1 %s}}}",
                 bad[i]);
        set_refused(text, A_FILE "p.M.f has a default that is not of its type");
    }
}

static void maps_must_be_well_formed(void **state)
{
    (void)state;
#define ENTRY(fields)                                                                              \
    "nested_type {name: 'FEntry' options {map_entry: true} " fields "}"                            \
    "field {name: 'f' number: 1 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: "              \
    "'.p.M.FEntry'}"
    static const char *const malformed_entries[] = {
        ENTRY(""),
        ENTRY("field {name: 'key' number: 1 type: TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 2 type: TYPE_BOOL} field {name: 'value' number: 1 type: "
              "TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_BOOL} field {name: 'value' number: 3 type: "
              "TYPE_BOOL}"),
        ENTRY("field {name: 'k' number: 1 type: TYPE_BOOL} field {name: 'value' number: 2 type: "
              "TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_DOUBLE} field {name: 'value' number: 2 "
              "type: TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_BYTES} field {name: 'value' number: 2 "
              "type: TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_MESSAGE type_name: '.p.M'} field {name: "
              "'value' number: 2 type: TYPE_BOOL}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_BOOL} field {name: 'value' number: 2 type: "
              "TYPE_BOOL label: LABEL_REPEATED}"),
        ENTRY("field {name: 'key' number: 1 type: TYPE_BOOL} field {name: 'value' number: 2 type: "
              "TYPE_BOOL} field {name: 'x' number: 3 type: TYPE_BOOL}"),
    };
    for (size_t i = 0; i < sizeof(malformed_entries) / sizeof(malformed_entries[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text), PROTO3 "message_type {name: 'M' %s}}", malformed_entries[i]);
        set_refused(text, A_FILE "p.M.FEntry is a malformed map entry");
    }
    static const struct refused cases[] = {
        {"field {name: 'f' number: 1 type: TYPE_MESSAGE type_name: '.p.M.FEntry'}",
         "p.M.f is a malformed map"},
        {"nested_type {name: 'N' field {name: 'f' number: 1 type: TYPE_MESSAGE label: "
         "LABEL_REPEATED type_name: '.p.M.FEntry'}}",
         "p.M.N.f is a malformed map"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M' nested_type {name: 'FEntry' options {map_entry: "
                       "true} field {name: 'key' number: 1 type: TYPE_BOOL} field {name: 'value' "
                       "number: 2 type: TYPE_BOOL}}",
                cases, "}}");
}

static void enums_must_be_sound(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"", "p.E has no values"},
        {"value {name: 'A' number: 1}", "the first value of p.E is not 0"},
        {"value {number: 0}", "a value of p.E has no valid name"},
        {"value {name: 'A' number: 0} value {name: 'A' number: 1}", "p.E has value A twice"},
        {"value {name: 'A' number: 0} value {name: 'B' number: 0}",
         "p.E has number 0 twice without allow_alias"},
    };
    ALL_REFUSED(PROTO3 "enum_type {name: 'E' ", cases, "}}");
}

static void a_stranger_with_a_well_known_name_is_refused(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "name: 'Timestamp'",
        "name: 'Timestamp' field {name: 'seconds' number: 1 type: TYPE_INT64}"
        "field {name: 'nanos' number: 2 type: TYPE_INT64}",
        "name: 'Empty' field {name: 'x' number: 1 type: TYPE_INT64}",
        "name: 'FieldMask' field {name: 'paths' number: 1 type: TYPE_STRING}",
        "name: 'ListValue' field {name: 'values' number: 1 type: TYPE_MESSAGE label: "
        "LABEL_REPEATED type_name: '.google.protobuf.ListValue'}",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        char text[512], name[64], message[256];
        snprintf(text, sizeof(text),
                 "file {name: 'a.proto' package: 'google.protobuf' syntax: 'proto3' "
                 "message_type {%s}}",
                 messages[i]);
        sscanf(messages[i], "name: '%63[^']", name);
        snprintf(message, sizeof(message),
                 A_FILE "google.protobuf.%s has other fields than the well-known type of that name",
                 name);
        set_refused(text, message);
    }
}

static void methods_have_names_that_differ(void **state)
{
    (void)state;
    static const struct refused cases[] = {
        {"method {}", "a method of p.S has no valid name"},
        {"method {name: 'a/b'}", "a method of p.S has no valid name"},
        {"method {name: 'D' input_type: '.p.M' output_type: '.p.M'} method {name: 'D'}",
         "p.S/D is there twice"},
    };
    ALL_REFUSED(PROTO3 "message_type {name: 'M'} service {name: 'S'", cases, "}}");
}

/* Whatever bytes are lost or changed, the loader answers; a sanitizer watches. */
static void damaged_sets_do_no_harm(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/schema/kinds.binpb", build_root);
    struct gw_buf set = test_read_file(path);
    assert_true(set.len > 0);
    for (size_t i = 0; i < set.len; i += 7) {
        char whole = set.base[i];
        set.base[i] ^= (char)(1 << i % 8);
        struct gw_schema_source source = {gw_buf_slice(&set), "damaged"};
        gw_schema_destroy(gw_schema_load(&source, 1, NULL));
        set.base[i] = whole;
    }
    gw_buf_dispose(&set);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_that_is_missing_is_named),
        cmocka_unit_test(a_type_of_the_wrong_kind_is_refused),
        cmocka_unit_test(field_numbers_are_in_range_and_differ),
        cmocka_unit_test(field_names_are_names_and_differ),
        cmocka_unit_test(proto2_fields_may_share_a_json_name),
        cmocka_unit_test(an_option_lets_proto3_fields_share_a_json_name),
        cmocka_unit_test(swapped_json_names_are_understood),
        cmocka_unit_test(an_absent_json_name_is_computed),
        cmocka_unit_test(a_type_may_be_told_by_its_name_alone),
        cmocka_unit_test(oneofs_must_be_sound),
        cmocka_unit_test(proto3_has_no_required_fields_groups_or_defaults),
        cmocka_unit_test(defaults_are_of_their_fields_type),
        cmocka_unit_test(maps_must_be_well_formed),
        cmocka_unit_test(enums_must_be_sound),
        cmocka_unit_test(a_stranger_with_a_well_known_name_is_refused),
        cmocka_unit_test(methods_have_names_that_differ),
        cmocka_unit_test(damaged_sets_do_no_harm),
    };
    if (argc < 2)
        return 1;
    build_root = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
