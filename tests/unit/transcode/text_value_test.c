#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec.h"
#include "transcode/text_value.h"

/* The wire bytes as hexadecimal digits, or the error. */
static const char *read(const char *of, const char *name, const char *text)
{
    struct gw_error error = {0};
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    if (gw_text_value_to_wire(field(of, name), gw_slice_str(text), &pool, &out, &error) == 0)
        return hex(gw_slice_from(gw_buf_slice(&out), 4));
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
    assert_int_equal(out.len, 4);
    return gw_pool_dup(&pool, gw_slice_str(error.message)).base;
}

static void scalars_are_read_as_their_json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *result;
    } rows[] = {
        {"double_value", "1.5", "09000000000000f83f"},
        {"double_value", "NaN", "09000000000000f87f"},
        {"float_value", "-Infinity", "15000080ff"},
        {"int32_value", "-1", "18ffffffffffffffffff01"},
        {"int32_value", "1e2", "1864"},
        {"int64_value", "9223372036854775807", "20ffffffffffffffff7f"},
        {"uint32_value", "7", "2807"},
        {"uint64_value", "18446744073709551615", "30ffffffffffffffffff01"},
        {"sint32_value", "-1", "3801"},
        {"fixed32_value", "1", "4d01000000"},
        {"sfixed64_value", "-1", "61ffffffffffffffff"},
        {"bool_value", "true", "6801"},
        {"string_value", "a \"b\"",
         "7205612022"
         "6222"},
        {"string_value", "null", "72046e756c6c"},
        {"bytes_value", "_-8", "7a02ffef"},
        {"color", "COLOR_GREEN", "800102"},
        {"color", "2", "800102"},
        {"color", "-1", "8001ffffffffffffffffff01"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(read("test.v1.Scalars", rows[i].name, rows[i].text), rows[i].result);
}

static void defaults_are_written_for_they_may_replace_a_value(void **state)
{
    (void)state;
    assert_string_equal(read("test.v1.Scalars", "int32_value", "0"), "1800");
    assert_string_equal(read("test.v1.Scalars", "string_value", ""), "7200");
    assert_string_equal(read("test.v1.Scalars", "bool_value", "false"), "6800");
}

static void an_element_of_a_repeated_field_is_not_packed(void **state)
{
    (void)state;
    assert_string_equal(read("test.v1.Repeated", "int32_values", "5"), "1805");
    assert_string_equal(read("test.v1.Repeated", "string_values", "a"), "720161");
}

static void well_known_types_with_a_string_form_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *result;
    } rows[] = {
        {"timestamp", "1970-01-01T00:00:01Z", "0a020801"},
        {"duration", "3s", "12020803"},
        {"field_mask", "userName", "1a0b0a09757365725f6e616d65"},
        {"double_wrapper", "1.5", "520909000000000000f83f"},
        {"int64_wrapper", "5", "62020805"},
        {"int32_wrapper", "0", "72020800"},
        {"bool_wrapper", "true", "8201020801"},
        {"string_wrapper", "a", "8a01030a0161"},
        {"bytes_wrapper", "AA", "9201030a0100"},
        {"int32_wrappers", "1", "a201020801"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(read("test.v1.WellKnown", rows[i].name, rows[i].text), rows[i].result);
}

static void errors_say_what_was_expected_and_found(void **state)
{
    (void)state;
    static const struct {
        const char *of, *name, *text, *message;
    } rows[] = {
        {"test.v1.Scalars", "int32_value", "ten", "expected an integer, found \"ten\""},
        {"test.v1.Scalars", "int32_value", "", "expected an integer, found \"\""},
        {"test.v1.Scalars", "int32_value", "1 ", "expected an integer, found \"1 \""},
        {"test.v1.Scalars", "int32_value", "3000000000",
         "expected an integer from -2147483648 to 2147483647, found \"3000000000\""},
        {"test.v1.Scalars", "double_value", "1e999",
         "expected a number in the range of a double, found \"1e999\""},
        {"test.v1.Scalars", "bool_value", "1", "expected true or false, found \"1\""},
        {"test.v1.Scalars", "bytes_value", "*", "expected a base64 string, found \"*\""},
        {"test.v1.Scalars", "color", "PINK",
         "expected a value of enum test.v1.Color, found \"PINK\""},
        {"test.v1.Scalars", "color", "1.5", "expected an integer, found \"1.5\""},
        {"test.v1.Scalars", "string_value", "\xff", "expected UTF-8, found \"?\""},
        {"test.v1.Scalars", "int32_value", "a\nb\xff", "expected UTF-8, found \"a?b?\""},
        {"test.v1.WellKnown", "timestamp", "now",
         "expected a time like \"2026-01-31T12:00:00Z\", found \"now\""},
        {"test.v1.WellKnown", "duration", "1", "expected a duration like \"1.5s\", found \"1\""},
        {"test.v1.WellKnown", "field_mask", "a_b",
         "expected a field mask like \"id,displayName\", found \"a_b\""},
        {"test.v1.WellKnown", "int32_wrapper", "x", "expected an integer, found \"x\""},
        {"test.v1.Scalars", "int32_value", "0123456789012345678901234567890123456789x",
         "expected an integer, found \"0123456789012345678901234567890123456789\"..."},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(read(rows[i].of, rows[i].name, rows[i].text), rows[i].message);
}

static void messages_maps_and_groups_have_no_text(void **state)
{
    (void)state;
    assert_true(gw_text_value_is_possible(field("test.v1.Scalars", "int32_value")));
    assert_true(gw_text_value_is_possible(field("test.v1.Scalars", "color")));
    assert_true(gw_text_value_is_possible(field("test.v1.Repeated", "string_values")));
    assert_true(gw_text_value_is_possible(field("test.v1.WellKnown", "timestamp")));
    assert_true(gw_text_value_is_possible(field("test.v1.WellKnown", "field_mask")));
    assert_true(gw_text_value_is_possible(field("test.v1.WellKnown", "bytes_wrapper")));
    assert_false(gw_text_value_is_possible(field("test.v1.WellKnown", "struct")));
    assert_false(gw_text_value_is_possible(field("test.v1.WellKnown", "value")));
    assert_false(gw_text_value_is_possible(field("test.v1.WellKnown", "any")));
    assert_false(gw_text_value_is_possible(field("test.v1.WellKnown", "empty")));
    assert_false(gw_text_value_is_possible(field("test.v1.Optionals", "message")));
    assert_false(gw_text_value_is_possible(field("test.v1.Maps", "string_to_string")));
    assert_false(gw_text_value_is_possible(field("test.v2.Groups", "single")));
}

int main(int argc, char **argv)
{
    (void)argc;
    codec_load_schema(argv[1]);
#define codec_test(f) cmocka_unit_test_setup_teardown(f, codec_setup, codec_teardown)
    const struct CMUnitTest tests[] = {
        codec_test(scalars_are_read_as_their_json_strings),
        codec_test(defaults_are_written_for_they_may_replace_a_value),
        codec_test(an_element_of_a_repeated_field_is_not_packed),
        codec_test(well_known_types_with_a_string_form_are_read),
        codec_test(errors_say_what_was_expected_and_found),
        codec_test(messages_maps_and_groups_have_no_text),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
