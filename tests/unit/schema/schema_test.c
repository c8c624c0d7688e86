/* The tables of kinds.proto and kinds2.proto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../load_schema.h"
#include "base/buf.h"
#include "schema/schema.h"

static struct gw_schema *schema;

#define assert_slice(s, text) assert_true(gw_slice_eq((s), gw_slice_str(text)))

static const struct gw_message_type *message(const char *name)
{
    const struct gw_message_type *m = gw_schema_message(schema, gw_slice_str(name));
    assert_non_null(m);
    return m;
}

static const struct gw_field *field(const char *of, const char *name)
{
    const struct gw_field *f = gw_message_field_by_name(message(of), gw_slice_str(name));
    assert_non_null(f);
    return f;
}

static const struct gw_method *method(const char *name)
{
    const struct gw_method *m = gw_schema_method(schema, gw_slice_str(name));
    assert_non_null(m);
    return m;
}

static const struct gw_enum_type *enumeration(const char *name)
{
    const struct gw_enum_type *e = gw_schema_enum(schema, gw_slice_str(name));
    assert_non_null(e);
    return e;
}

static void names_are_found_without_a_leading_dot(void **state)
{
    (void)state;
    assert_slice(message("test.v1.Tree.Node.Leaf")->full_name, "test.v1.Tree.Node.Leaf");
    assert_slice(enumeration("test.v1.Tree.Node.Kind")->full_name, "test.v1.Tree.Node.Kind");
    assert_null(gw_schema_message(schema, GW_SLICE(".test.v1.Tree")));
    assert_null(gw_schema_message(schema, GW_SLICE("test.v1.Color")));
    assert_null(gw_schema_enum(schema, GW_SLICE("test.v1.Tree")));
    assert_null(gw_schema_service(schema, GW_SLICE("test.v1.Tree")));
}

static void every_scalar_has_its_type(void **state)
{
    (void)state;
    static const enum gw_type types[] = {
        GW_TYPE_DOUBLE,  GW_TYPE_FLOAT,   GW_TYPE_INT32,    GW_TYPE_INT64,
        GW_TYPE_UINT32,  GW_TYPE_UINT64,  GW_TYPE_SINT32,   GW_TYPE_SINT64,
        GW_TYPE_FIXED32, GW_TYPE_FIXED64, GW_TYPE_SFIXED32, GW_TYPE_SFIXED64,
        GW_TYPE_BOOL,    GW_TYPE_STRING,  GW_TYPE_BYTES,    GW_TYPE_ENUM,
    };
    const size_t count = sizeof(types) / sizeof(types[0]);
    const char *const messages[] = {"test.v1.Scalars", "test.v1.Optionals", "test.v1.Repeated"};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < count; i++) {
            const struct gw_field *f = gw_message_field_by_number(message(messages[k]), i + 1);
            assert_non_null(f);
            assert_int_equal(f->type, types[i]);
            assert_int_equal(f->number, i + 1);
            assert_int_equal(f->index, i);
            assert_int_equal(f->is_repeated, k == 2);
            assert_int_equal(f->has_presence, k == 1);
            assert_ptr_equal(f->message, NULL);
            assert_ptr_equal(f->enum_type, i == 15 ? enumeration("test.v1.Color") : NULL);
        }
    }
}

static void a_proto3_optional_is_in_no_visible_oneof(void **state)
{
    (void)state;
    assert_int_equal(message("test.v1.Optionals")->oneof_count, 0);
    assert_int_equal(field("test.v1.Optionals", "int32Value")->oneof, -1);
    assert_true(field("test.v1.Optionals", "int32Value")->has_presence);
}

static void oneofs_are_numbered_without_synthetic_ones(void **state)
{
    (void)state;
    const struct gw_message_type *m = message("test.v1.Choice");
    assert_int_equal(m->oneof_count, 2);
    assert_slice(m->oneof_names[0], "value");
    assert_slice(m->oneof_names[1], "other");
    for (uint32_t n = 1; n <= 11; n++) {
        const struct gw_field *f = gw_message_field_by_number(m, n);
        assert_int_equal(f->oneof, n <= 7 ? 0 : n == 8 || n == 11 ? -1 : 1);
        assert_int_equal(f->has_presence, n != 11);
    }
}

static void numbers_are_packed_unless_the_file_says_otherwise(void **state)
{
    (void)state;
    const struct gw_message_type *m = message("test.v1.Repeated");
    for (uint32_t n = 1; n <= 20; n++) {
        bool is_packed = n <= 13 || n == 16;
        assert_int_equal(gw_message_field_by_number(m, n)->is_packed, is_packed);
    }
    assert_false(field("test.v2.Labels", "unpacked")->is_packed);
    assert_true(field("test.v2.Labels", "packed")->is_packed);
    assert_false(field("test.v2.Labels", "fruits")->is_packed);
    assert_false(field("test.v1.Scalars", "int32_value")->is_packed);
}

static void a_map_is_a_repeated_entry_of_key_and_value(void **state)
{
    (void)state;
    const struct gw_field *f = field("test.v1.Maps", "bool_to_color");
    assert_true(f->is_map);
    assert_true(f->is_repeated);
    assert_false(f->is_packed);
    assert_false(f->has_presence);
    assert_int_equal(f->type, GW_TYPE_MESSAGE);
    assert_int_equal(f->message->field_count, 2);
    assert_int_equal(f->message->fields[0].type, GW_TYPE_BOOL);
    assert_ptr_equal(f->message->fields[1].enum_type, enumeration("test.v1.Color"));
    assert_ptr_equal(field("test.v1.Maps", "string_to_maps")->message->fields[1].message,
                     message("test.v1.Maps"));
    assert_true(field("test.v2.Labels", "size_of")->is_map);
    assert_false(field("test.v1.Tree", "children")->is_map);
}

static void messages_may_contain_themselves(void **state)
{
    (void)state;
    const struct gw_message_type *tree = message("test.v1.Tree");
    assert_ptr_equal(field("test.v1.Tree", "left")->message, tree);
    assert_true(field("test.v1.Tree", "left")->has_presence);
    assert_ptr_equal(field("test.v1.Tree.Node", "tree")->message, tree);
    assert_false(field("test.v1.Tree", "children")->has_presence);
}

static void either_spelling_finds_a_field(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json_name;
    } names[] = {
        {"plain", "plain"},
        {"two_words", "twoWords"},
        {"_leading", "Leading"},
        {"trailing_", "trailing"},
        {"double__underscore", "doubleUnderscore"},
        {"with_1_digit", "with1Digit"},
        {"UPPER_Case", "UPPERCase"},
        {"chosen", "@type"},
        {"quoted", "say \"h\xc3\xa9\""},
    };
    const struct gw_message_type *m = message("test.v1.Names");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct gw_field *f = gw_message_field_by_number(m, i + 1);
        assert_slice(f->name, names[i].name);
        assert_slice(f->json_name, names[i].json_name);
        assert_ptr_equal(gw_message_field_by_name(m, gw_slice_str(names[i].name)), f);
        assert_ptr_equal(gw_message_field_by_name(m, gw_slice_str(names[i].json_name)), f);
    }
    assert_null(gw_message_field_by_name(m, GW_SLICE("TwoWords")));
    assert_null(gw_message_field_by_name(m, GW_SLICE("")));
}

static void a_json_name_beats_the_name_of_another_field(void **state)
{
    (void)state;
    const struct gw_message_type *m = message("test.v2.SharedJsonName");
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("fooBar"))->number, 1);
    assert_int_equal(gw_message_field_by_name(m, GW_SLICE("foo_bar"))->number, 2);
}

static void sparse_numbers_are_found(void **state)
{
    (void)state;
    const struct gw_message_type *m = message("test.v1.Sparse");
    static const uint32_t numbers[] = {1, 1000, 18999, 20000, 536870911};
    assert_int_equal(m->field_count, 5);
    assert_int_equal(m->dense_count, 4 * 5 + 64);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(gw_message_field_by_number(m, numbers[i])->number, numbers[i]);
        assert_null(gw_message_field_by_number(m, numbers[i] + 1));
        assert_null(gw_message_field_by_number(m, numbers[i] - 1));
    }
    assert_null(gw_message_field_by_number(m, UINT32_MAX));
    assert_null(gw_message_field_by_number(message("test.v1.Nothing"), 1));
    assert_null(gw_message_field_by_number(message("test.v1.Nothing"), 0));
}

static void enum_values_are_found_by_name_and_number(void **state)
{
    (void)state;
    const struct gw_enum_type *color = enumeration("test.v1.Color");
    assert_false(color->is_closed);
    assert_int_equal(gw_enum_value_by_name(color, GW_SLICE("COLOR_RED"))->number, 1);
    assert_slice(gw_enum_value_by_number(color, -1)->name, "COLOR_NEGATIVE");
    assert_slice(gw_enum_value_by_number(color, 2)->name, "COLOR_GREEN");
    assert_null(gw_enum_value_by_number(color, 3));
    assert_null(gw_enum_value_by_number(color, INT32_MIN));
    assert_null(gw_enum_value_by_name(color, GW_SLICE("color_red")));
}

static void of_aliases_the_first_declared_names_the_number(void **state)
{
    (void)state;
    const struct gw_enum_type *level = enumeration("test.v1.Level");
    assert_int_equal(level->value_count, 4);
    assert_int_equal(level->by_number_count, 3);
    assert_slice(gw_enum_value_by_number(level, 9)->name, "LEVEL_HIGH");
    assert_int_equal(gw_enum_value_by_name(level, GW_SLICE("LEVEL_TOP"))->number, 9);
}

static void a_proto2_enum_is_closed_and_its_first_value_is_the_default(void **state)
{
    (void)state;
    const struct gw_enum_type *fruit = enumeration("test.v2.Fruit");
    assert_true(fruit->is_closed);
    assert_int_equal(fruit->values[0].number, 3);
    assert_int_equal(fruit->by_number[0]->number, 1);
}

static void well_known_types_are_recognised(void **state)
{
    (void)state;
    static const enum gw_well_known kinds[] = {
        GW_WKT_TIMESTAMP,  GW_WKT_DURATION, GW_WKT_FIELD_MASK, GW_WKT_STRUCT,  GW_WKT_VALUE,
        GW_WKT_LIST_VALUE, GW_WKT_NONE,     GW_WKT_ANY,        GW_WKT_EMPTY,   GW_WKT_WRAPPER,
        GW_WKT_WRAPPER,    GW_WKT_WRAPPER,  GW_WKT_WRAPPER,    GW_WKT_WRAPPER, GW_WKT_WRAPPER,
        GW_WKT_WRAPPER,    GW_WKT_WRAPPER,  GW_WKT_WRAPPER,
    };
    const struct gw_message_type *m = message("test.v1.WellKnown");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct gw_field *f = gw_message_field_by_number(m, i + 1);
        if (f->message != NULL)
            assert_int_equal(f->message->well_known, kinds[i]);
        else
            assert_true(f->enum_type->is_null_value);
    }
    assert_int_equal(m->well_known, GW_WKT_NONE);
    assert_false(enumeration("test.v1.Color")->is_null_value);
}

static void proto2_labels_and_presence(void **state)
{
    (void)state;
    assert_true(field("test.v2.Labels", "name")->is_required);
    assert_true(field("test.v2.Labels", "name")->has_presence);
    assert_false(field("test.v2.Labels", "age")->is_required);
    assert_true(field("test.v2.Labels", "age")->has_presence);
    assert_false(field("test.v2.Labels", "fruits")->has_presence);
    assert_int_equal(field("test.v2.Labels", "text")->oneof, 0);
    assert_null(gw_message_field_by_number(message("test.v2.Labels"), 100));
}

static void proto2_defaults_are_kept_as_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "1.5",
        "-inf",
        "nan",
        "-2147483648",
        "-9223372036854775808",
        "4294967295",
        "18446744073709551615",
        "-1",
        "16",
        "true",
        "say \"h\xc3\xa9\"",
        "a\\000\\377\\\\\\n",
        "FRUIT_PEAR",
        "",
    };
    const struct gw_message_type *m = message("test.v2.Defaults");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_slice(gw_message_field_by_number(m, i + 1)->default_text, texts[i]);
    assert_null(field("test.v2.Labels", "age")->default_text.base);
}

static void groups_are_messages_of_their_own_type(void **state)
{
    (void)state;
    const struct gw_field *single = field("test.v2.Groups", "single");
    assert_int_equal(single->type, GW_TYPE_GROUP);
    assert_ptr_equal(single->message, message("test.v2.Groups.Single"));
    assert_true(single->has_presence);
    assert_int_equal(field("test.v2.Groups.Single", "inner")->type, GW_TYPE_GROUP);
    const struct gw_field *many = field("test.v2.Groups", "many");
    assert_true(many->is_repeated);
    assert_false(many->is_packed);
    assert_false(many->has_presence);
}

static void a_method_knows_its_names_types_and_streams(void **state)
{
    (void)state;
    const struct gw_method *m = method("test.v1.KindsService/Echo");
    assert_slice(m->service, "test.v1.KindsService");
    assert_slice(m->name, "Echo");
    assert_slice(m->full_name, "test.v1.KindsService/Echo");
    assert_slice(m->path, "/test.v1.KindsService/Echo");
    assert_ptr_equal(m->input, message("test.v1.Everything"));
    assert_ptr_equal(method("/test.v1.KindsService/Echo"), m);
    assert_null(gw_schema_method(schema, GW_SLICE("test.v1.KindsService.Echo")));
    assert_null(gw_schema_method(schema, GW_SLICE("/")));
    assert_null(gw_schema_method(schema, GW_SLICE("")));
    static const char *const names[] = {"Echo", "Upload", "Download", "Both"};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof(name), "test.v1.KindsService/%s", names[i]);
        assert_int_equal(method(name)->client_streaming, i & 1);
        assert_int_equal(method(name)->server_streaming, i >> 1);
    }
}

static void methods_and_services_are_counted_in_order(void **state)
{
    (void)state;
    assert_int_equal(gw_schema_service_count(schema), 2);
    assert_int_equal(gw_schema_method_count(schema), 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(gw_schema_method_at(schema, i)->index, i);
    const struct gw_service *service = gw_schema_service_at(schema, 0);
    assert_ptr_equal(service, gw_schema_service(schema, GW_SLICE("test.v1.KindsService")));
    assert_int_equal(service->method_count, 7);
    assert_slice(service->methods[1]->name, "Lookup");
}

static void assert_rule(const struct gw_method *m, size_t index, struct gw_http_rule want)
{
    assert_true(index < m->rule_count);
    const struct gw_http_rule *rule = &m->rules[index];
    assert_true(gw_slice_eq(rule->method, want.method));
    assert_true(gw_slice_eq(rule->path, want.path));
    assert_true(gw_slice_eq(rule->body, want.body));
    assert_true(gw_slice_eq(rule->response_body, want.response_body));
}

#define RULE(method, path, body, response_body)                                                    \
    ((struct gw_http_rule){GW_SLICE(method), GW_SLICE(path), GW_SLICE(body),                       \
                           GW_SLICE(response_body)})

static void additional_bindings_are_rules_of_their_own(void **state)
{
    (void)state;
    const struct gw_method *m = method("test.v1.KindsService/Lookup");
    assert_int_equal(m->rule_count, 3);
    assert_rule(m, 0, RULE("GET", "/test/v1/shelves/{shelf}/books/{book}", "", ""));
    assert_rule(m, 1, RULE("PUT", "/test/v1/{shelf=shelves/*}/{book}", "scalars", ""));
    assert_rule(m, 2, RULE("HEAD", "/test/v1/books/{book}", "", "string_value"));
    assert_int_equal(method("test.v1.KindsService/Unmapped")->rule_count, 0);
    assert_int_equal(method("test.v1.KindsService/Download")->rule_count, 1);
}

static void a_rule_written_field_by_field_is_one_rule(void **state)
{
    (void)state;
    const struct gw_method *m = method("test.v1.KindsService/Piecewise");
    assert_int_equal(m->rule_count, 1);
    assert_rule(m, 0, RULE("REPORT", "/test/v1/piecewise/{shelf}", "scalars", "int32_value"));
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_without_a_leading_dot),
        cmocka_unit_test(every_scalar_has_its_type),
        cmocka_unit_test(a_proto3_optional_is_in_no_visible_oneof),
        cmocka_unit_test(oneofs_are_numbered_without_synthetic_ones),
        cmocka_unit_test(numbers_are_packed_unless_the_file_says_otherwise),
        cmocka_unit_test(a_map_is_a_repeated_entry_of_key_and_value),
        cmocka_unit_test(messages_may_contain_themselves),
        cmocka_unit_test(either_spelling_finds_a_field),
        cmocka_unit_test(a_json_name_beats_the_name_of_another_field),
        cmocka_unit_test(sparse_numbers_are_found),
        cmocka_unit_test(enum_values_are_found_by_name_and_number),
        cmocka_unit_test(of_aliases_the_first_declared_names_the_number),
        cmocka_unit_test(a_proto2_enum_is_closed_and_its_first_value_is_the_default),
        cmocka_unit_test(well_known_types_are_recognised),
        cmocka_unit_test(proto2_labels_and_presence),
        cmocka_unit_test(proto2_defaults_are_kept_as_text),
        cmocka_unit_test(groups_are_messages_of_their_own_type),
        cmocka_unit_test(a_method_knows_its_names_types_and_streams),
        cmocka_unit_test(methods_and_services_are_counted_in_order),
        cmocka_unit_test(additional_bindings_are_rules_of_their_own),
        cmocka_unit_test(a_rule_written_field_by_field_is_one_rule),
    };
    if (argc < 2)
        return 2;
    schema = test_load_built(argv[1], 1, (const char *const[]){"tests/unit/schema/kinds.binpb"});
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
