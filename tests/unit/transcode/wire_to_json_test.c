#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec.h"
#include "transcode/wire_to_json.h"

struct written {
    const char *wire, *json;
};

static void writes(const char *type, const char *wire, const char *json)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_wire_to_json(schema, message(type), &options, unhex(wire), &pool, &out, &error))
        fail_msg("%s: %s", wire, error.message);
    assert_string_equal(gw_buf_terminate(&out), json);
}

#define write_rows(type, rows)                                                                     \
    for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)                            \
    writes((type), (rows)[row].wire, (rows)[row].json)

static void refuses_bytes(const char *type, struct gw_slice wire, const char *wanted)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    assert_int_equal(gw_wire_to_json(schema, message(type), &options, wire, &pool, &out, &error),
                     -1);
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, GW_INTERNAL);
    assert_int_equal(error.position, GW_NO_POSITION);
    assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("kept")));
    assert_int_equal(gw_wire_to_json(schema, message(type), &options, wire, &pool, &out, NULL), -1);
}

static void refuses(const char *type, const char *wire, const char *wanted)
{
    refuses_bytes(type, unhex(wire), wanted);
}

static void every_scalar_has_its_json_form(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"", "{}"},
        {"09 000000000000f83f", "{\"doubleValue\":1.5}"},
        {"15 cdcccc3d", "{\"floatValue\":0.1}"},
        {"18 ffffffffffffffffff01", "{\"int32Value\":-1}"},
        {"18 ffffffff0f", "{\"int32Value\":-1}"},
        {"20 80808080808080808001", "{\"int64Value\":\"-9223372036854775808\"}"},
        {"28 ffffffff0f", "{\"uint32Value\":4294967295}"},
        {"30 ffffffffffffffffff01", "{\"uint64Value\":\"18446744073709551615\"}"},
        {"38 ffffffff0f", "{\"sint32Value\":-2147483648}"},
        {"40 feffffffffffffffff01", "{\"sint64Value\":\"9223372036854775807\"}"},
        {"4d ffffffff", "{\"fixed32Value\":4294967295}"},
        {"51 0201000000000000", "{\"fixed64Value\":\"258\"}"},
        {"5d feffffff", "{\"sfixed32Value\":-2}"},
        {"61 feffffffffffffff", "{\"sfixed64Value\":\"-2\"}"},
        {"68 01", "{\"boolValue\":true}"},
        {"68 8002", "{\"boolValue\":true}"},
        {"72 03 616263", "{\"stringValue\":\"abc\"}"},
        {"7a 02 ffef", "{\"bytesValue\":\"/+8=\"}"},
        {"8001 02", "{\"color\":\"COLOR_GREEN\"}"},
        {"8001 ffffffffffffffffff01", "{\"color\":\"COLOR_NEGATIVE\"}"},
        {"8001 63", "{\"color\":99}"},
        {"8801 09", "{\"level\":\"LEVEL_HIGH\"}"},
    };
    write_rows("test.v1.Scalars", rows);
}

static void three_doubles_are_strings(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"09 000000000000f87f", "{\"doubleValue\":\"NaN\"}"},
        {"09 000000000000f0ff", "{\"doubleValue\":\"-Infinity\"}"},
        {"15 0000807f", "{\"floatValue\":\"Infinity\"}"},
        {"15 0000c0ff", "{\"floatValue\":\"NaN\"}"},
    };
    write_rows("test.v1.Scalars", rows);
}

static void defaults_without_presence_are_not_written(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"09 0000000000000000 15 00000000 18 00 20 00 68 00 72 00 7a 00 8001 00", "{}"},
        {"09 0000000000000080", "{\"doubleValue\":-0.0}"},
        {"18 8080808010", "{}"}, /* 2^32, of which an int32 keeps nothing */
    };
    write_rows("test.v1.Scalars", rows);
    writes(
        "test.v1.Optionals", "18 00 72 00 8001 00 8a01 00",
        "{\"int32Value\":0,\"stringValue\":\"\",\"color\":\"COLOR_UNSPECIFIED\",\"message\":{}}");
    writes("test.v1.Choice", "18 00", "{\"boolValue\":false}");
}

static void strings_are_escaped_as_json_wants(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"72 0a 22 5c 2f 08 0c 0a 0d 09 01 7f",
         "{\"stringValue\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\"}"},
        {"72 01 00", "{\"stringValue\":\"\\u0000\"}"},
        {"72 0b e282ac f09f9880 c3a9 6162",
         "{\"stringValue\":\"\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9"
         "ab\"}"},
        {"72 13 3132333435363738 22 31323334353637380a0a",
         "{\"stringValue\":\"12345678\\\"12345678\\n\\n\"}"},
    };
    write_rows("test.v1.Scalars", rows);
    /* Every byte grows to six. */
    struct gw_buf wire = gw_buf_in_pool(&pool), json = gw_buf_in_pool(&pool);
    gw_buf_append(&wire, GW_SLICE("72e807"));
    gw_buf_append(&json, GW_SLICE("{\"stringValue\":\""));
    for (int i = 0; i < 1000; i++) {
        gw_buf_append(&wire, GW_SLICE("1f"));
        gw_buf_append(&json, GW_SLICE("\\u001f"));
    }
    gw_buf_append(&json, GW_SLICE("\"}"));
    writes("test.v1.Scalars", gw_buf_terminate(&wire), gw_buf_terminate(&json));
}

static void names_are_chosen_by_the_options(void **state)
{
    (void)state;
    static const char wire[] = "12 01 61 42 01 62 4a 01 63";
    writes("test.v1.Names", wire,
           "{\"twoWords\":\"a\",\"@type\":\"b\",\"say \\\"h\xc3\xa9\\\"\":\"c\"}");
    options.preserve_proto_names = true;
    writes("test.v1.Names", wire, "{\"two_words\":\"a\",\"chosen\":\"b\",\"quoted\":\"c\"}");
    options.enums_as_ints = true;
    writes("test.v1.Scalars", "8001 02", "{\"color\":2}");
    writes("test.v1.Maps", "42 04 0801 1001", "{\"bool_to_color\":{\"true\":1}}");
}

static void defaults_are_written_on_request(void **state)
{
    (void)state;
    options.always_print_defaults = true;
    writes("user.v1.User", "0a 01 61",
           "{\"id\":\"a\",\"username\":\"\",\"email\":\"\",\"fullName\":\"\",\"age\":0}");
    writes("test.v1.Choice", "", "{\"outside\":\"\"}");
    writes("test.v1.Tree", "22 00",
           "{\"children\":[{\"name\":\"\",\"children\":[]}],\"name\":\"\"}");
    writes("test.v1.Optionals", "", "{}");
    writes("test.v1.Maps", "1a 02 0805",
           "{\"int64ToBool\":{\"5\":false},\"stringToString\":{},\"int32ToInt64\":{},"
           "\"uint32ToDouble\":{},\"uint64ToBytes\":{},\"sint32ToSint64\":{},"
           "\"fixed64ToFloat\":{},\"boolToColor\":{},\"stringToMessage\":{},\"stringToMaps\":{},"
           "\"stringToTimestamp\":{},\"stringToValue\":{}}");
    /* In the same order where fields come back. */
    writes("user.v1.User", "0a 01 62 28 05",
           "{\"id\":\"b\",\"age\":5,\"username\":\"\",\"email\":\"\",\"fullName\":\"\"}");
    writes("user.v1.User", "0a 01 61 28 05 0a 01 62",
           "{\"id\":\"b\",\"age\":5,\"username\":\"\",\"email\":\"\",\"fullName\":\"\"}");
    writes("test.v1.Tree", "22 00 0a 01 61 22 00",
           "{\"name\":\"a\",\"children\":[{\"name\":\"\",\"children\":[]},{\"name\":\"\","
           "\"children\":[]}]}");
    /* A value that is the default is written once. */
    writes("user.v1.SayHelloRequest", "0a 00", "{\"name\":\"\"}");
}

static void repeated_fields_are_read_packed_or_not(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"1a 03 01 02 7f", "{\"int32Values\":[1,2,127]}"},
        {"18 01 18 02", "{\"int32Values\":[1,2]}"},
        {"18 01 1a 02 02 03 18 04", "{\"int32Values\":[1,2,3,4]}"},
        {"1a 00", "{}"},
        {"9201 02 0102", "{\"unpackedInt32Values\":[1,2]}"},
        {"9001 01", "{\"unpackedInt32Values\":[1]}"},
        {"0a 10 000000000000f03f 0000000000000040", "{\"doubleValues\":[1,2]}"},
        {"6a 02 0100", "{\"boolValues\":[true,false]}"},
        {"8201 02 0163", "{\"colors\":[\"COLOR_RED\",99]}"},
        {"72 00 72 01 61", "{\"stringValues\":[\"\",\"a\"]}"},
        {"8a01 00 8a01 02 1801", "{\"messages\":[{},{\"int32Value\":1}]}"},
    };
    write_rows("test.v1.Repeated", rows);
}

static void repeated_fields_in_several_places_become_one_array(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"18 01 72 01 61 18 02", "{\"int32Values\":[1,2],\"stringValues\":[\"a\"]}"},
        {"1a 02 0102 28 05 1a 01 03", "{\"int32Values\":[1,2,3],\"uint32Values\":[5]}"},
        {"1a 00 28 05 1a 00", "{\"uint32Values\":[5]}"},
        {"1a 00 28 05 1a 01 07", "{\"int32Values\":[7],\"uint32Values\":[5]}"},
        {"8a01 00 72 00 8a01 02 1801", "{\"stringValues\":[\"\"],\"messages\":[{},"
                                       "{\"int32Value\":1}]}"},
    };
    write_rows("test.v1.Repeated", rows);
}

static void of_singular_fields_the_last_value_counts(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"18 01 18 02", "{\"int32Value\":2}"},
        {"18 01 18 00", "{}"},
        {"18 00 18 01", "{\"int32Value\":1}"},
        {"72 01 61 18 01 72 01 62", "{\"int32Value\":1,\"stringValue\":\"b\"}"},
    };
    write_rows("test.v1.Scalars", rows);
}

static void messages_in_pieces_are_merged(void **state)
{
    (void)state;
    writes("test.v1.Optionals", "8a01 02 1801 8a01 02 1802", "{\"message\":{\"int32Value\":2}}");
    writes("test.v1.Optionals", "8a01 02 1801 18 05 8a01 03 720161",
           "{\"int32Value\":5,\"message\":{\"int32Value\":1,\"stringValue\":\"a\"}}");
    writes("test.v1.Tree", "12 05 0a0161 2200 12 02 2200",
           "{\"left\":{\"name\":\"a\",\"children\":[{},{}]}}");
}

static void the_last_member_of_a_oneof_counts(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"08 01 18 01", "{\"boolValue\":true}"},
        {"18 01 08 00", "{\"int32Value\":0}"},
        {"22 02 1801 22 03 720161", "{\"message\":{\"int32Value\":1,\"stringValue\":\"a\"}}"},
        /* What was there before the other member is gone. */
        {"22 02 1801 08 05 22 03 720161", "{\"message\":{\"stringValue\":\"a\"}}"},
        {"22 02 1801 08 05 49 000000000000f03f 08 06", "{\"int32Value\":6,\"doubleValue\":1}"},
    };
    write_rows("test.v1.Choice", rows);
}

static void maps_are_objects(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"0a 06 0a0161 120162", "{\"stringToString\":{\"a\":\"b\"}}"},
        {"0a 06 120162 0a0161", "{\"stringToString\":{\"a\":\"b\"}}"},
        {"0a 09 0a0178 120162 0a0161", "{\"stringToString\":{\"a\":\"b\"}}"},
        {"0a 00", "{\"stringToString\":{\"\":\"\"}}"},
        {"0a 09 0a0161 1801 20 05 12 00", "{\"stringToString\":{\"a\":\"\"}}"},
        {"12 0d 08ffffffffffffffffff01 1002", "{\"int32ToInt64\":{\"-1\":\"2\"}}"},
        {"1a 04 0805 1001", "{\"int64ToBool\":{\"5\":true}}"},
        {"22 02 0807", "{\"uint32ToDouble\":{\"7\":0}}"},
        {"2a 05 0808 120100", "{\"uint64ToBytes\":{\"8\":\"AA==\"}}"},
        {"32 04 0805 1007", "{\"sint32ToSint64\":{\"-3\":\"-4\"}}"},
        {"3a 0e 090100000000000000 150000803f", "{\"fixed64ToFloat\":{\"1\":1}}"},
        {"42 04 0801 1001 42 02 1002",
         "{\"boolToColor\":{\"true\":\"COLOR_RED\",\"false\":\"COLOR_GREEN\"}}"},
        {"4a 03 0a0161", "{\"stringToMessage\":{\"a\":{}}}"},
        {"4a 0b 0a0161 1202 1801 1202 2002",
         "{\"stringToMessage\":{\"a\":{\"int32Value\":1,\"int64Value\":\"2\"}}}"},
        {"5a 03 0a0161", "{\"stringToTimestamp\":{\"a\":\"1970-01-01T00:00:00Z\"}}"},
        {"62 03 0a0161", "{\"stringToValue\":{\"a\":null}}"},
        {"52 0b 0a0161 1206 1a04 0801 1001",
         "{\"stringToMaps\":{\"a\":{\"int64ToBool\":{\"1\":true}}}}"},
    };
    write_rows("test.v1.Maps", rows);
}

static void of_equal_map_keys_the_last_counts(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"0a 06 0a0161 120162 0a 06 0a0161 120163", "{\"stringToString\":{\"a\":\"c\"}}"},
        {"0a 06 0a0161 120162 1a 02 0801 0a 06 0a0161 120163",
         "{\"stringToString\":{\"a\":\"c\"},\"int64ToBool\":{\"1\":false}}"},
        {"0a 06 0a0161 120162 1a 02 0801 0a 06 0a0162 120163",
         "{\"stringToString\":{\"a\":\"b\",\"b\":\"c\"},\"int64ToBool\":{\"1\":false}}"},
        /* The same number in other bytes. */
        {"12 04 0801 1001 12 05 088100 1002", "{\"int32ToInt64\":{\"1\":\"2\"}}"},
        {"42 04 0801 1001 42 04 0802 1002", "{\"boolToColor\":{\"true\":\"COLOR_GREEN\"}}"},
        {"1a 02 1001 1a 04 0800 1000", "{\"int64ToBool\":{\"0\":false}}"},
    };
    write_rows("test.v1.Maps", rows);
}

static void maps_with_many_keys_notice_an_equal_one(void **state)
{
    (void)state;
    for (int count = 1; count < 40; count++) {
        for (int again = 0; again < count; again++) {
            struct gw_buf wire = gw_buf_in_pool(&pool), json = gw_buf_in_pool(&pool);
            gw_buf_append(&json, GW_SLICE("{\"sint32ToSint64\":{"));
            for (int i = 0; i < count; i++) {
                gw_buf_printf(&wire, "320408%02x10%02x", 2 * i, 2 * i);
                if (i != again)
                    gw_buf_printf(&json, "\"%d\":\"%d\",", i, i);
            }
            gw_buf_printf(&wire, "320408%02x107e", 2 * again);
            gw_buf_printf(&json, "\"%d\":\"63\"}}", again);
            writes("test.v1.Maps", gw_buf_terminate(&wire), gw_buf_terminate(&json));
        }
    }
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"f87f 05 18 01", "{\"int32Value\":1}"},
        {"fa7f 03 616263 18 01", "{\"int32Value\":1}"},
        {"fd7f 01020304 f97f 0102030405060708 18 01", "{\"int32Value\":1}"},
        {"fb7f 08 01 fb7f 12 01 61 fc7f fc7f 18 01", "{\"int32Value\":1}"},
        /* A wire type that the field cannot have makes it unknown. */
        {"1d 01020304 18 01", "{\"int32Value\":1}"},
        {"1a 01 05", "{}"},
        {"70 05", "{}"},
        {"73 74", "{}"},
    };
    write_rows("test.v1.Scalars", rows);
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "18",                         /* no value */
        "98",                         /* the key is cut off */
        "18 80",                      /* the varint is cut off */
        "18 ffffffffffffffffffff01",  /* 11 bytes */
        "ffffffffff01 00",            /* a key of more than 32 bits */
        "09 00000000000000",          /* 7 of 8 bytes */
        "15 000000",                  /* 3 of 4 bytes */
        "72 04 616263",               /* longer than what is there */
        "72 ffffffffffffffffff01 61", /* longer than memory */
        "72",                         /* no length */
        "00 01",                      /* field number 0 */
        "02 00",                      /* the same with bytes */
        "1e 00",                      /* wire type 6 */
        "1f 00",                      /* wire type 7 */
        "1c",                         /* the end of a group that did not begin */
        "fb7f 08 01",                 /* a group that does not end */
        "fb7f f484",                  /* a group whose end is cut off */
        "fb7f 84 01",                 /* another group's end */
        "fb7f 08",                    /* a group's field without value */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuses("test.v1.Scalars", rows[i], "the message is malformed");
    refuses("test.v1.Optionals", "8a01 01 18", "message: the message is malformed");
    refuses("test.v1.Repeated", "1a 01 80", "int32Values: the message is malformed");
    refuses("test.v1.Repeated", "0a 07 00000000000000", "doubleValues: the message is malformed");
    refuses("test.v1.Repeated", "72 00 18", "stringValues: the message is malformed");
    refuses("test.v1.Maps", "0a 01 0a", "stringToString: the message is malformed");
    refuses("test.v1.Everything", "3a 03 0a 01 08",
            "wellKnown.timestamp: the message is malformed");
    /* Found in the second round over a message in which fields come back. */
    refuses("test.v1.Optionals", "18 01 18 02 8a01 01 18", "message: the message is malformed");
    refuses("test.v1.Scalars", "18 01 18 02 18", "the message is malformed");
}

static void strings_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    refuses("test.v1.Scalars", "72 01 ff", "stringValue: the string is not UTF-8");
    refuses("test.v1.Scalars", "72 09 3132333435363738 80", "stringValue: the string is not UTF-8");
    refuses("test.v1.Scalars", "72 03 eda080", "stringValue: the string is not UTF-8");
    refuses("test.v1.Maps", "0a 03 0a01ff", "stringToString: the string is not UTF-8");
    refuses("test.v1.WellKnown", "42 03 0a01ff", "any: the type's URL is not UTF-8");
    refuses("test.v1.Everything", "2a 06 22 04 0a 02 e282",
            "tree.children.name: the string is not "
            "UTF-8");
}

static struct gw_slice nested(struct gw_slice inner, const char *key, int count)
{
    for (int i = 0; i < count; i++) {
        struct gw_buf outer = gw_buf_in_pool(&pool);
        gw_buf_append(&outer, unhex(key));
        uint64_t length = inner.len;
        for (; length >= 0x80; length >>= 7)
            gw_buf_append_byte(&outer, (char)(length | 0x80));
        gw_buf_append_byte(&outer, (char)length);
        gw_buf_append(&outer, inner);
        inner = gw_buf_slice(&outer);
    }
    return inner;
}

static bool is_too_deep(const char *type, struct gw_slice wire)
{
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_wire_to_json(schema, message(type), &options, wire, &pool, &out, &error) == 0)
        return false;
    const char *end = "nested deeper than 100 messages";
    assert_true(gw_slice_ends_with(gw_slice_str(error.message), gw_slice_str(end)));
    return true;
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    struct gw_slice empty = {"", 0};
    assert_false(is_too_deep("test.v1.Tree", nested(empty, "12", GW_MAX_DEPTH - 1)));
    assert_true(is_too_deep("test.v1.Tree", nested(empty, "12", GW_MAX_DEPTH)));
    assert_false(is_too_deep("test.v1.Maps", nested(nested(empty, "12", 1), "52", 1)));
    /* The same way of counting as from JSON: what a client may send comes back. */
    struct gw_slice list = empty;
    for (int i = 0; i < 49; i++)
        list = nested(nested(list, "0a", 1), "32", 1);
    assert_false(is_too_deep("google.protobuf.Value", list));
    list = nested(nested(list, "0a", 1), "32", 1);
    assert_true(is_too_deep("google.protobuf.Value", list));
    struct gw_slice maps = empty;
    for (int i = 0; i < 49; i++)
        maps = nested(nested(maps, "12", 1), "52", 1);
    assert_false(is_too_deep("test.v1.Maps", maps));
    maps = nested(nested(maps, "12", 1), "52", 1);
    assert_true(is_too_deep("test.v1.Maps", maps));
}

static void groups_nest_to_a_limit_too(void **state)
{
    (void)state;
    struct gw_buf groups = gw_buf_in_pool(&pool);
    for (int i = 0; i < 100000; i++)
        gw_buf_append(&groups, gw_slice("\xfb\x7f", 2));
    refuses_bytes("test.v1.Scalars", gw_buf_slice(&groups), "the message is malformed");
}

/* Each level is one in which fields come back: were each written, taken back and written anew, this
 * would take 2^90 steps. */
static void fields_that_come_back_on_every_level_cost_no_more_than_their_bytes(void **state)
{
    (void)state;
    struct gw_slice wire = {"", 0};
    for (int i = 0; i < 90; i++) {
        struct gw_buf outer = gw_buf_in_pool(&pool);
        gw_buf_append(&outer, nested(wire, "12", 1));
        gw_buf_append(&outer, unhex("0a 01 61 0a 01 62"));
        wire = gw_buf_slice(&outer);
    }
    struct gw_buf out = gw_buf_in_pool(&pool);
    struct gw_error error;
    assert_int_equal(
        gw_wire_to_json(schema, message("test.v1.Tree"), &options, wire, &pool, &out, &error), 0);
    assert_int_equal(out.len, 90 * strlen("{\"name\":\"b\",\"left\":}") + 2);

    wire = gw_slice("", 0);
    for (int i = 0; i < 40; i++) {
        struct gw_buf entry = gw_buf_in_pool(&pool), maps = gw_buf_in_pool(&pool);
        gw_buf_append(&entry, unhex("0a 01 61"));
        gw_buf_append(&entry, nested(wire, "12", 1));
        gw_buf_append(&maps, nested(gw_buf_slice(&entry), "52", 1));
        gw_buf_append(&maps, unhex("52 03 0a0162 52 03 0a0162"));
        wire = gw_buf_slice(&maps);
    }
    assert_int_equal(
        gw_wire_to_json(schema, message("test.v1.Maps"), &options, wire, &pool, &out, &error), 0);
}

static void timestamps_and_durations_are_strings(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"0a 00", "{\"timestamp\":\"1970-01-01T00:00:00Z\"}"},
        {"0a 08 0801 1080cab5ee01", "{\"timestamp\":\"1970-01-01T00:00:01.500Z\"}"},
        {"0a 04 0801 0802", "{\"timestamp\":\"1970-01-01T00:00:02Z\"}"},
        {"0a 02 0801 0a 06 1080cab5ee01", "{\"timestamp\":\"1970-01-01T00:00:01.500Z\"}"},
        {"12 0b 1080b6ca91feffffffff01", "{\"duration\":\"-0.500s\"}"},
        {"12 02 0803", "{\"duration\":\"3s\"}"},
        {"9a01 02 0801 9a01 00",
         "{\"timestamps\":[\"1970-01-01T00:00:01Z\",\"1970-01-01T00:00:00Z\"]}"},
    };
    write_rows("test.v1.WellKnown", rows);
    refuses("test.v1.WellKnown", "0a 02 1080808080 08", "timestamp: the message is malformed");
    refuses("test.v1.WellKnown", "0a 07 0880808080800f",
            "timestamp: not a valid google.protobuf.Timestamp");
    refuses("test.v1.WellKnown", "0a 0b 10ffffffffffffffffff01",
            "timestamp: not a valid google.protobuf.Timestamp");
    refuses("test.v1.WellKnown", "12 0d 0801 10ffffffffffffffffff01",
            "duration: not a valid google.protobuf.Duration");
}

static void wrappers_are_their_value(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"52 09 09000000000000f87f", "{\"doubleWrapper\":\"NaN\"}"},
        {"5a 05 0d0000803f", "{\"floatWrapper\":1}"},
        {"62 02 0801", "{\"int64Wrapper\":\"1\"}"},
        {"6a 02 0801", "{\"uint64Wrapper\":\"1\"}"},
        {"72 00", "{\"int32Wrapper\":0}"},
        {"72 04 0801 0802", "{\"int32Wrapper\":2}"},
        {"72 02 1801", "{\"int32Wrapper\":0}"},
        {"7a 02 0801", "{\"uint32Wrapper\":1}"},
        {"8201 02 0801", "{\"boolWrapper\":true}"},
        {"8a01 03 0a0161", "{\"stringWrapper\":\"a\"}"},
        {"9201 03 0a0100", "{\"bytesWrapper\":\"AA==\"}"},
        {"a201 00 a201 02 0801", "{\"int32Wrappers\":[0,1]}"},
    };
    write_rows("test.v1.WellKnown", rows);
    writes("google.protobuf.StringValue", "", "\"\"");
}

static void field_masks_are_paths_in_camel_case(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"1a 00", "{\"fieldMask\":\"\"}"},
        {"1a 12 0a09 757365725f6e616d65 0a05 612e625f63", "{\"fieldMask\":\"userName,a.bC\"}"},
        {"1a 03 0a0161 1a 03 0a0162", "{\"fieldMask\":\"a,b\"}"},
    };
    write_rows("test.v1.WellKnown", rows);
    static const char *const broken[] = {
        "1a 03 0a0141",      /* "A" */
        "1a 04 0a02 615f",   /* "a_" */
        "1a 05 0a03 615f31", /* "a_1" */
        "1a 05 0a03 615f5f", /* "a__" */
        "1a 04 0a02 612c",   /* "a," */
        "1a 02 0a00",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        refuses("test.v1.WellKnown", broken[i], "fieldMask: not a valid google.protobuf.FieldMask");
}

static void struct_and_value_are_any_json(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"22 00", "{\"struct\":{}}"},
        {"22 10 0a0e 0a0161 1209 11000000000000f03f", "{\"struct\":{\"a\":1}}"},
        {"22 12 0a07 0a0161 1202 2001 0a07 0a0161 1202 2000", "{\"struct\":{\"a\":false}}"},
        {"2a 00", "{\"value\":null}"},
        {"2a 02 0800", "{\"value\":null}"},
        {"2a 03 1a0178", "{\"value\":\"x\"}"},
        {"2a 02 2001", "{\"value\":true}"},
        {"2a 0a 3208 0a022001 0a020800", "{\"value\":[true,null]}"},
        {"2a 0b 2a09 0a07 0a0161 1202 2a00", "{\"value\":{\"a\":{}}}"},
        {"2a 05 2001 1a0178", "{\"value\":\"x\"}"},
        {"2a 08 3202 0a00 3202 0a00", "{\"value\":[null,null]}"},
        {"32 00", "{\"listValue\":[]}"},
        {"32 04 0a02 3200", "{\"listValue\":[[]]}"},
        {"38 00", "{}"},
        {"38 05", "{\"nullValue\":null}"},
    };
    write_rows("test.v1.WellKnown", rows);
    writes("test.v1.Choice", "30 00", "{\"nullValue\":null}");
    refuses("test.v1.WellKnown", "2a 09 11000000000000f07f",
            "value: not a valid google.protobuf.Value");
    refuses("test.v1.WellKnown", "32 0b 0a09 11000000000000f87f",
            "listValue: not a valid google.protobuf.Value");
}

#define URL_SCALARS "0a11 742f746573742e76312e5363616c617273"
#define URL_TIMESTAMP "0a1b 742f676f6f676c652e70726f746f6275662e54696d657374616d70"

static void any_begins_with_its_type(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {"42 00", "{\"any\":{}}"},
        {"42 13" URL_SCALARS, "{\"any\":{\"@type\":\"t/test.v1.Scalars\"}}"},
        {"42 17" URL_SCALARS "1202 1801",
         "{\"any\":{\"@type\":\"t/test.v1.Scalars\",\"int32Value\":1}}"},
        {"42 17 1202 1801" URL_SCALARS,
         "{\"any\":{\"@type\":\"t/test.v1.Scalars\",\"int32Value\":1}}"},
        {"42 19" URL_SCALARS "1204 1801 1802",
         "{\"any\":{\"@type\":\"t/test.v1.Scalars\",\"int32Value\":2}}"},
        {"42 21" URL_TIMESTAMP "1202 0801",
         "{\"any\":{\"@type\":\"t/google.protobuf.Timestamp\",\"value\":"
         "\"1970-01-01T00:00:01Z\"}}"},
        {"42 1d" URL_TIMESTAMP, "{\"any\":{\"@type\":\"t/google.protobuf.Timestamp\",\"value\":"
                                "\"1970-01-01T00:00:00Z\"}}"},
        /* Of unknown type. */
        {"42 09 0a03 742f78 1202 1801", "{\"any\":{\"@type\":\"t/x\",\"value\":\"GAE=\"}}"},
        {"42 05 0a03 742f78", "{\"any\":{\"@type\":\"t/x\",\"value\":\"\"}}"},
        {"42 04 1202 1801", "{\"any\":{\"@type\":\"\",\"value\":\"GAE=\"}}"},
    };
    write_rows("test.v1.WellKnown", rows);
    writes("test.v1.WellKnown", "42 19 0a17 742f676f6f676c652e70726f746f6275662e456d707479",
           "{\"any\":{\"@type\":\"t/google.protobuf.Empty\"}}");
    refuses("test.v1.WellKnown", "42 16" URL_SCALARS "1201 18", "any: the message is malformed");
}

static void proto2_has_groups_and_closed_enums(void **state)
{
    (void)state;
    writes("test.v2.Groups", "0b 08 01 13 0a 01 61 14 0c",
           "{\"single\":{\"number\":1,\"inner\":{\"text\":\"a\"}}}");
    writes("test.v2.Groups", "13 0a 01 61 14 13 14", "{\"many\":[{\"text\":\"a\"},{}]}");
    writes("test.v2.Groups", "0b 08 01 0c 0b 08 02 0c", "{\"single\":{\"number\":2}}");
    writes("test.v2.Groups", "0a 00", "{}");
    writes("test.v2.Labels", "0a 00 10 00 28 03 18 01 22 01 02",
           "{\"name\":\"\",\"age\":0,\"fruit\":\"FRUIT_APPLE\",\"unpacked\":[1],\"packed\":[2]}");
}

static const char *one_field(const char *of, const char *name, const char *wire)
{
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_wire_field_to_json(schema, message(of), field(of, name), &options, unhex(wire), &pool,
                              &out, &error) != 0)
        return gw_pool_dup(&pool, gw_slice_str(error.message)).base;
    return gw_buf_terminate(&out);
}

static void a_single_field_is_found_and_written(void **state)
{
    (void)state;
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "72 01 61 18 05"), "5");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "18 05 18 06"), "6");
    assert_string_equal(one_field("test.v1.Everything", "scalars", "0a 02 1801 0a 03 720161"),
                        "{\"int32Value\":1,\"stringValue\":\"a\"}");
    assert_string_equal(one_field("test.v1.Repeated", "int32_values", "18 01 72 00 1a 02 0203"),
                        "[1,2,3]");
    assert_string_equal(one_field("test.v1.Maps", "string_to_string", "0a 06 0a0161 120162"),
                        "{\"a\":\"b\"}");
    assert_string_equal(one_field("test.v1.WellKnown", "timestamp", "0a 02 0801"),
                        "\"1970-01-01T00:00:01Z\"");
    assert_string_equal(one_field("test.v1.Choice", "int32_value", "08 05 18 01"), "null");
    assert_string_equal(one_field("test.v1.Choice", "bool_value", "08 05 18 01"), "true");
    assert_string_equal(one_field("test.v1.Scalars", "string_value", "72 01 ff"),
                        "stringValue: the string is not UTF-8");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "18 05 72 09 61"),
                        "int32Value: the message is malformed");
}

static void an_absent_field_is_its_default(void **state)
{
    (void)state;
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", ""), "0");
    assert_string_equal(one_field("test.v1.Scalars", "int64_value", ""), "\"0\"");
    assert_string_equal(one_field("test.v1.Scalars", "string_value", "18 05"), "\"\"");
    assert_string_equal(one_field("test.v1.Scalars", "color", ""), "\"COLOR_UNSPECIFIED\"");
    assert_string_equal(one_field("test.v1.Repeated", "messages", ""), "[]");
    assert_string_equal(one_field("test.v1.Repeated", "int32_values", "1a 00"), "[]");
    assert_string_equal(one_field("test.v1.Maps", "string_to_string", ""), "{}");
    assert_string_equal(one_field("test.v1.Everything", "scalars", ""), "null");
    assert_string_equal(one_field("test.v1.Optionals", "int32_value", ""), "null");
    assert_string_equal(one_field("test.v1.WellKnown", "timestamp", ""), "null");
}

static void field_numbers_may_lie_far_apart(void **state)
{
    (void)state;
    writes("test.v1.Sparse", "faffffff0f 01 61 0a 01 62 c23e 01 63",
           "{\"last\":\"a\",\"first\":\"b\",\"thousand\":\"c\"}");
    writes("test.v1.Sparse", "faffffff0f 01 61 0a 01 62 c23e 01 63 faffffff0f 01 64",
           "{\"first\":\"b\",\"thousand\":\"c\",\"last\":\"d\"}");
}

static void a_message_may_have_very_many_fields(void **state)
{
    (void)state;
    struct gw_schema *many = codec_many_fields(1000);
    const struct gw_message_type *type = gw_schema_message(many, GW_SLICE("Many"));
    struct gw_buf wire = gw_buf_in_pool(&pool), json = gw_buf_in_pool(&pool),
                  out = gw_buf_in_pool(&pool);
    struct gw_error error;
    gw_buf_append_byte(&json, '{');
    for (uint32_t i = 1; i <= 1000; i++) {
        gw_wire_append_varint_field(&wire, i, i);
        gw_buf_printf(&json, "%s\"f%u\":%u", i > 1 ? "," : "", i, i == 1000 ? 7 : i);
    }
    gw_buf_append_byte(&json, '}');
    gw_wire_append_varint_field(&wire, 1000, 7);
    assert_int_equal(
        gw_wire_to_json(many, type, &options, gw_buf_slice(&wire), &pool, &out, &error), 0);
    assert_string_equal(gw_buf_terminate(&out), gw_buf_terminate(&json));
    gw_schema_destroy(many);
}

static void expect_limit(const char *type, const char *wire, uint64_t max_bytes, const char *wanted)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    options.max_bytes = max_bytes;
    int rc = gw_wire_to_json(schema, message(type), &options, unhex(wire), &pool, &out, &error);
    assert_int_equal(rc, wanted == NULL ? 0 : -1);
    assert_string_equal(error.message, wanted == NULL ? "" : wanted);
    if (wanted != NULL)
        assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("kept")));
}

static void json_has_a_longest_length(void **state)
{
    (void)state;
    expect_limit("test.v1.Scalars", "18 01", 16, NULL); /* {"int32Value":1} */
    expect_limit("test.v1.Scalars", "18 01", 15, "the message is over 15 bytes of JSON");
    expect_limit("test.v1.Repeated", "8201 03 010101", 48, NULL);
    expect_limit("test.v1.Repeated", "8201 03 010101", 30,
                 "colors: the message is over 30 bytes of JSON");
    expect_limit("test.v1.Tree", "12021200", 20, NULL); /* {"left":{"left":{}}} */
    expect_limit("test.v1.Tree", "12021200", 19, "the message is over 19 bytes of JSON");
}

/* A message in which fields come back is collected first: that counts, too. */
static void what_merging_takes_counts_with_the_json(void **state)
{
    (void)state;
    struct gw_buf wire = GW_BUF_HEAP;
    for (int i = 0; i < 10000; i++)
        gw_buf_append(&wire, GW_SLICE("\x18\x01\x20\x01"));
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    options.max_bytes = 8 * wire.len;
    assert_int_equal(gw_wire_to_json(schema, message("test.v1.Scalars"), &options,
                                     gw_buf_slice(&wire), &pool, &out, &error),
                     -1);
    options.max_bytes = 100 * wire.len;
    assert_int_equal(gw_wire_to_json(schema, message("test.v1.Scalars"), &options,
                                     gw_buf_slice(&wire), &pool, &out, &error),
                     0);
    assert_true(
        gw_slice_eq(gw_buf_slice(&out), GW_SLICE("{\"int32Value\":1,\"int64Value\":\"1\"}")));
    gw_buf_dispose(&wire);
}

int main(int argc, char **argv)
{
    (void)argc;
    codec_load_schema(argv[1]);
#define codec_test(f) cmocka_unit_test_setup_teardown(f, codec_setup, codec_teardown)
    const struct CMUnitTest tests[] = {
        codec_test(every_scalar_has_its_json_form),
        codec_test(three_doubles_are_strings),
        codec_test(defaults_without_presence_are_not_written),
        codec_test(strings_are_escaped_as_json_wants),
        codec_test(names_are_chosen_by_the_options),
        codec_test(defaults_are_written_on_request),
        codec_test(repeated_fields_are_read_packed_or_not),
        codec_test(repeated_fields_in_several_places_become_one_array),
        codec_test(of_singular_fields_the_last_value_counts),
        codec_test(messages_in_pieces_are_merged),
        codec_test(the_last_member_of_a_oneof_counts),
        codec_test(maps_are_objects),
        codec_test(of_equal_map_keys_the_last_counts),
        codec_test(maps_with_many_keys_notice_an_equal_one),
        codec_test(unknown_fields_are_passed_over),
        codec_test(malformed_messages_are_refused),
        codec_test(strings_that_are_not_utf8_are_refused),
        codec_test(nesting_has_a_limit),
        codec_test(groups_nest_to_a_limit_too),
        codec_test(fields_that_come_back_on_every_level_cost_no_more_than_their_bytes),
        codec_test(timestamps_and_durations_are_strings),
        codec_test(wrappers_are_their_value),
        codec_test(field_masks_are_paths_in_camel_case),
        codec_test(struct_and_value_are_any_json),
        codec_test(any_begins_with_its_type),
        codec_test(proto2_has_groups_and_closed_enums),
        codec_test(a_single_field_is_found_and_written),
        codec_test(an_absent_field_is_its_default),
        codec_test(field_numbers_may_lie_far_apart),
        codec_test(a_message_may_have_very_many_fields),
        codec_test(json_has_a_longest_length),
        codec_test(what_merging_takes_counts_with_the_json),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
