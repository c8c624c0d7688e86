#include "hooks/library/message.h"

#include <mruby.h>
#include <mruby/compile.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../transcode/codec.h"
#include "../hold.h"
#include "hooks/engine/heap.h"

static mrb_state *mrb;

static int setup(void **state)
{
    mrb = mrb_open();
    held = 0;
    return codec_setup(state);
}

static int teardown(void **state)
{
    assert_int_equal(held, 0);
    mrb_close(mrb);
    return codec_teardown(state);
}

static mrb_value ruby(const char *text)
{
    mrb_value value = mrb_load_string(mrb, text);
    if (mrb->exc != NULL)
        fail_msg("%s: %s", text, RSTRING_CSTR(mrb, mrb_inspect(mrb, mrb_obj_value(mrb->exc))));
    return value;
}

static mrb_value to_hash(const char *type, struct gw_slice wire)
{
    struct gw_error error = {0};
    mrb_value hash = gw_hook_message_to_hash(mrb, schema, message(type), wire, &error);
    if (mrb_undef_p(hash))
        fail_msg("%s", error.message);
    return hash;
}

static const char *inspect(mrb_value value)
{
    return mrb_str_to_cstr(mrb, mrb_inspect(mrb, value));
}

static struct gw_slice from_json(const char *type, const char *json)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_json_to_wire(schema, message(type), &options, gw_slice_str(json), &pool, &out, &error))
        fail_msg("%s: %s", json, error.message);
    return gw_buf_slice(&out);
}

/* The Hash with these members and no others but defaults; both ways. */
static void agrees(const char *type, const char *json, const char *members)
{
    struct gw_error error = {0};
    struct gw_buf again = gw_buf_in_pool(&pool);
    struct gw_slice wire = from_json(type, json);
    mrb_value hash = to_hash(type, wire);
    mrb_gv_set(mrb, mrb_intern_lit(mrb, "$hash"), hash);
    mrb_value rest = ruby("$hash.reject { |k, v| v.nil? || [0, 0.0, false, '', [], {}, "
                          "'COLOR_UNSPECIFIED', 'LEVEL_NONE'].any? { |d| v.eql?(d) } }");
    assert_string_equal(inspect(rest), members);
    if (gw_hook_hash_to_wire(mrb, schema, message(type), hash, &pool, &again, &error) != 0)
        fail_msg("%s: %s", members, error.message);
    assert_string_equal(hex(gw_buf_slice(&again)), hex(wire));
    assert_true(gw_hook_message_is_unchanged(mrb, schema, message(type), wire, hash));
}

struct row {
    const char *text, *wanted;
};

#define for_rows(check, type, rows)                                                                \
    for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)                            \
    check((type), (rows)[row].text, (rows)[row].wanted)

static void every_scalar_has_its_ruby_value(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"doubleValue\":1.5}", "{\"double_value\"=>1.5}"},
        {"{\"doubleValue\":19.99}", "{\"double_value\"=>19.99}"},
        {"{\"doubleValue\":\"Infinity\"}", "{\"double_value\"=>Infinity}"},
        {"{\"doubleValue\":\"-Infinity\"}", "{\"double_value\"=>-Infinity}"},
        {"{\"doubleValue\":\"NaN\"}", "{\"double_value\"=>NaN}"},
        {"{\"floatValue\":0.5}", "{\"float_value\"=>0.5}"},
        {"{\"int32Value\":-7}", "{\"int32_value\"=>-7}"},
        {"{\"int64Value\":\"-9223372036854775808\"}", "{\"int64_value\"=>-9223372036854775808}"},
        {"{\"uint32Value\":4294967295}", "{\"uint32_value\"=>4294967295}"},
        {"{\"uint64Value\":\"9223372036854775807\"}", "{\"uint64_value\"=>9223372036854775807}"},
        {"{\"uint64Value\":\"9223372036854775808\"}",
         "{\"uint64_value\"=>\"9223372036854775808\"}"},
        {"{\"sint32Value\":-2147483648}", "{\"sint32_value\"=>-2147483648}"},
        {"{\"sint64Value\":\"-5\"}", "{\"sint64_value\"=>-5}"},
        {"{\"fixed32Value\":4294967295}", "{\"fixed32_value\"=>4294967295}"},
        {"{\"fixed64Value\":\"18446744073709551615\"}",
         "{\"fixed64_value\"=>\"18446744073709551615\"}"},
        {"{\"sfixed32Value\":-2}", "{\"sfixed32_value\"=>-2}"},
        {"{\"sfixed64Value\":\"-2\"}", "{\"sfixed64_value\"=>-2}"},
        {"{\"boolValue\":true}", "{\"bool_value\"=>true}"},
        {"{\"stringValue\":\"a\\u0000b\"}", "{\"string_value\"=>\"a\\x00b\"}"},
        {"{\"bytesValue\":\"/+8=\"}", "{\"bytes_value\"=>\"\\xff\\xef\"}"},
        {"{\"color\":\"COLOR_GREEN\"}", "{\"color\"=>\"COLOR_GREEN\"}"},
        {"{\"color\":99}", "{\"color\"=>99}"},
        {"{\"level\":\"LEVEL_TOP\"}", "{\"level\"=>\"LEVEL_HIGH\"}"},
    };
    for_rows(agrees, "test.v1.Scalars", rows);
}

static void fields_without_presence_have_their_default(void **state)
{
    (void)state;
    assert_string_equal(
        inspect(to_hash("test.v1.Scalars", GW_SLICE(""))),
        "{\"double_value\"=>0.0, \"float_value\"=>0.0, \"int32_value\"=>0, \"int64_value\"=>0, "
        "\"uint32_value\"=>0, \"uint64_value\"=>0, \"sint32_value\"=>0, \"sint64_value\"=>0, "
        "\"fixed32_value\"=>0, \"fixed64_value\"=>0, \"sfixed32_value\"=>0, \"sfixed64_value\"=>0, "
        "\"bool_value\"=>false, \"string_value\"=>\"\", \"bytes_value\"=>\"\", "
        "\"color\"=>\"COLOR_UNSPECIFIED\", \"level\"=>\"LEVEL_NONE\"}");
    assert_string_equal(inspect(to_hash("test.v1.Tree", GW_SLICE(""))),
                        "{\"name\"=>\"\", \"children\"=>[]}");
    assert_string_equal(inspect(to_hash("user.v1.ListUsersResponse", GW_SLICE(""))),
                        "{\"users\"=>[], \"total\"=>0}");
}

static void fields_with_presence_are_there_when_set(void **state)
{
    (void)state;
    assert_string_equal(inspect(to_hash("test.v1.Optionals", GW_SLICE(""))), "{}");
    assert_string_equal(inspect(to_hash("test.v1.Optionals", unhex("18 00 70 00 7a 00"))),
                        "{\"int32_value\"=>0, \"bytes_value\"=>\"\"}");
    assert_string_equal(inspect(to_hash("test.v1.Choice", unhex("08 00"))),
                        "{\"int32_value\"=>0, \"outside\"=>\"\"}");
    assert_string_equal(inspect(to_hash("test.v1.Choice", unhex("08 05 12 01 61"))),
                        "{\"string_value\"=>\"a\", \"outside\"=>\"\"}");
}

static void maps_have_keys_of_their_own_kind(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"stringToString\":{\"a\":\"b\"}}", "{\"string_to_string\"=>{\"a\"=>\"b\"}}"},
        {"{\"int32ToInt64\":{\"-1\":\"2\"}}", "{\"int32_to_int64\"=>{-1=>2}}"},
        {"{\"uint64ToBytes\":{\"18446744073709551615\":\"AA==\"}}",
         "{\"uint64_to_bytes\"=>{\"18446744073709551615\"=>\"\\x00\"}}"},
        {"{\"boolToColor\":{\"true\":\"COLOR_RED\",\"false\":\"COLOR_GREEN\"}}",
         "{\"bool_to_color\"=>{true=>\"COLOR_RED\", false=>\"COLOR_GREEN\"}}"},
        {"{\"stringToTimestamp\":{\"t\":\"2026-01-31T12:00:00Z\"}}",
         "{\"string_to_timestamp\"=>{\"t\"=>\"2026-01-31T12:00:00Z\"}}"},
        {"{\"stringToValue\":{\"v\":[1,null]}}", "{\"string_to_value\"=>{\"v\"=>[1.0, nil]}}"},
    };
    for_rows(agrees, "test.v1.Maps", rows);
}

static void nested_messages_are_hashes_and_repeated_fields_arrays(void **state)
{
    (void)state;
    agrees("test.v1.Tree",
           "{\"left\":{\"name\":\"l\"},\"children\":[{\"name\":\"c\"},{}],"
           "\"node\":{\"kind\":\"KIND_INNER\"}}",
           "{\"left\"=>{\"name\"=>\"l\", \"children\"=>[]}, "
           "\"children\"=>[{\"name\"=>\"c\", \"children\"=>[]}, {\"name\"=>\"\", "
           "\"children\"=>[]}], \"node\"=>{\"kind\"=>\"KIND_INNER\", \"weight\"=>0}}");
    agrees("test.v1.Repeated", "{\"int32Values\":[1,-2],\"stringValues\":[\"a\",\"\"]}",
           "{\"int32_values\"=>[1, -2], \"string_values\"=>[\"a\", \"\"]}");
}

static void well_known_types_have_the_shape_of_their_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"timestamp\":\"2026-01-31T12:00:00.5Z\"}",
         "{\"timestamp\"=>\"2026-01-31T12:00:00.500Z\"}"},
        {"{\"duration\":\"-1.5s\"}", "{\"duration\"=>\"-1.500s\"}"},
        {"{\"fieldMask\":\"id,displayName\"}", "{\"field_mask\"=>\"id,displayName\"}"},
        {"{\"struct\":{\"a\":{\"b\":[true,\"x\"]}}}",
         "{\"struct\"=>{\"a\"=>{\"b\"=>[true, \"x\"]}}}"},
        {"{\"value\":\"NaN\"}", "{\"value\"=>\"NaN\"}"},
        {"{\"listValue\":[1,[2]]}", "{\"list_value\"=>[1.0, [2.0]]}"},
        {"{\"int64Wrapper\":\"7\"}", "{\"int64_wrapper\"=>7}"},
        {"{\"bytesWrapper\":\"/w==\"}", "{\"bytes_wrapper\"=>\"\\xff\"}"},
        {"{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\","
         "\"value\":\"1s\"}}",
         "{\"any\"=>{\"@type\"=>\"type.googleapis.com/google.protobuf.Duration\", "
         "\"value\"=>\"1s\"}}"},
        {"{\"any\":{\"name\":\"x\",\"@type\":\"type.googleapis.com/test.v1.Tree\"}}",
         "{\"any\"=>{\"@type\"=>\"type.googleapis.com/test.v1.Tree\", \"name\"=>\"x\", "
         "\"children\"=>[]}}"},
    };
    for_rows(agrees, "test.v1.WellKnown", rows);
}

/* "type.googleapis.com/x.Y" with the contents 08 96 01. */
#define UNKNOWN_ANY                                                                                \
    "42 1e 0a 17 74797065 2e 676f6f676c6561706973 2e 636f6d 2f 78 2e 59 12 03 089601"

static void an_any_of_unknown_type_comes_back_as_it_was(void **state)
{
    (void)state;
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    struct gw_slice wire = unhex(UNKNOWN_ANY);
    mrb_value hash = to_hash("test.v1.WellKnown", wire);
    mrb_value any = mrb_hash_get(mrb, hash, mrb_str_new_lit(mrb, "any"));
    assert_string_equal(inspect(any),
                        "{\"@type\"=>\"type.googleapis.com/x.Y\", \"value\"=>\"\\b\\x96\\x01\"}");
    assert_int_equal(
        gw_hook_hash_to_wire(mrb, schema, message("test.v1.WellKnown"), hash, &pool, &out, &error),
        0);
    assert_string_equal(hex(gw_buf_slice(&out)), hex(wire));
}

/* Of singular fields the last counts, messages are merged; an Any keeps its type. */
static void what_comes_back_is_merged(void **state)
{
    (void)state;
    struct gw_slice wire = unhex("0a 01 61 12 03 0a 01 62 12 02 22 00 0a 01 63");
    mrb_value hash = to_hash("test.v1.Tree", wire);
    assert_string_equal(inspect(hash), "{\"name\"=>\"c\", \"left\"=>{\"name\"=>\"b\", "
                                       "\"children\"=>[{\"name\"=>\"\", \"children\"=>[]}]}, "
                                       "\"children\"=>[]}");
    assert_true(gw_hook_message_is_unchanged(mrb, schema, message("test.v1.Tree"), wire, hash));
    struct gw_buf any = gw_buf_in_pool(&pool), outer = gw_buf_in_pool(&pool);
    gw_wire_append_bytes_field(&any, 1, GW_SLICE("x/test.v1.Tree"));
    gw_wire_append_bytes_field(&any, 2, unhex("0a 01 61 0a 01 62"));
    gw_wire_append_bytes_field(&outer, 8, gw_buf_slice(&any));
    mrb_value twice = to_hash("test.v1.WellKnown", gw_buf_slice(&outer));
    assert_string_equal(inspect(mrb_hash_get(mrb, twice, mrb_str_new_lit(mrb, "any"))),
                        "{\"@type\"=>\"x/test.v1.Tree\", \"name\"=>\"b\", \"children\"=>[]}");
    assert_true(gw_hook_message_is_unchanged(mrb, schema, message("test.v1.WellKnown"),
                                             gw_buf_slice(&outer), twice));
}

static void bytes_that_are_no_such_message_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0a", "the message is malformed"},
        {"12 03 0a 01 ff", "left.name: the string is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gw_error error = {0};
        struct gw_slice wire = unhex(rows[i].text);
        assert_true(mrb_undef_p(
            gw_hook_message_to_hash(mrb, schema, message("test.v1.Tree"), wire, &error)));
        assert_int_equal(error.status, GW_INTERNAL);
        assert_string_equal(error.message, rows[i].wanted);
        assert_false(gw_hook_message_is_unchanged(mrb, schema, message("test.v1.Tree"), wire,
                                                  mrb_hash_new(mrb)));
    }
}

static void becomes(const char *type, const char *text, const char *wanted)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_hook_hash_to_wire(mrb, schema, message(type), ruby(text), &pool, &out, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    assert_string_equal(hex(gw_buf_slice(&out)), squeeze(wanted));
}

static void hashes_are_read_as_generously_as_json(void **state)
{
    (void)state;
    static const struct row scalars[] = {
        {"{'int32_value' => 7}", "18 07"},
        {"{'int32Value' => 7.0}", "18 07"},
        {"{int32_value: '7'}", "18 07"},
        {"{'int32_value' => nil}", ""},
        {"{'double_value' => 1}", "09 000000000000f03f"},
        {"{'double_value' => 19.99}", "09 3d0ad7a370fd3340"},
        {"{'double_value' => -Float::INFINITY}", "09 000000000000f0ff"},
        {"{'float_value' => Float::NAN}", "15 0000c07f"},
        {"{'string_value' => :symbol}", "72 06 73796d626f6c"},
        {"{'bytes_value' => \"\\xff\\x00\"}", "7a 02 ff00"},
        {"{'color' => :COLOR_RED}", "8001 01"},
        {"{'color' => 1}", "8001 01"},
        {"{'uint64_value' => '18446744073709551615'}", "30 ffffffffffffffffff01"},
    };
    for_rows(becomes, "test.v1.Scalars", scalars);
    static const struct row maps[] = {
        {"{'int32_to_int64' => {1 => 2}}", "12 04 08011002"},
        {"{'int32_to_int64' => {'1' => 2}}", "12 04 08011002"},
        {"{'bool_to_color' => {true => 1}}", "42 04 08011001"},
        {"{'string_to_string' => {a: :b}}", "0a 06 0a01611201 62"},
    };
    for_rows(becomes, "test.v1.Maps", maps);
    becomes("test.v1.WellKnown", "{'value' => [nil, 1]}",
            "2a 11 32 0f 0a 02 0800 0a 09 11 000000000000f03f");
}

static void is_refused(const char *type, const char *text, const char *wanted)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    mrb_value hash = ruby(text);
    assert_int_equal(gw_hook_hash_to_wire(mrb, schema, message(type), hash, &pool, &out, &error),
                     -1);
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
    assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("kept")));
}

static void errors_name_the_field(void **state)
{
    (void)state;
    static const struct row scalars[] = {
        {"5", "expected an object, found 5"},
        {"nil", "expected an object, found null"},
        {"{'int32_value' => 'ten'}", "int32_value: expected an integer, found \"ten\""},
        {"{'int32_value' => 2.5}", "int32_value: expected an integer, found 2.5"},
        {"{'int32_value' => 1 << 40}", "int32_value: expected an integer from -2147483648 to "
                                       "2147483647, found 1099511627776"},
        {"{'int32_value' => 0.0 / 0}", "int32_value: expected an integer, found nan"},
        {"{'string_value' => 5}", "string_value: expected a string, found 5"},
        {"{'string_value' => \"\\xff\"}", "string_value: byte 0xff is not UTF-8"},
        {"{'string_value' => 1.0 / 0}", "string_value: expected a string, found inf"},
        {"{'bytes_value' => {}}", "bytes_value: expected a string, found an object"},
        {"{'bool_value' => 1}", "bool_value: expected true or false, found 1"},
        {"{'color' => 'RED'}", "color: expected a value of enum test.v1.Color, found \"RED\""},
        {"{'string_value' => Object.new}", "string_value: expected a string, found a Ruby object"},
        {"{'stringvalue' => 'a'}", "stringvalue: unknown field of test.v1.Scalars; did you mean "
                                   "\"string_value\"?"},
        {"{'color' => 1, :color => 2}", "color: the field is there twice"},
        {"{nil => 2}", "expected a string for a key, found null"},
    };
    for_rows(is_refused, "test.v1.Scalars", scalars);
    static const struct row others[] = {
        {"{'repeated' => {'messages' => [{}, {'int32_value' => true}]}}",
         "repeated.messages[1].int32_value: expected an integer, found true"},
        {"{'maps' => {'string_to_message' => {'a' => {'color' => []}}}}",
         "maps.string_to_message[\"a\"].color: expected a value of enum test.v1.Color, found an "
         "array"},
        {"{'maps' => {'int32_to_int64' => {'x' => 1}}}",
         "maps.int32_to_int64[\"x\"]: expected an integer, found \"x\""},
        {"{'choice' => {'int32_value' => 1, 'string_value' => 'a'}}",
         "choice.string_value: another field of oneof value is there already"},
        {"{'well_known' => {'timestamp' => 5}}",
         "well_known.timestamp: expected a time like \"2026-01-31T12:00:00Z\", found 5"},
        {"{'well_known' => {'value' => 1.0 / 0}}", "well_known.value: expected a value, found inf"},
        {"{'well_known' => {'any' => {'@type' => 'x/x.Y', 'name' => 'a'}}}",
         "well_known.any: expected only \"@type\" and \"value\""},
    };
    for_rows(is_refused, "test.v1.Everything", others);
}

static void names_of_the_proto_file_come_before_json_names(void **state)
{
    (void)state;
    agrees("test.v1.Names", "{\"@type\":\"a\",\"twoWords\":\"b\"}",
           "{\"chosen\"=>\"a\", \"two_words\"=>\"b\"}");
}

static void nesting_is_bounded_both_ways(void **state)
{
    (void)state;
    is_refused(
        "test.v1.Tree", "h = {}; h['left'] = h; h",
        "....left.left.left.left.left.left.left.left.left.left.left.left.left.left.left.left."
        "left.left.left.left.left.left.left.left.left.left.left.left.left.left.left.left."
        "left.left.left.left.left.left.left.left: nested deeper than 100 messages");
    is_refused(
        "google.protobuf.Value", "a = []; a << a; a",
        "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
        "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper "
        "than 100 messages");
    struct gw_slice wire = GW_SLICE("");
    for (int i = 0; i < 99; i++) {
        struct gw_buf outer = gw_buf_in_pool(&pool);
        gw_wire_append_bytes_field(&outer, 4, wire);
        wire = gw_buf_slice(&outer);
    }
    mrb_value hash = to_hash("test.v1.Tree", wire);
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool), deeper = gw_buf_in_pool(&pool);
    assert_int_equal(
        gw_hook_hash_to_wire(mrb, schema, message("test.v1.Tree"), hash, &pool, &out, &error), 0);
    assert_string_equal(hex(gw_buf_slice(&out)), hex(wire));
    gw_wire_append_bytes_field(&deeper, 4, wire);
    assert_true(mrb_undef_p(gw_hook_message_to_hash(mrb, schema, message("test.v1.Tree"),
                                                    gw_buf_slice(&deeper), &error)));
}

/* 2^20 times the same kilobyte. */
static void a_tree_that_is_larger_than_it_looks_ends_at_the_limit(void **state)
{
    (void)state;
    struct gw_error error = {0};
    struct gw_buf out = GW_BUF_HEAP;
    mrb_value tree = ruby("a = ['x' * 1000]; 20.times { a = [a, a] }; a");
    assert_int_equal(gw_hook_hash_to_wire(mrb, schema, message("google.protobuf.Value"), tree,
                                          &pool, &out, &error),
                     -1);
    assert_non_null(strstr(error.message, "the message gets too long"));
    gw_buf_dispose(&out);
}

static bool is_unchanged_after(const char *change)
{
    struct gw_slice wire =
        from_json("test.v1.Everything",
                  "{\"scalars\":{\"int32Value\":5,\"doubleValue\":0.1,\"stringValue\":\"a\"},"
                  "\"repeated\":{\"int32Values\":[1,2],\"messages\":[{},{}]},"
                  "\"maps\":{\"stringToString\":{\"a\":\"b\",\"c\":\"d\"}},"
                  "\"wellKnown\":{\"timestamp\":\"2026-01-31T12:00:00Z\",\"uint64Wrapper\":"
                  "\"18446744073709551615\",\"value\":{\"x\":null}}}");
    struct gw_buf with_unknown = gw_buf_in_pool(&pool);
    gw_buf_append(&with_unknown, wire);
    gw_wire_append_bytes_field(&with_unknown, 1000, GW_SLICE("unknown"));
    wire = gw_buf_slice(&with_unknown);
    mrb_value hash = to_hash("test.v1.Everything", wire);
    mrb_gv_set(mrb, mrb_intern_lit(mrb, "$m"), hash);
    ruby(change);
    return gw_hook_message_is_unchanged(mrb, schema, message("test.v1.Everything"), wire,
                                        mrb_gv_get(mrb, mrb_intern_lit(mrb, "$m")));
}

static void every_change_is_seen(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "$m['scalars']['int32_value'] += 1",
        "$m['scalars']['double_value'] = 0.1000001",
        "$m['scalars']['double_value'] = nil",
        "$m['scalars']['string_value'] << 'b'",
        "$m['scalars'].delete('string_value')",
        "$m['scalars']['bool_value'] = true",
        "$m['repeated']['int32_values'] << 3",
        "$m['repeated']['int32_values'].pop",
        "$m['repeated']['messages'][1]['color'] = 'COLOR_RED'",
        "$m['repeated']['messages'] = {}",
        "$m['maps']['string_to_string']['a'] = 'c'",
        "$m['maps']['string_to_string'].delete('c')",
        "$m['maps']['string_to_string']['e'] = ''",
        "$m['well_known']['timestamp'] = '2026-01-31T12:00:01Z'",
        "$m['well_known']['uint64_wrapper'] = '18446744073709551614'",
        "$m['well_known']['value']['x'] = false",
        "$m['well_known'].delete('value')",
        "$m['nothing'] = {}",
        "$m['typo'] = 1",
        "$m = {}",
        "$m = 5",
        "$m = nil",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (is_unchanged_after(changes[i]))
            fail_msg("%s: not seen", changes[i]);
    }
}

static void reading_is_no_change(void **state)
{
    (void)state;
    assert_true(
        is_unchanged_after("$m['scalars']['int32_value'] + 1; $m['maps'].map { |k, v| v }"));
    assert_true(is_unchanged_after("$m['scalars']['int32_value'] += 1; "
                                   "$m['scalars']['int32_value'] -= 1"));
}

static struct gw_slice many_trees(int count)
{
    struct gw_buf wire = gw_buf_in_pool(&pool);
    for (int i = 0; i < count; i++) {
        gw_wire_append_bytes_field(&wire, 4, GW_SLICE("\x0a\x03one"));
        gw_wire_append_bytes_field(&wire, 1, GW_SLICE("a name"));
    }
    return gw_buf_slice(&wire);
}

static void the_arena_does_not_grow_with_the_message(void **state)
{
    (void)state;
    int before = mrb_gc_arena_save(mrb);
    mrb_value hash = to_hash("test.v1.Tree", many_trees(20000));
    assert_true(mrb_gc_arena_save(mrb) <= before + 1);
    mrb_gv_set(mrb, mrb_intern_lit(mrb, "$hash"), hash);
    assert_string_equal(inspect(ruby("GC.start; c = $hash['children']; "
                                     "[c.size, c.all? { |t| t == c[0] }, c[-1]]")),
                        "[20000, true, {\"name\"=>\"one\", \"children\"=>[]}]");
}

static void *bounded_alloc(mrb_state *vm, void *block, size_t size, void *heap)
{
    (void)vm;
    return gw_hook_heap_realloc(heap, block, size);
}

static mrb_value decode_too_much(mrb_state *vm, void *wire)
{
    struct gw_error error = {0};
    gw_hook_message_to_hash(vm, schema, message("test.v1.Tree"), *(struct gw_slice *)wire, &error);
    fail_msg("expected an exception");
    return mrb_nil_value();
}

/* In the middle of a message whose fields come back, so that all of the working memory is in use.
 */
static void an_exception_leaves_nothing_behind(void **state)
{
    (void)state;
    struct gw_hook_heap heap;
    gw_hook_heap_init(&heap, (size_t)2 << 20);
    mrb_state *small = mrb_open_allocf(bounded_alloc, &heap);
    assert_non_null(small);
    struct gw_slice wire = many_trees(100000);
    for (int i = 0; i < 5; i++) {
        mrb_bool is_raised = FALSE;
        mrb_value exception = mrb_protect_error(small, decode_too_much, &wire, &is_raised);
        assert_true(is_raised);
        assert_string_equal(mrb_obj_classname(small, exception), "NoMemoryError");
        assert_int_equal(held, 0);
    }
    mrb_close(small);
    gw_hook_heap_dispose(&heap);
}

static void details_of_a_status_are_an_array(void **state)
{
    (void)state;
    struct gw_buf broken = gw_buf_in_pool(&pool), any = gw_buf_in_pool(&pool),
                  status = gw_buf_in_pool(&pool);
    gw_wire_append_bytes_field(&any, 1, GW_SLICE("type.googleapis.com/test.v1.Tree"));
    gw_wire_append_bytes_field(&any, 2,
                               GW_SLICE("\x0a\x01"
                                        "a"));
    gw_wire_append_bytes_field(&broken, 1, GW_SLICE("type.googleapis.com/test.v1.Tree"));
    gw_wire_append_bytes_field(&broken, 2, GW_SLICE("\x0a\x01\xff"));
    gw_wire_append_varint_field(&status, 1, 5);
    gw_wire_append_bytes_field(&status, 3, gw_buf_slice(&any));
    gw_wire_append_bytes_field(&status, 3, gw_buf_slice(&broken));
    gw_wire_append_bytes_field(&status, 3, gw_buf_slice(&any));
    assert_string_equal(
        inspect(gw_hook_status_details(mrb, schema, gw_buf_slice(&status))),
        "[{\"@type\"=>\"type.googleapis.com/test.v1.Tree\", \"name\"=>\"a\", \"children\"=>[]}, "
        "{\"@type\"=>\"type.googleapis.com/test.v1.Tree\", \"name\"=>\"a\", \"children\"=>[]}]");
    assert_string_equal(inspect(gw_hook_status_details(mrb, schema, GW_SLICE(""))), "[]");
    assert_string_equal(inspect(gw_hook_status_details(mrb, schema, GW_SLICE("\x0a"))), "[]");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_scalar_has_its_ruby_value, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_without_presence_have_their_default, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(fields_with_presence_are_there_when_set, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_have_keys_of_their_own_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_messages_are_hashes_and_repeated_fields_arrays,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(well_known_types_have_the_shape_of_their_json, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_any_of_unknown_type_comes_back_as_it_was, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_comes_back_is_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_such_message_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(hashes_are_read_as_generously_as_json, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_name_the_field, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_the_proto_file_come_before_json_names, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nesting_is_bounded_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_that_is_larger_than_it_looks_ends_at_the_limit,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(every_change_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_is_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_arena_does_not_grow_with_the_message, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_leaves_nothing_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(details_of_a_status_are_an_array, setup, teardown),
    };
    codec_load_schema(argc > 1 ? argv[1] : "build");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
