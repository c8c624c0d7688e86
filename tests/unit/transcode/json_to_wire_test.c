#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec.h"
#include "transcode/json_to_wire.h"

struct accepted {
    const char *json, *wire;
};

static void accepts(const char *type, const char *json, const char *wire)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_json_to_wire(schema, message(type), &options, gw_slice_str(json), &pool, &out, &error))
        fail_msg("%s: %s", json, error.message);
    assert_string_equal(hex(gw_buf_slice(&out)), squeeze(wire));
}

#define accept_rows(type, rows)                                                                    \
    for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)                            \
    accepts((type), (rows)[row].json, (rows)[row].wire)

struct refused {
    const char *json, *message;
};

static void refuses_bytes(const char *type, struct gw_slice json, const char *wanted)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    assert_int_equal(gw_json_to_wire(schema, message(type), &options, json, &pool, &out, &error),
                     -1);
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
    assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("kept")));
    assert_int_equal(gw_json_to_wire(schema, message(type), &options, json, &pool, &out, NULL), -1);
}

static void refuses(const char *type, const char *json, const char *wanted)
{
    refuses_bytes(type, gw_slice_str(json), wanted);
}

#define refuse_rows(type, rows)                                                                    \
    for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)                            \
    refuses((type), (rows)[row].json, (rows)[row].message)

static void every_scalar_has_its_wire_form(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{}", ""},
        {"{\"doubleValue\":1.5}", "09 000000000000f83f"},
        {"{\"floatValue\":-0.25}", "15 000080be"},
        {"{\"int32Value\":-1}", "18 ffffffffffffffffff01"},
        {"{\"int64Value\":\"-9223372036854775808\"}", "20 80808080808080808001"},
        {"{\"uint32Value\":4294967295}", "28 ffffffff0f"},
        {"{\"uint64Value\":18446744073709551615}", "30 ffffffffffffffffff01"},
        {"{\"sint32Value\":-2147483648}", "38 ffffffff0f"},
        {"{\"sint64Value\":9223372036854775807}", "40 feffffffffffffffff01"},
        {"{\"fixed32Value\":258}", "4d 02010000"},
        {"{\"fixed64Value\":\"258\"}", "51 0201000000000000"},
        {"{\"sfixed32Value\":-2}", "5d feffffff"},
        {"{\"sfixed64Value\":-2}", "61 feffffffffffffff"},
        {"{\"boolValue\":true}", "68 01"},
        {"{\"stringValue\":\"abc\"}", "72 03 616263"},
        {"{\"bytesValue\":\"/+8=\"}", "7a 02 ffef"},
        {"{\"color\":\"COLOR_GREEN\"}", "8001 02"},
        {"{\"color\":-1}", "8001 ffffffffffffffffff01"},
        {"{\"level\":\"LEVEL_TOP\"}", "8801 09"},
    };
    accept_rows("test.v1.Scalars", rows);
}

static void defaults_without_presence_are_not_written(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"doubleValue\":0,\"floatValue\":0.0,\"int32Value\":0,\"int64Value\":\"0\"}", ""},
        {"{\"boolValue\":false,\"stringValue\":\"\",\"bytesValue\":\"\",\"color\":0}", ""},
        {"{\"doubleValue\":-0.0}", "09 0000000000000080"},
    };
    accept_rows("test.v1.Scalars", rows);
    static const struct accepted with_presence[] = {
        {"{\"doubleValue\":0,\"int32Value\":0}", "09 0000000000000000 18 00"},
        {"{\"boolValue\":false,\"stringValue\":\"\",\"bytesValue\":\"\",\"color\":0}",
         "68 00 72 00 7a 00 8001 00"},
        {"{\"message\":{}}", "8a01 00"},
    };
    accept_rows("test.v1.Optionals", with_presence);
}

static void either_spelling_of_a_name_is_read(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"twoWords\":\"a\"}", "12 01 61"},
        {"{\"two_words\":\"a\"}", "12 01 61"},
        {"{\"two\\u0057ords\":\"a\"}", "12 01 61"},
        {"{\"_leading\":\"a\"}", "1a 01 61"},
        {"{\"Leading\":\"a\"}", "1a 01 61"},
        {"{\"@type\":\"a\"}", "42 01 61"},
        {"{\"chosen\":\"a\"}", "42 01 61"},
        {"{\"say \\\"h\\u00e9\\\"\":\"a\"}", "4a 01 61"},
        {"{\"say \\\"h\xc3\xa9\\\"\":\"a\"}", "4a 01 61"},
    };
    accept_rows("test.v1.Names", rows);
    accepts("test.v1.Sparse", "{\"last\":\"a\",\"first\":\"b\",\"thousand\":\"c\"}",
            "faffffff0f 01 61 0a 01 62 c23e 01 63");
}

static void white_space_may_stand_between_tokens(void **state)
{
    (void)state;
    accepts("test.v1.Repeated",
            " \n{\t\"int32Values\" :\r\n[ 1 ,\t2\n] , \"messages\" : [ { } , { \"boolValue\" : "
            "true } ] } ",
            "1a 02 0102 8a01 00 8a01 02 6801");
}

static void integers_are_read_from_strings_and_any_notation(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"int32Value\":1e2}", "18 64"},
        {"{\"int32Value\":1.0}", "18 01"},
        {"{\"int32Value\":\"100\"}", "18 64"},
        {"{\"int32Value\":\"1e2\"}", "18 64"},
        {"{\"int32Value\":\"\\u0031\"}", "18 01"},
        {"{\"uint64Value\":\"1.0e1\"}", "30 0a"},
        {"{\"int32Value\":-0}", ""},
        {"{\"uint32Value\":-0}", ""},
    };
    accept_rows("test.v1.Scalars", rows);
}

static void integers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"int32Value\":2147483648}",
         "int32Value: expected an integer from -2147483648 to 2147483647, found 2147483648 "
         "(line 1, column 15)"},
        {"{\"sint32Value\":-2147483649}",
         "sint32Value: expected an integer from -2147483648 to 2147483647, found -2147483649 "
         "(line 1, column 16)"},
        {"{\"uint32Value\":-1}", "uint32Value: expected an integer from 0 to 4294967295, found -1 "
                                 "(line 1, column 16)"},
        {"{\"fixed64Value\":\"18446744073709551616\"}",
         "fixed64Value: expected an integer from 0 to 18446744073709551615, found "
         "\"18446744073709551616\" (line 1, column 17)"},
        {"{\"int64Value\":9223372036854775808}",
         "int64Value: expected an integer from -9223372036854775808 to 9223372036854775807, found "
         "9223372036854775808 (line 1, column 15)"},
        {"{\"color\":2147483648}",
         "color: expected an integer from -2147483648 to 2147483647, found 2147483648 "
         "(line 1, column 10)"},
    };
    refuse_rows("test.v1.Scalars", rows);
}

static void other_kinds_of_values_are_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"int32Value\":\"ten\"}",
         "int32Value: expected an integer, found \"ten\" (line 1, column 15)"},
        {"{\"int32Value\":1.5}", "int32Value: expected an integer, found 1.5 (line 1, column 15)"},
        {"{\"int32Value\":\"\"}",
         "int32Value: expected an integer, found \"\" (line 1, column 15)"},
        {"{\"int32Value\":\" 1\"}",
         "int32Value: expected an integer, found \" 1\" (line 1, column 15)"},
        {"{\"int32Value\":true}",
         "int32Value: expected an integer, found true (line 1, column 15)"},
        {"{\"int32Value\":[1]}",
         "int32Value: expected an integer, found an array (line 1, column 15)"},
        {"{\"doubleValue\":{}}",
         "doubleValue: expected a number, found an object (line 1, column 16)"},
        {"{\"doubleValue\":\"1.5x\"}",
         "doubleValue: expected a number, found \"1.5x\" (line 1, column 16)"},
        {"{\"doubleValue\":NaN}", "doubleValue: expected a number, found NaN (line 1, column 16)"},
        {"{\"boolValue\":1}", "boolValue: expected true or false, found 1 (line 1, column 14)"},
        {"{\"boolValue\":\"true\"}",
         "boolValue: expected true or false, found \"true\" (line 1, column 14)"},
        {"{\"boolValue\":truest}",
         "boolValue: expected true or false, found truest (line 1, column 14)"},
        {"{\"stringValue\":12}", "stringValue: expected a string, found 12 (line 1, column 16)"},
        {"{\"bytesValue\":12}",
         "bytesValue: expected a base64 string, found 12 (line 1, column 15)"},
        {"{\"color\":\"COLOR_GREN\"}",
         "color: expected a value of enum test.v1.Color, found \"COLOR_GREN\"; did you mean "
         "\"COLOR_GREEN\"? (line 1, column 10)"},
        {"{\"color\":\"1\"}",
         "color: expected a value of enum test.v1.Color, found \"1\" (line 1, column 10)"},
        {"{\"color\":1.5}", "color: expected an integer, found 1.5 (line 1, column 10)"},
        {"{\"stringValue\":nullx}",
         "stringValue: expected a string, found nullx (line 1, column 16)"},
    };
    refuse_rows("test.v1.Scalars", rows);
    refuses("test.v1.Optionals", "{\"message\":5}",
            "message: expected an object, found 5 (line 1, column 12)");
    refuses("test.v1.Repeated", "{\"int32Values\":5}",
            "int32Values: expected an array, found 5 (line 1, column 16)");
    refuses("test.v1.Maps", "{\"int32ToInt64\":[]}",
            "int32ToInt64: expected an object, found an array (line 1, column 17)");
    refuses("test.v1.Scalars", "[]", "expected an object, found an array (line 1, column 1)");
    refuses("test.v1.Scalars", "null", "expected an object, found null (line 1, column 1)");
}

static void doubles_have_three_values_that_are_strings(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"doubleValue\":\"NaN\"}", "09 000000000000f87f"},
        {"{\"doubleValue\":\"Infinity\"}", "09 000000000000f07f"},
        {"{\"doubleValue\":\"-Infinity\"}", "09 000000000000f0ff"},
        {"{\"floatValue\":\"NaN\"}", "15 0000c07f"},
        {"{\"floatValue\":\"-Infinity\"}", "15 000080ff"},
        {"{\"doubleValue\":\"1.5\"}", "09 000000000000f83f"},
        {"{\"floatValue\":3.4028235e38}", "15 ffff7f7f"},
    };
    accept_rows("test.v1.Scalars", rows);
    static const struct refused overflows[] = {
        {"{\"doubleValue\":1e309}",
         "doubleValue: expected a number in the range of a double, found 1e309 "
         "(line 1, column 16)"},
        {"{\"floatValue\":-3.5e38}",
         "floatValue: expected a number in the range of a float, found -3.5e38 "
         "(line 1, column 15)"},
        {"{\"doubleValue\":\"infinity\"}",
         "doubleValue: expected a number, found \"infinity\" (line 1, column 16)"},
    };
    refuse_rows("test.v1.Scalars", overflows);
}

static void overlong_numbers_are_refused(void **state)
{
    (void)state;
    char json[500] = "{\"doubleValue\":0.";
    size_t n = strlen(json);
    memset(json + n, '1', 400);
    strcpy(json + n + 400, "}");
    refuses("test.v1.Scalars", json,
            "doubleValue: expected a number of at most 330 characters, found "
            "0.11111111111111111111111111111111111111... (line 1, column 16)");
}

static void bytes_take_both_alphabets_padded_or_not(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"bytesValue\":\"_-8=\"}", "7a 02 ffef"}, {"{\"bytesValue\":\"_-8\"}", "7a 02 ffef"},
        {"{\"bytesValue\":\"/+8\"}", "7a 02 ffef"},  {"{\"bytesValue\":\"AA==\"}", "7a 01 00"},
        {"{\"bytesValue\":\"AA\"}", "7a 01 00"},     {"{\"bytesValue\":\"\\/w\"}", "7a 01 ff"},
    };
    accept_rows("test.v1.Scalars", rows);
    static const struct refused broken[] = {
        {"{\"bytesValue\":\"A\"}",
         "bytesValue: expected a base64 string, found \"A\" (line 1, column 15)"},
        {"{\"bytesValue\":\"A*==\"}",
         "bytesValue: expected a base64 string, found \"A*==\" (line 1, column 15)"},
    };
    refuse_rows("test.v1.Scalars", broken);
}

static void escapes_in_strings_are_decoded(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"stringValue\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "72 08 225c2f080c0a0d09"},
        {"{\"stringValue\":\"a\\u00e9b\"}", "72 04 61c3a962"},
        {"{\"stringValue\":\"\\u20AC\"}", "72 03 e282ac"},
        {"{\"stringValue\":\"\\uD83D\\uDE00\"}", "72 04 f09f9880"},
        {"{\"stringValue\":\"\\u0000\"}", "72 01 00"},
        {"{\"stringValue\":\"\xf0\x9f\x98\x80 long enough for words\"}",
         "72 1a f09f9880206c6f6e6720656e6f75676820666f7220776f726473"},
        {"{\"stringValue\":\"12345678\\n12345678\"}", "72 11 3132333435363738 0a 3132333435363738"},
    };
    accept_rows("test.v1.Scalars", rows);
}

static void broken_strings_are_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"stringValue\":\"\\ud83d\"}",
         "stringValue: \\ud83d is half a surrogate pair (line 1, column 17)"},
        {"{\"stringValue\":\"\\ude00\\ud83d\"}",
         "stringValue: \\ude00 is half a surrogate pair (line 1, column 17)"},
        {"{\"stringValue\":\"\\ud83d\\u0041\"}",
         "stringValue: \\ud83d is half a surrogate pair (line 1, column 17)"},
        {"{\"stringValue\":\"\\ud83dA\"}",
         "stringValue: \\ud83d is half a surrogate pair (line 1, column 17)"},
        {"{\"stringValue\":\"\\u12g4\"}",
         "stringValue: expected four hexadecimal digits behind \\u (line 1, column 17)"},
        {"{\"stringValue\":\"\\u12",
         "stringValue: expected four hexadecimal digits behind \\u (line 1, column 17)"},
        {"{\"stringValue\":\"a\\x\"}",
         "stringValue: unknown escape: a backslash and x (line 1, column 18)"},
        {"{\"stringValue\":\"a\\", "stringValue: the string does not end (line 1, column 19)"},
        {"{\"stringValue\":\"abc", "stringValue: the string does not end (line 1, column 20)"},
        {"{\"stringValue\":\"a\tb\"}",
         "stringValue: control character 0x09 in a string (line 1, column 18)"},
        {"{\"stringValue\":\"12345678\nb\"}",
         "stringValue: control character 0x0a in a string (line 1, column 25)"},
        {"{\"stringValue\":\"a\xff\"}", "stringValue: byte 0xff is not UTF-8 (line 1, column 18)"},
        {"{\"stringValue\":\"\xc0\xaf\"}",
         "stringValue: byte 0xc0 is not UTF-8 (line 1, column 17)"},
        {"{\"stringValue\":\"\xed\xa0\x80\"}",
         "stringValue: byte 0xed is not UTF-8 (line 1, column 17)"},
        {"{\"stringValue\":\"\xf4\x90\x80\x80\"}",
         "stringValue: byte 0xf4 is not UTF-8 (line 1, column 17)"},
        {"{\"stringValue\":\"\xe2\x82", "stringValue: byte 0xe2 is not UTF-8 (line 1, column 17)"},
        {"{\"string\xffValue\":1}", "byte 0xff is not UTF-8 (line 1, column 9)"},
    };
    refuse_rows("test.v1.Scalars", rows);
    refuses_bytes("test.v1.Scalars", gw_slice("{\"stringValue\":\"a\0b\"}", 20),
                  "stringValue: control character 0x00 in a string (line 1, column 18)");
}

static void broken_json_is_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"", "expected an object, found the end of the text (line 1, column 1)"},
        {" \n ", "expected an object, found the end of the text (line 2, column 2)"},
        {"{", "expected a field's name in quotes, found the end of the text (line 1, column 2)"},
        {"{\"int32Value\"", "expected ':', found the end of the text (line 1, column 14)"},
        {"{\"int32Value\" 1}", "expected ':', found 1 (line 1, column 15)"},
        {"{\"int32Value\":", "int32Value: expected an integer, found the end of the text "
                             "(line 1, column 15)"},
        {"{\"int32Value\":1", "expected ',' or '}', found the end of the text (line 1, column 16)"},
        {"{\"int32Value\":01}", "expected ',' or '}', found 1 (line 1, column 16)"},
        {"{\"int32Value\":1 2}", "expected ',' or '}', found 2 (line 1, column 17)"},
        {"{\"int32Value\":+1}", "int32Value: expected an integer, found +1 (line 1, column 15)"},
        {"{\"int32Value\":.5}", "int32Value: expected an integer, found .5 (line 1, column 15)"},
        {"{\"int32Value\":1,}", "expected a field's name in quotes, found '}' (line 1, column 17)"},
        {"{,}", "expected a field's name in quotes, found ',' (line 1, column 2)"},
        {"{int32Value:1}",
         "expected a field's name in quotes, found int32Value (line 1, column 2)"},
        {"{'int32Value':1}", "expected a field's name in quotes, found ''' (line 1, column 2)"},
        {"{} {}", "expected the end of the text, found an object (line 1, column 4)"},
        {"{}]", "expected the end of the text, found ']' (line 1, column 3)"},
        {"// no\n{}", "expected an object, found '/' (line 1, column 1)"},
        {"\xef\xbb\xbf{}", "expected an object, found a byte order mark (line 1, column 1)"},
        {"\xff", "expected an object, found '?' (line 1, column 1)"},
    };
    refuse_rows("test.v1.Scalars", rows);
    refuses("test.v1.Repeated", "{\"int32Values\":[1,]}",
            "int32Values[1]: expected an integer, found ']' (line 1, column 19)");
    refuses("test.v1.Repeated", "{\"int32Values\":[1 2]}",
            "int32Values[1]: expected ',' or ']', found 2 (line 1, column 19)");
    refuses_bytes("test.v1.Scalars", gw_slice("{}\0", 3),
                  "expected the end of the text, found '?' (line 1, column 3)");
}

static void errors_name_the_path_and_the_place(void **state)
{
    (void)state;
    refuses("test.v1.Everything",
            "{\n  \"repeated\": {\"messages\": [{},\n   {\"int32Value\": \"x\"}]}}",
            "repeated.messages[1].int32Value: expected an integer, found \"x\" "
            "(line 3, column 19)");
    refuses("test.v1.Everything", "{\"maps\":{\"stringToMessage\":{\"a b\":{\"level\":[]}}}}",
            "maps.stringToMessage[\"a b\"].level: expected a value of enum test.v1.Level, found "
            "an array (line 1, column 44)");
    refuses("test.v1.Everything", "{\"well_known\":{\"struct\":{\"k\":[1,{\"n\":1e999}]}}}",
            "well_known.struct[\"k\"][1][\"n\"]: expected a number in the range of a double, found "
            "1e999 (line 1, column 38)");
    /* Columns are code points. */
    refuses("test.v1.Scalars",
            "{\"stringValue\":\"\xe2\x82\xac\xf0\x9f\x98\x80\",\"int32Value\":{}}",
            "int32Value: expected an integer, found an object (line 1, column 34)");
    refuses("test.v1.Scalars", "{\"int32Value\":\"0123456789012345678901234567890123456789abc\"}",
            "int32Value: expected an integer, found "
            "\"0123456789012345678901234567890123456789\"... (line 1, column 15)");
    refuses("test.v1.Maps", "{\"int32ToInt64\":{\"1\":1,\"x\":2}}",
            "int32ToInt64[\"x\"]: expected an integer, found \"x\" (line 1, column 24)");
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    struct gw_slice json = GW_SLICE("{\"id\":1}");
    assert_int_equal(
        gw_json_to_wire(schema, message("user.v1.User"), &options, json, &pool, &out, &error), -1);
    assert_int_equal(error.position, 6);
}

static void a_long_path_shows_its_end(void **state)
{
    (void)state;
    struct gw_buf json = gw_buf_in_pool(&pool);
    for (int i = 0; i < 60; i++)
        gw_buf_append(&json, GW_SLICE("{\"children\":["));
    gw_buf_append(&json, GW_SLICE("1"));
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    assert_int_equal(gw_json_to_wire(schema, message("test.v1.Tree"), &options, gw_buf_slice(&json),
                                     &pool, &out, &error),
                     -1);
    assert_true(gw_slice_starts_with(gw_slice_str(error.message), GW_SLICE("...")));
    assert_true(gw_slice_ends_with(
        gw_slice_str(error.message),
        GW_SLICE(".children[0].children[0]: expected an object, found 1 (line 1, column 781)")));
}

static void unknown_fields_are_refused_or_ignored(void **state)
{
    (void)state;
    refuses("test.v1.Optionals", "{\"message\":{\"int32Valeu\":1}}",
            "message.int32Valeu: unknown field of test.v1.Scalars; did you mean \"int32Value\"? "
            "(line 1, column 13)");
    refuses("test.v1.Nothing", "{\"a\\nb\":1}",
            "a?b: unknown field of test.v1.Nothing (line 1, column 2)");
    options.ignore_unknown_fields = true;
    accepts("test.v1.Scalars",
            "{\"a\":{\"b\":[1,\"\\n\",true,false,null,-1.5e3,[],{}]},\"int32Value\":1,\"c\":\"\"}",
            "18 01");
    static const struct refused still_json[] = {
        {"{\"a\":[1,]}", "a: expected a value, found ']' (line 1, column 9)"},
        {"{\"a\":{\"b\" 1}}", "a: expected ':', found 1 (line 1, column 11)"},
        {"{\"a\":tru}", "a: expected a value, found tru (line 1, column 6)"},
        {"{\"a\":\"\\ud83d\"}", "a: \\ud83d is half a surrogate pair (line 1, column 7)"},
        {"{\"a\":[}", "a: expected a value, found '}' (line 1, column 7)"},
        {"{\"a\":", "a: expected a value, found the end of the text (line 1, column 6)"},
    };
    refuse_rows("test.v1.Scalars", still_json);
}

static void unknown_enum_names_are_ignored_where_unknown_fields_are(void **state)
{
    (void)state;
    options.ignore_unknown_fields = true;
    accepts("test.v1.Scalars", "{\"color\":\"PINK\",\"int32Value\":1}", "18 01");
    accepts("test.v1.Repeated", "{\"colors\":[\"PINK\",\"COLOR_RED\",\"BLUE\"]}", "8201 01 01");
    accepts("test.v1.Repeated", "{\"colors\":[\"PINK\"]}", "");
    accepts("test.v1.Maps", "{\"boolToColor\":{\"true\":\"PINK\",\"false\":\"COLOR_RED\"}}",
            "42 02 1001");
}

static void null_means_absent(void **state)
{
    (void)state;
    accepts("test.v1.Scalars", "{\"int32Value\":null,\"stringValue\" : null ,\"color\":null}", "");
    accepts("test.v1.Everything",
            "{\"scalars\":null,\"repeated\":{\"int32Values\":null},\"maps\":null}", "1a 00");
    accepts("test.v1.WellKnown", "{\"int32Wrapper\":null,\"timestamp\":null,\"struct\":null}", "");
    static const struct refused rows[] = {
        {"{\"int32Values\":[1,null]}",
         "int32Values[1]: expected an integer, found null (line 1, column 19)"},
        {"{\"messages\":[null]}",
         "messages[0]: expected an object, found null (line 1, column 14)"},
        {"{\"stringValues\":[null]}",
         "stringValues[0]: expected a string, found null (line 1, column 18)"},
    };
    refuse_rows("test.v1.Repeated", rows);
    refuses("test.v1.WellKnown", "{\"int32Wrappers\":[null]}",
            "int32Wrappers[0]: expected an integer, found null (line 1, column 19)");
    refuses("test.v1.Maps", "{\"stringToString\":{\"a\":null}}",
            "stringToString[\"a\"]: expected a string, found null (line 1, column 24)");
}

static void null_is_a_value_of_two_types(void **state)
{
    (void)state;
    accepts("test.v1.WellKnown", "{\"value\":null}", "2a 02 0800");
    accepts("test.v1.WellKnown", "{\"values\":[null]}", "b201 02 0800");
    accepts("test.v1.WellKnown", "{\"nullValue\":null}", "");
    accepts("test.v1.Choice", "{\"nullValue\":null}", "30 00");
    accepts("test.v1.Choice", "{\"nullValue\":\"NULL_VALUE\"}", "30 00");
    accepts("test.v1.Maps", "{\"stringToValue\":{\"a\":null}}", "62 07 0a0161 1202 0800");
}

static void a_key_of_a_map_may_be_there_once(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"stringToString\":{\"a\":\"b\",\"a\":\"c\"}}",
         "stringToString[\"a\"]: the key is there twice (line 1, column 28)"},
        {"{\"stringToString\":{\"\":\"b\",\"\":\"b\"}}",
         "stringToString[\"\"]: the key is there twice (line 1, column 27)"},
        {"{\"stringToString\":{\"a\":\"b\",\"\\u0061\":\"c\"}}",
         "stringToString[\"a\"]: the key is there twice (line 1, column 28)"},
        /* As the key's type means it. */
        {"{\"int32ToInt64\":{\"1\":1,\"1e0\":2}}",
         "int32ToInt64[\"1e0\"]: the key is there twice (line 1, column 24)"},
        {"{\"boolToColor\":{\"true\":1,\"true\":1}}",
         "boolToColor[\"true\"]: the key is there twice (line 1, column 26)"},
        /* Behind those that are compared one by one. */
        {"{\"sint32ToSint64\":{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,"
         "\"9\":0,\"-1\":0,\"9\":0}}",
         "sint32ToSint64[\"9\"]: the key is there twice (line 1, column 81)"},
        {"{\"stringToMaps\":{\"x\":{\"stringToString\":{\"a\":\"1\"}},"
         "\"y\":{\"stringToString\":{\"a\":\"1\",\"a\":\"2\"}}}}",
         "stringToMaps[\"y\"].stringToString[\"a\"]: the key is there twice (line 1, column 82)"},
        {"{\"stringToValue\":{\"x\":{\"a\":1,\"a\":2}}}",
         "stringToValue[\"x\"][\"a\"]: the key is there twice (line 1, column 30)"},
    };
    refuse_rows("test.v1.Maps", rows);
    accepts("test.v1.Maps",
            "{\"stringToMaps\":{\"x\":{\"stringToString\":{\"a\":\"1\"}},"
            "\"y\":{\"stringToString\":{\"a\":\"1\"}}}}",
            "52 0d 0a0178 1208 0a06 0a0161 120131 52 0d 0a0179 1208 0a06 0a0161 120131");
}

static void a_field_may_be_there_once(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"twoWords\":\"a\",\"twoWords\":\"b\"}",
         "twoWords: the field is there twice (line 1, column 17)"},
        {"{\"twoWords\":\"a\",\"two_words\":\"b\"}",
         "two_words: the field is there twice (line 1, column 17)"},
        {"{\"twoWords\":null,\"twoWords\":null}",
         "twoWords: the field is there twice (line 1, column 18)"},
    };
    refuse_rows("test.v1.Names", rows);
    refuses("test.v1.Repeated", "{\"int32Values\":[],\"int32Values\":[]}",
            "int32Values: the field is there twice (line 1, column 19)");
}

static void one_field_of_a_oneof_may_be_there(void **state)
{
    (void)state;
    accepts("test.v1.Choice", "{\"int32Value\":0}", "08 00");
    accepts("test.v1.Choice", "{\"int32Value\":1,\"doubleValue\":1,\"outside\":\"a\"}",
            "08 01 49 000000000000f03f 5a 01 61");
    accepts("test.v1.Choice", "{\"int32Value\":null,\"boolValue\":false}", "18 00");
    refuses("test.v1.Choice", "{\"int32Value\":1,\"message\":{}}",
            "message: another field of oneof value is there already (line 1, column 17)");
    refuses("test.v1.Choice", "{\"nullValue\":null,\"boolValue\":true}",
            "boolValue: another field of oneof value is there already (line 1, column 19)");
}

static void repeated_fields_are_arrays(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"int32Values\":[]}", ""},
        {"{\"int32Values\":[0,1,-1]}", "1a 0c 00 01 ffffffffffffffffff01"},
        {"{\"doubleValues\":[0]}", "0a 08 0000000000000000"},
        {"{\"fixed32Values\":[1,2]}", "4a 08 01000000 02000000"},
        {"{\"boolValues\":[true,false]}", "6a 02 0100"},
        {"{\"stringValues\":[\"\",\"a\"]}", "72 00 72 01 61"},
        {"{\"bytesValues\":[\"\"]}", "7a 00"},
        {"{\"colors\":[\"COLOR_RED\",0]}", "8201 02 0100"},
        {"{\"messages\":[{},{\"int32Value\":1}]}", "8a01 00 8a01 02 1801"},
        {"{\"unpackedInt32Values\":[0,1]}", "9001 00 9001 01"},
        {"{\"unpackedColors\":[1]}", "a001 01"},
        {"{\"int64Values\":[\"1\",2]}", "22 02 0102"},
    };
    accept_rows("test.v1.Repeated", rows);
}

static void lengths_over_127_get_more_bytes(void **state)
{
    (void)state;
    struct gw_buf json = gw_buf_in_pool(&pool), wire = gw_buf_in_pool(&pool);
    gw_buf_append(&json, GW_SLICE("{\"children\":[{\"name\":\""));
    gw_buf_append(&wire, GW_SLICE("228e020a8b02"));
    for (int i = 0; i < 267; i++) {
        gw_buf_append(&json, GW_SLICE("a"));
        gw_buf_append(&wire, GW_SLICE("61"));
    }
    gw_buf_append(&json, GW_SLICE("\"}]}"));
    accepts("test.v1.Tree", gw_buf_terminate(&json), gw_buf_terminate(&wire));

    json.len = wire.len = 0;
    gw_buf_append(&json, GW_SLICE("{\"int32Values\":[1"));
    gw_buf_append(&wire, GW_SLICE("1ac80101"));
    for (int i = 1; i < 200; i++) {
        gw_buf_append(&json, GW_SLICE(",1"));
        gw_buf_append(&wire, GW_SLICE("01"));
    }
    gw_buf_append(&json, GW_SLICE("]}"));
    accepts("test.v1.Repeated", gw_buf_terminate(&json), gw_buf_terminate(&wire));
}

static void maps_have_keys_of_every_kind(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"stringToString\":{}}", ""},
        {"{\"stringToString\":{\"a\":\"b\",\"\":\"\"}}", "0a 06 0a0161 120162 0a 00"},
        {"{\"int32ToInt64\":{\"-1\":\"2\"}}", "12 0d 08ffffffffffffffffff01 1002"},
        {"{\"int64ToBool\":{\"5\":true}}", "1a 04 0805 1001"},
        {"{\"uint32ToDouble\":{\"7\":0}}", "22 02 0807"},
        {"{\"uint64ToBytes\":{\"8\":\"AA==\"}}", "2a 05 0808 120100"},
        {"{\"sint32ToSint64\":{\"-3\":-4}}", "32 04 0805 1007"},
        {"{\"fixed64ToFloat\":{\"1\":1}}", "3a 0e 090100000000000000 150000803f"},
        {"{\"boolToColor\":{\"true\":1,\"false\":2}}", "42 04 0801 1001 42 02 1002"},
        {"{\"stringToMessage\":{\"a\":{}}}", "4a 05 0a0161 1200"},
        {"{\"stringToTimestamp\":{\"a\":\"1970-01-01T00:00:01Z\"}}", "5a 07 0a0161 1202 0801"},
        {"{\"stringToMaps\":{\"a\":{\"int64ToBool\":{\"1\":true}}}}",
         "52 0b 0a0161 1206 1a04 0801 1001"},
    };
    accept_rows("test.v1.Maps", rows);
    static const struct refused wrong_keys[] = {
        {"{\"boolToColor\":{\"yes\":1}}",
         "boolToColor[\"yes\"]: expected true or false, found \"yes\" (line 1, column 17)"},
        {"{\"uint32ToDouble\":{\"-1\":1}}",
         "uint32ToDouble[\"-1\"]: expected an integer from 0 to 4294967295, found \"-1\" "
         "(line 1, column 20)"},
        {"{\"int64ToBool\":{\"\":true}}",
         "int64ToBool[\"\"]: expected an integer, found \"\" (line 1, column 17)"},
        {"{\"int64ToBool\":{1:true}}",
         "int64ToBool: expected a field's name in quotes, found 1 (line 1, column 17)"},
    };
    refuse_rows("test.v1.Maps", wrong_keys);
}

static struct gw_slice nested(const char *open, const char *inner, const char *close, int count)
{
    struct gw_buf json = gw_buf_in_pool(&pool);
    for (int i = 0; i < count; i++)
        gw_buf_append(&json, gw_slice_str(open));
    gw_buf_append(&json, gw_slice_str(inner));
    for (int i = 0; i < count; i++)
        gw_buf_append(&json, gw_slice_str(close));
    gw_buf_terminate(&json);
    return gw_buf_slice(&json);
}

static bool is_too_deep(const char *type, struct gw_slice json)
{
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    if (gw_json_to_wire(schema, message(type), &options, json, &pool, &out, &error) == 0)
        return false;
    assert_non_null(strstr(error.message, "nested deeper than 100 messages (line 1, column "));
    return true;
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    assert_false(is_too_deep("test.v1.Tree", nested("{\"left\":", "{}", "}", GW_MAX_DEPTH - 1)));
    assert_true(is_too_deep("test.v1.Tree", nested("{\"left\":", "{}", "}", GW_MAX_DEPTH)));
    assert_false(
        is_too_deep("test.v1.Tree", nested("{\"children\":[", "{}", "]}", GW_MAX_DEPTH - 1)));
    assert_true(is_too_deep("test.v1.Tree", nested("{\"children\":[", "{}", "]}", GW_MAX_DEPTH)));
    /* Each array is a Value and a ListValue, each object a Value, a Struct and an entry. */
    assert_false(is_too_deep("google.protobuf.Value", nested("[", "1", "]", 49)));
    assert_true(is_too_deep("google.protobuf.Value", nested("[", "1", "]", 50)));
    assert_false(is_too_deep("google.protobuf.Value", nested("{\"a\":", "1", "}", 33)));
    assert_true(is_too_deep("google.protobuf.Value", nested("{\"a\":", "1", "}", 34)));
    assert_true(is_too_deep("google.protobuf.Value", nested("[", "", "", 100000)));
    /* A map's entry is a message too. */
    assert_false(is_too_deep("test.v1.Maps", nested("{\"stringToMaps\":{\"a\":", "{}", "}}", 49)));
    assert_true(is_too_deep("test.v1.Maps", nested("{\"stringToMaps\":{\"a\":", "{}", "}}", 50)));
    options.ignore_unknown_fields = true;
    assert_true(is_too_deep("test.v1.Tree", nested("{\"unknown\":", "1", "}", 100000)));
    assert_true(is_too_deep("test.v1.Tree", nested("{\"unknown\":[", "1", "]}", 100000)));
}

static void timestamps_and_durations_are_strings(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"timestamp\":\"1970-01-01T00:00:01.5Z\"}", "0a 08 0801 1080cab5ee01"},
        {"{\"timestamp\":\"1970-01-01T00:00:00Z\"}", "0a 00"},
        {"{\"timestamp\":\"1970-01-01T01:00:00+01:00\"}", "0a 00"},
        {"{\"timestamps\":[\"1970-01-01T00:00:01Z\"]}", "9a01 02 0801"},
        {"{\"duration\":\"-0.5s\"}", "12 0b 1080b6ca91feffffffff01"},
        {"{\"duration\":\"3s\"}", "12 02 0803"},
    };
    accept_rows("test.v1.WellKnown", rows);
    static const struct refused broken[] = {
        {"{\"timestamp\":\"yesterday\"}",
         "timestamp: expected a time like \"2026-01-31T12:00:00Z\", found \"yesterday\" "
         "(line 1, column 14)"},
        {"{\"timestamp\":0}", "timestamp: expected a time like \"2026-01-31T12:00:00Z\", found 0 "
                              "(line 1, column 14)"},
        {"{\"timestamp\":{}}",
         "timestamp: expected a time like \"2026-01-31T12:00:00Z\", found an object "
         "(line 1, column 14)"},
        {"{\"duration\":\"1\"}",
         "duration: expected a duration like \"1.5s\", found \"1\" (line 1, column 13)"},
        {"{\"duration\":\"315576000001s\"}",
         "duration: expected a duration like \"1.5s\", found \"315576000001s\" "
         "(line 1, column 13)"},
    };
    refuse_rows("test.v1.WellKnown", broken);
}

static void wrappers_are_their_value(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"doubleWrapper\":\"NaN\"}", "52 09 09000000000000f87f"},
        {"{\"floatWrapper\":1}", "5a 05 0d0000803f"},
        {"{\"int64Wrapper\":\"1\"}", "62 02 0801"},
        {"{\"uint64Wrapper\":1}", "6a 02 0801"},
        {"{\"int32Wrapper\":0}", "72 00"},
        {"{\"uint32Wrapper\":1}", "7a 02 0801"},
        {"{\"boolWrapper\":true}", "8201 02 0801"},
        {"{\"stringWrapper\":\"a\"}", "8a01 03 0a0161"},
        {"{\"bytesWrapper\":\"AA\"}", "9201 03 0a0100"},
        {"{\"int32Wrappers\":[0,1]}", "a201 00 a201 02 0801"},
    };
    accept_rows("test.v1.WellKnown", rows);
    accepts("google.protobuf.Int32Value", " 5 ", "08 05");
    refuses("test.v1.WellKnown", "{\"int32Wrapper\":{\"value\":1}}",
            "int32Wrapper: expected an integer, found an object (line 1, column 17)");
}

static void field_masks_are_paths_in_camel_case(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"fieldMask\":\"\"}", "1a 00"},
        {"{\"fieldMask\":\"id\"}", "1a 04 0a026964"},
        {"{\"fieldMask\":\"userName,a.bC\"}", "1a 13 0a09 757365725f6e616d65 0a06 612e625f63 00"},
    };
    accepts("test.v1.WellKnown", rows[0].json, rows[0].wire);
    accepts("test.v1.WellKnown", rows[1].json, rows[1].wire);
    accepts("test.v1.WellKnown", rows[2].json, "1a 12 0a09 757365725f6e616d65 0a05 612e625f63");
    static const struct refused broken[] = {
        {"{\"fieldMask\":\"user_name\"}",
         "fieldMask: expected a field mask like \"id,displayName\", found \"user_name\" "
         "(line 1, column 14)"},
        {"{\"fieldMask\":\"a,\"}",
         "fieldMask: expected a field mask like \"id,displayName\", found "
         "\"a,\" (line 1, column 14)"},
        {"{\"fieldMask\":[]}", "fieldMask: expected a field mask like \"id,displayName\", found an "
                               "array (line 1, column 14)"},
    };
    refuse_rows("test.v1.WellKnown", broken);
}

static void struct_and_value_take_any_json(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"struct\":{}}", "22 00"},
        {"{\"struct\":{\"a\":1}}", "22 10 0a0e 0a0161 1209 11000000000000f03f"},
        {"{\"value\":\"x\"}", "2a 03 1a0178"},
        {"{\"value\":\"\"}", "2a 02 1a00"},
        {"{\"value\":false}", "2a 02 2000"},
        {"{\"value\":[true,null]}", "2a 0a 3208 0a022001 0a020800"},
        {"{\"value\":{\"a\":{}}}", "2a 0b 2a09 0a07 0a0161 1202 2a00"},
        {"{\"listValue\":[]}", "32 00"},
        {"{\"listValue\":[[]]}", "32 04 0a02 3200"},
        {"{\"values\":[1,\"\"]}", "b201 09 11000000000000f03f b201 02 1a00"},
    };
    accept_rows("test.v1.WellKnown", rows);
    static const struct refused broken[] = {
        {"{\"struct\":[]}", "struct: expected an object, found an array (line 1, column 11)"},
        {"{\"listValue\":{}}", "listValue: expected an array, found an object (line 1, column 14)"},
        {"{\"value\":nul}", "value: expected a value, found nul (line 1, column 10)"},
        {"{\"value\":}", "value: expected a value, found '}' (line 1, column 10)"},
        {"{\"value\":NaN}", "value: expected a value, found NaN (line 1, column 10)"},
    };
    refuse_rows("test.v1.WellKnown", broken);
}

#define URL_SCALARS "742f746573742e76312e5363616c617273"
#define URL_TIMESTAMP "742f676f6f676c652e70726f746f6275662e54696d657374616d70"

static void any_finds_its_type_wherever_it_stands(void **state)
{
    (void)state;
    static const struct accepted rows[] = {
        {"{\"any\":{}}", "42 00"},
        {"{\"any\":{\"@type\":\"t/test.v1.Scalars\"}}", "42 13 0a11" URL_SCALARS},
        {"{\"any\":{\"@type\":\"t/test.v1.Scalars\",\"int32Value\":1}}",
         "42 17 0a11" URL_SCALARS "1202 1801"},
        {"{\"any\":{\"int32Value\":1,\"stringValue\":\"{\\\"@type\\\":1}\",\"@type\":\"t/"
         "test.v1.Scalars\"}}",
         "42 24 0a11" URL_SCALARS "120f 1801 720b 7b22407479706522 3a317d"},
        {"{\"any\":{\"value\":\"1970-01-01T00:00:01Z\",\"@type\":\"t/google.protobuf.Timestamp\"}}",
         "42 21 0a1b" URL_TIMESTAMP "1202 0801"},
        {"{\"any\":{\"@type\":\"t/google.protobuf.Timestamp\",\"value\":\"1970-01-01T00:00:00Z\"}}",
         "42 1d 0a1b" URL_TIMESTAMP},
    };
    accept_rows("test.v1.WellKnown", rows);
    accepts("test.v1.WellKnown", "{\"any\":{\"@type\":\"t/google.protobuf.Empty\"}}",
            "42 19 0a17 742f676f6f676c652e70726f746f6275662e456d707479");
    static const struct refused broken[] = {
        {"{\"any\":5}", "any: expected an object, found 5 (line 1, column 8)"},
        {"{\"any\":{\"a\":1}}", "any: \"@type\" is missing (line 1, column 8)"},
        {"{\"any\":{\"@type\":5}}", "any: expected a type's URL, found 5 (line 1, column 17)"},
        {"{\"any\":{\"@type\":\"t/nowhere.Type\"}}",
         "any: unknown type \"t/nowhere.Type\" (line 1, column 17)"},
        {"{\"any\":{\"@type\":\"\"}}", "any: unknown type \"\" (line 1, column 17)"},
        {"{\"any\":{\"@type\":\"t/test.v1.Nothing\",\"@type\":\"t/test.v1.Nothing\"}}",
         "any: \"@type\" is there twice (line 1, column 37)"},
        {"{\"any\":{\"@type\":\"t/test.v1.Nothing\",\"a\":1}}",
         "any.a: unknown field of test.v1.Nothing (line 1, column 37)"},
        {"{\"any\":{\"@type\":\"t/google.protobuf.Timestamp\"}}",
         "any: \"value\" is missing (line 1, column 8)"},
        {"{\"any\":{\"@type\":\"t/google.protobuf.Duration\",\"value\":1}}",
         "any.value: expected a duration like \"1.5s\", found 1 (line 1, column 54)"},
        {"{\"any\":{\"@type\":\"t/google.protobuf.Duration\",\"v\":1}}",
         "any: expected only \"@type\" and \"value\" (line 1, column 46)"},
        {"{\"any\":{\"@type\":\"t/google.protobuf.Value\",\"value\":1,\"value\":2}}",
         "any: \"value\" is there twice (line 1, column 53)"},
    };
    refuse_rows("test.v1.WellKnown", broken);
}

static void proto2_has_required_fields_and_groups(void **state)
{
    (void)state;
    accepts("test.v2.Labels", "{\"name\":\"\",\"unpacked\":[1,2],\"packed\":[1,2]}",
            "0a 00 18 01 18 02 22 02 0102");
    accepts("test.v2.Labels", "{\"name\":\"a\",\"age\":0,\"fruit\":\"FRUIT_PEAR\"}",
            "0a 01 61 10 00 28 01");
    refuses("test.v2.Labels", "{\"age\":1}", "required field name is missing (line 1, column 9)");
    refuses("test.v2.Labels", "{\"name\":\"\",\"child\":{}}",
            "child: required field name is missing (line 1, column 21)");
    refuses("test.v2.Labels", "{\"name\":null}",
            "name: expected a string, found null (line 1, column 9)");
    accepts("test.v2.Groups", "{\"single\":{\"number\":1,\"inner\":{\"text\":\"a\"}}}",
            "0b 08 01 13 0a 01 61 14 0c");
    accepts("test.v2.Groups", "{\"many\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
            "13 0a 01 61 14 13 0a 01 62 14");
}

static void a_prefix_begins_the_paths(void **state)
{
    (void)state;
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    assert_int_equal(gw_json_to_wire_under(schema, message("user.v1.User"), &options,
                                           GW_SLICE("user"), GW_SLICE("{\"age\":\"ten\"}"),
                                           (struct gw_text_place){0}, &pool, &out, &error),
                     -1);
    assert_string_equal(error.message,
                        "user.age: expected an integer, found \"ten\" (line 1, column 8)");
    assert_int_equal(gw_json_to_wire_under(schema, message("user.v1.User"), &options,
                                           GW_SLICE("user"), GW_SLICE("5"),
                                           (struct gw_text_place){3, 8}, &pool, &out, &error),
                     -1);
    assert_string_equal(error.message, "user: expected an object, found 5 (line 3, column 8)");
}

static const char *one_field(const char *of, const char *name, const char *json)
{
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(&pool);
    int rc = gw_json_field_to_wire(schema, field(of, name), &options, gw_slice_str(json),
                                   (struct gw_text_place){0}, &pool, &out, &error);
    if (rc == 0)
        return hex(gw_buf_slice(&out));
    return gw_pool_dup(&pool, gw_slice_str(error.message)).base;
}

static void a_single_field_is_read_with_its_key(void **state)
{
    (void)state;
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", " 5 "), "1805");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "0"), "");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", " null"), "");
    assert_string_equal(one_field("test.v1.Everything", "scalars", "{\"int32Value\":1}"),
                        "0a021801");
    assert_string_equal(one_field("test.v1.Repeated", "int32_values", "[1,2]"), "1a020102");
    assert_string_equal(one_field("test.v1.Maps", "string_to_string", "{\"a\":\"b\"}"),
                        "0a060a0161120162");
    assert_string_equal(one_field("test.v1.WellKnown", "value", "null"), "2a020800");
    assert_string_equal(one_field("test.v1.WellKnown", "timestamp", "\"1970-01-01T00:00:01Z\""),
                        "0a020801");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "\"x\""),
                        "int32Value: expected an integer, found \"x\" (line 1, column 1)");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", "1 2"),
                        "expected the end of the text, found 2 (line 1, column 3)");
    assert_string_equal(one_field("test.v1.Scalars", "int32_value", ""),
                        "int32Value: expected an integer, found the end of the text "
                        "(line 1, column 1)");
    assert_string_equal(one_field("test.v1.Repeated", "messages", "[{\"color\":{}}]"),
                        "messages[0].color: expected a value of enum test.v1.Color, found an "
                        "object (line 1, column 11)");
}

static void a_message_may_have_very_many_fields(void **state)
{
    (void)state;
    struct gw_schema *many = codec_many_fields(1000);
    const struct gw_message_type *type = gw_schema_message(many, GW_SLICE("Many"));
    struct gw_buf json = gw_buf_in_pool(&pool), wire = gw_buf_in_pool(&pool),
                  out = gw_buf_in_pool(&pool);
    struct gw_error error;
    for (uint32_t i = 1000; i >= 1; i--) {
        gw_buf_printf(&json, "%c\"f%u\":%u", i == 1000 ? '{' : ',', i, i);
        gw_wire_append_varint_field(&wire, i, i);
    }
    gw_buf_append_byte(&json, '}');
    assert_int_equal(
        gw_json_to_wire(many, type, &options, gw_buf_slice(&json), &pool, &out, &error), 0);
    assert_string_equal(hex(gw_buf_slice(&out)), hex(gw_buf_slice(&wire)));
    json.base[json.len - 1] = ',';
    gw_buf_append(&json, GW_SLICE("\"f900\":1}"));
    assert_int_equal(
        gw_json_to_wire(many, type, &options, gw_buf_slice(&json), &pool, &out, &error), -1);
    assert_non_null(strstr(error.message, "f900: the field is there twice"));
    gw_schema_destroy(many);
}

int main(int argc, char **argv)
{
    (void)argc;
    codec_load_schema(argv[1]);
#define codec_test(f) cmocka_unit_test_setup_teardown(f, codec_setup, codec_teardown)
    const struct CMUnitTest tests[] = {
        codec_test(every_scalar_has_its_wire_form),
        codec_test(defaults_without_presence_are_not_written),
        codec_test(either_spelling_of_a_name_is_read),
        codec_test(white_space_may_stand_between_tokens),
        codec_test(integers_are_read_from_strings_and_any_notation),
        codec_test(integers_out_of_range_are_refused),
        codec_test(other_kinds_of_values_are_refused),
        codec_test(doubles_have_three_values_that_are_strings),
        codec_test(overlong_numbers_are_refused),
        codec_test(bytes_take_both_alphabets_padded_or_not),
        codec_test(escapes_in_strings_are_decoded),
        codec_test(broken_strings_are_refused),
        codec_test(broken_json_is_refused),
        codec_test(errors_name_the_path_and_the_place),
        codec_test(a_long_path_shows_its_end),
        codec_test(unknown_fields_are_refused_or_ignored),
        codec_test(unknown_enum_names_are_ignored_where_unknown_fields_are),
        codec_test(null_means_absent),
        codec_test(null_is_a_value_of_two_types),
        codec_test(a_key_of_a_map_may_be_there_once),
        codec_test(a_field_may_be_there_once),
        codec_test(one_field_of_a_oneof_may_be_there),
        codec_test(repeated_fields_are_arrays),
        codec_test(lengths_over_127_get_more_bytes),
        codec_test(maps_have_keys_of_every_kind),
        codec_test(nesting_has_a_limit),
        codec_test(timestamps_and_durations_are_strings),
        codec_test(wrappers_are_their_value),
        codec_test(field_masks_are_paths_in_camel_case),
        codec_test(struct_and_value_take_any_json),
        codec_test(any_finds_its_type_wherever_it_stands),
        codec_test(proto2_has_required_fields_and_groups),
        codec_test(a_prefix_begins_the_paths),
        codec_test(a_single_field_is_read_with_its_key),
        codec_test(a_message_may_have_very_many_fields),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
