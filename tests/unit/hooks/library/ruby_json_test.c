#include "hooks/library/ruby_json.h"

#include "../ruby.h"

static int setup(void **state)
{
    return open_ruby(state, gw_hook_json_define);
}

static void every_kind_of_value_is_read(void **state)
{
    assert_ruby(*state,
                "JSON.parse('{\"a\": [1, -2.5, null, true, false], \"b\": {}, \"c\": \"x\"}')",
                "{\"a\"=>[1, -2.5, nil, true, false], \"b\"=>{}, \"c\"=>\"x\"}");
    assert_ruby(*state, "JSON.parse(' 7 ')", "7");
    assert_ruby(*state, "JSON.parse('1e2')", "100.0");
    assert_ruby(*state, "JSON.parse('[]')", "[]");
}

static void escapes_are_decoded(void **state)
{
    assert_ruby(
        *state,
        "JSON.parse('\"\\\\u00e9\\\\n\\\\\"\\\\ud83d\\\\ude00\"') == \"\\u00e9\\n\\\"\\u{1f600}\"",
        "true");
}

static void names_become_symbols_if_asked_for(void **state)
{
    assert_ruby(*state, "JSON.parse('{\"a\": {\"b\": 1}}', symbolize_names: true)",
                "{:a=>{:b=>1}}");
    assert_ruby(*state, "JSON.parse('{\"a\": 1}', symbolize_names: false)", "{\"a\"=>1}");
}

static void the_last_of_several_members_counts(void **state)
{
    assert_ruby(*state, "JSON.parse('{\"a\": 1, \"b\": 2, \"a\": 3}')", "{\"a\"=>3, \"b\"=>2}");
}

static void integers_of_64_bits_are_exact_and_larger_ones_floats(void **state)
{
    assert_ruby(*state, "JSON.parse('9223372036854775807')", "9223372036854775807");
    assert_ruby(*state, "JSON.parse('-9223372036854775808')", "-9223372036854775808");
    assert_ruby(*state, "JSON.parse('18446744073709551616') == 18446744073709551616.0", "true");
    assert_ruby(*state, "JSON.parse('1e999')",
                "JSON::ParserError: the number is out of range (line 1, column 1)");
}

static void errors_name_line_and_column(void **state)
{
    assert_ruby(*state, "JSON.parse(\"{\\n  \\\"a\\\": x}\")",
                "JSON::ParserError: expected a value, found x (line 2, column 8)");
    assert_ruby(
        *state, "JSON.parse('[1, 2')",
        "JSON::ParserError: expected ',' or ']', found the end of the text (line 1, column 6)");
    assert_ruby(
        *state, "JSON.parse('')",
        "JSON::ParserError: expected a value, found the end of the text (line 1, column 1)");
    assert_ruby(*state, "JSON.parse('1 2')",
                "JSON::ParserError: expected the end of the text, found 2 (line 1, column 3)");
    assert_ruby(*state, "JSON.parse(\"\\\"\\xff\\\"\")",
                "JSON::ParserError: byte 0xff is not UTF-8 (line 1, column 2)");
    assert_ruby(*state, "JSON.parse(nil)", "TypeError: nil cannot be converted to String");
}

static void depth_has_a_limit(void **state)
{
    assert_ruby(*state, "JSON.parse('[' * 100 + ']' * 100).flatten", "[]");
    assert_ruby(*state, "JSON.parse('[' * 101 + ']' * 101)",
                "JSON::NestingError: nested deeper than 100 (line 1, column 101)");
    assert_ruby(*state, "a = []; 101.times { a = [a] }; JSON.generate(a)",
                "JSON::NestingError: nested deeper than 100");
    assert_ruby(*state, "a = []; a << a; JSON.generate(a)",
                "JSON::NestingError: nested deeper than 100");
}

static void every_kind_of_value_is_written(void **state)
{
    assert_ruby(*state, "JSON.generate({'a' => [1, 2.0, -0.5, nil, true, false], :b => {1 => :c}})",
                "\"{\\\"a\\\":[1,2.0,-0.5,null,true,false],\\\"b\\\":{\\\"1\\\":\\\"c\\\"}}\"");
    assert_ruby(*state, "JSON.generate('x' * 1000) == '\"' + 'x' * 1000 + '\"'", "true");
}

static void strings_are_escaped(void **state)
{
    assert_ruby(*state,
                "JSON.generate(\"\\\"\\\\\\n\\x01\\u00e9\") == '\"\\\\\"\\\\\\\\\\\\n\\\\u0001' + "
                "\"\\u00e9\\\"\"",
                "true");
    assert_ruby(*state, "JSON.generate(\"\\x00\" * 500).size", "3002");
    assert_ruby(*state, "JSON.generate(\"a\\xff\")",
                "JSON::GeneratorError: the string is not UTF-8");
}

static void what_is_no_number_of_json_raises(void **state)
{
    assert_ruby(*state, "JSON.generate([0.0 / 0.0])",
                "JSON::GeneratorError: NaN is no JSON number");
    assert_ruby(*state, "JSON.generate(-1.0 / 0.0)",
                "JSON::GeneratorError: Infinity is no JSON number");
}

static void to_json_is_on_every_object(void **state)
{
    assert_ruby(*state, "[1, nil].to_json + 'x'.to_json + nil.to_json + {a: 1}.to_json",
                "\"[1,null]\\\"x\\\"null{\\\"a\\\":1}\"");
    assert_ruby(*state, "class Point; def to_s; 'a point'; end; end; JSON.generate([Point.new])",
                "\"[\\\"a point\\\"]\"");
    assert_ruby(*state, "class Pair; def to_json; [1, 2].to_json; end; end; {p: Pair.new}.to_json",
                "\"{\\\"p\\\":[1,2]}\"");
    assert_ruby(*state, "class Odd; def to_json; 1; end; end; JSON.generate(Odd.new)",
                "TypeError: Integer cannot be converted to String");
}

static void numbers_are_written_as_they_were_read(void **state)
{
    assert_ruby(*state,
                "s = '[1299.99,0.1,2.5,-1e-07,19.99,5.0,1e+300,123456789.012345]';"
                "JSON.generate(JSON.parse(s)).sub('e-7', 'e-07').sub('e300', 'e+300')",
                "\"[1299.99,0.1,2.5,-1e-07,19.99,5.0,1e+300,123456789.012345]\"");
}

static void what_is_written_is_read_again(void **state)
{
    assert_ruby(*state,
                "v = {'a' => [1, 2.5, 1e300, 0.1, nil, {'b' => \"\\u20ac\\t\"}], 'c' => -5};"
                "JSON.parse(JSON.generate(v)) == v",
                "true");
}

static void many_values_need_no_room_in_the_arena(void **state)
{
    mrb_state *mrb = *state;
    assert_ruby(mrb, "$t = JSON.generate((0...20000).map { |i| {'k' => i.to_s} }); $t.size",
                "268891");
    int before = mrb_gc_arena_save(mrb);
    assert_ruby(mrb, "JSON.parse($t).size", "20000");
    assert_true(mrb->gc.arena_capa < 2000);
    mrb_gc_arena_restore(mrb, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(names_become_symbols_if_asked_for),
        cmocka_unit_test(the_last_of_several_members_counts),
        cmocka_unit_test(integers_of_64_bits_are_exact_and_larger_ones_floats),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(every_kind_of_value_is_written),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(what_is_no_number_of_json_raises),
        cmocka_unit_test(to_json_is_on_every_object),
        cmocka_unit_test(numbers_are_written_as_they_were_read),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(many_values_need_no_room_in_the_arena),
    };
    return cmocka_run_group_tests(tests, setup, close_ruby);
}
