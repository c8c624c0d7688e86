#include "hooks/library/ruby_regexp.h"

#include <time.h>

#include "../ruby.h"

static int setup(void **state)
{
    return open_ruby(state, gw_hook_regexp_define);
}

static void a_literal_finds_where_it_matches(void **state)
{
    assert_ruby(*state, "'hello' =~ /l+/", "2");
    assert_ruby(*state, "/z/ =~ 'hello'", "nil");
    assert_ruby(*state, "'hello' !~ /z/", "true");
    assert_ruby(*state, "nil =~ /a/", "nil");
    assert_ruby(*state, "/a/ =~ nil", "nil");
    assert_ruby(*state, "x = 'l'; 'hello' =~ /#{x}o/", "3");
}

static void the_examples_of_h2os_documentation_match(void **state)
{
    assert_ruby(*state, "/\\A192\\.168\\./.match('192.168.3.4').nil?", "false");
    assert_ruby(*state, "/\\A192\\.168\\./.match('10.192.168.1')", "nil");
    assert_ruby(*state, "/\\/user\\/([^\\/]+)/.match('/user/alice/x'); $1", "\"alice\"");
    assert_ruby(*state, "/\\.(css|js)\\z/.match('/a.js')[1]", "\"js\"");
    assert_ruby(*state, "'User-Agent'.gsub(/-/, '_').upcase", "\"USER_AGENT\"");
    assert_ruby(*state, "'a:b:c'.split(/:/, 2)", "[\"a\", \"b:c\"]");
}

static void match_data_tells_all_about_a_match(void **state)
{
    const char *match = "m = /(?<first>\\w)\\w*-(?<second>\\d)?/.match('to ab-c'); ";
    static const char *const rows[][2] = {
        {"m.to_a", "[\"ab-\", \"a\", nil]"},
        {"m.captures", "[\"a\", nil]"},
        {"m.named_captures", "{\"first\"=>\"a\", \"second\"=>nil}"},
        {"m.names", "[\"first\", \"second\"]"},
        {"[m[0], m[1], m[-1], m[3], m[:first], m['first'], m[0, 2], m[0..1]]",
         "[\"ab-\", \"a\", nil, nil, \"a\", \"a\", [\"ab-\", \"a\"], [\"ab-\", \"a\"]]"},
        {"m['third']", "IndexError: undefined group name reference: third"},
        {"[m.begin(0), m.end(0), m.offset(1), m.begin(2), m.begin(:first)]",
         "[3, 6, [3, 4], nil, 3]"},
        {"m.begin(3)", "IndexError: index 3 out of matches"},
        {"[m.pre_match, m.post_match, m.to_s, m.size, m.string]",
         "[\"to \", \"c\", \"ab-\", 3, \"to ab-c\"]"},
        {"m.values_at(0, :second, 1)", "[\"ab-\", nil, \"a\"]"},
        {"m", "#<MatchData \"ab-\" first:\"a\" second:nil>"},
        {"m == m.regexp.match(m.string)", "true"},
        {"MatchData.new", "NoMethodError: undefined method 'new'"},
    };
    mrb_state *mrb = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char code[256];
        snprintf(code, sizeof(code), "%s%s", match, rows[i][0]);
        assert_ruby(mrb, code, rows[i][1]);
    }
}

static void match_data_keeps_the_text_it_matched(void **state)
{
    assert_ruby(*state,
                "s = 'a long text that is not embedded in the object: x7'; "
                "m = s.match(/x(\\d)/); s.replace('other'); [m[0], m[1], m.string.size]",
                "[\"x7\", \"7\", 50]");
}

static void globals_tell_of_the_last_match(void **state)
{
    assert_ruby(*state, "/(.)(.)/ =~ 'ab'; [$~[0], $1, $2, $3]", "[\"ab\", \"a\", \"b\", nil]");
    assert_ruby(*state, "/(.)(.)/ =~ 'ab'; /(.)/ =~ 'x'; [$1, $2]", "[\"x\", nil]");
    assert_ruby(*state, "/(.)/ =~ 'ab'; /(z)/ =~ 'ab'; [$~, $1]", "[nil, nil]");
    assert_ruby(*state, "/(.)/ =~ 'ab'; /b/.match?('ab'); $1", "\"a\"");
    assert_ruby(*state, "'xay'.match(/a(.)/); [Regexp.last_match(1), Regexp.last_match.begin(0)]",
                "[\"y\", 1]");
    assert_ruby(*state, "case 'key=7' when /(\\d)/ then $1 end", "\"7\"");
}

static void the_last_match_can_be_put_back(void **state)
{
    mrb_state *mrb = *state;
    ruby(mrb, "/(.)(.)/ =~ 'ab'");
    mrb_value kept = gw_hook_regexp_last_match(mrb);
    mrb_gc_register(mrb, kept);
    assert_ruby(mrb, "/(.)/ =~ 'x'; [$1, $2]", "[\"x\", nil]");
    gw_hook_regexp_set_last_match(mrb, kept);
    assert_ruby(mrb, "[$~[0], $1, $2]", "[\"ab\", \"a\", \"b\"]");
    gw_hook_regexp_set_last_match(mrb, mrb_nil_value());
    assert_ruby(mrb, "[$~, $1, $2]", "[nil, nil, nil]");
    mrb_gc_unregister(mrb, kept);
}

static void flags_mean_what_they_mean_in_ruby(void **state)
{
    assert_ruby(*state, "'ABC' =~ /b/i", "1");
    assert_ruby(*state, "\"a\\nb\" =~ /a.b/", "nil");
    assert_ruby(*state, "\"a\\nb\" =~ /a.b/m", "0");
    assert_ruby(*state, "\"a\\nb\" =~ /^b$/", "2");
    assert_ruby(*state, "\"a\\nb\" =~ /\\Ab/", "nil");
    assert_ruby(*state, "'ab' =~ /a b # text [ ( with anything\n/x", "0");
    assert_ruby(*state, "\"a\\nb\" =~ /(?m:a.b)/", "0");
    assert_ruby(*state, "\"a\\nB\" =~ /(?mi)a.b/", "0");
    assert_ruby(*state, "Regexp.new('b', Regexp::IGNORECASE) =~ 'aB'", "1");
    assert_ruby(*state, "Regexp.new('b', true).casefold?", "true");
    assert_ruby(*state, "Regexp.new('b', 'q')", "ArgumentError: unknown regexp option: q");
}

static void what_ruby_and_pcre_write_differently_means_what_it_means_in_ruby(void **state)
{
    assert_ruby(*state, "['x f', 'x g'].map { |s| s =~ /\\h/ }", "[2, nil]");
    assert_ruby(*state, "'0aZ'.scan(/[\\hZ]+/)", "[\"0aZ\"]");
    assert_ruby(*state, "'aXb'.scan(/\\H/)", "[\"X\"]");
    assert_ruby(*state, "'aaaa'[/a{,3}/]", "\"aaa\"");
    assert_ruby(*state, "'a{,}'[/a{,}/]", "\"a{,}\"");
    assert_ruby(*state, "\"\\u00e9\" =~ /\\u00e9/", "0");
    assert_ruby(*state, "\"\\u{1f600}\" =~ /\\A\\u{1f600}\\z/", "0");
    assert_ruby(*state, "'a]b'[/[]]/]", "\"]\"");
    assert_ruby(*state, "'ab1'[/[[:alpha:]]+/]", "\"ab\"");
    assert_ruby(*state, "'ab'[/a(?#comment [)b/]", "\"ab\"");
    assert_ruby(*state, "'xyxy' =~ /(?<a>x)y\\k<a>y/", "0");
    assert_ruby(*state, "'ab'.match(/(?<n>a)(b)/).to_a", "[\"ab\", \"a\"]");
}

static void what_cannot_be_said_to_pcre_is_refused(void **state)
{
    assert_ruby(*state, "/[a[bc]]/",
                "RegexpError: a character class in a character class is not supported: /[a[bc]]/");
    assert_ruby(*state, "/[a-z&&[^b]]/",
                "RegexpError: && in a character class is not supported: /[a-z&&[^b]]/");
    assert_ruby(*state, "/[\\H]/",
                "RegexpError: \\H in a character class is not supported: /[\\H]/");
    assert_ruby(*state, "/(*UCP)a/",
                "RegexpError: target of repeat operator is not specified: /(*UCP)a/");
    assert_ruby(*state, "Regexp.new('(a')", "RegexpError: missing closing parenthesis: /(a/");
    assert_ruby(*state, "Regexp.new('a\\\\')", "RegexpError: too short escape sequence: /a\\/");
    assert_ruby(*state,
                "begin; Regexp.new('a' * 65537); rescue RegexpError => e; "
                "e.message[0, 23]; end",
                "\"the pattern is too long\"");
}

static void characters_are_utf8(void **state)
{
    assert_ruby(*state, "\"\\u00e9x\"[/./] == \"\\u00e9\"", "true");
    assert_ruby(*state, "\"a\\u00e9b\".split(//) == ['a', \"\\u00e9\", 'b']", "true");
    assert_ruby(*state, "\"\\u00e9\\u00e9\".gsub(//, '-') == \"-\\u00e9-\\u00e9-\"", "true");
    assert_ruby(*state, "\"\\u00c9\" =~ /\\u00e9/i", "0");
    assert_ruby(*state, "\"\\u00e9x\" =~ /x/", "2");
}

static void text_that_is_not_utf8_is_matched_as_bytes(void **state)
{
    assert_ruby(*state, "\"\\xff/admin\" =~ /admin/", "2");
    assert_ruby(*state, "\"\\xff\" =~ /\\A.\\z/", "0");
    assert_ruby(*state, "\"\\xe3\\x81\\x82\" =~ /\\x82/n", "2");
    assert_ruby(*state, "\"\\xff\\xc3\\xa9\" =~ /\\xc3\\xa9/", "1");
}

static void strings_are_searched_through(void **state)
{
    assert_ruby(*state, "'k=v;x=y'.scan(/(\\w)=(\\w)/)", "[[\"k\", \"v\"], [\"x\", \"y\"]]");
    assert_ruby(*state, "'k1 x22'.scan(/\\d+/)", "[\"1\", \"22\"]");
    assert_ruby(*state, "a = []; 'ab'.scan(/./) { |c| a << c + $~[0] }; a", "[\"aa\", \"bb\"]");
    assert_ruby(*state, "'a.b.c'.scan('.')", "[\".\", \".\"]");
    assert_ruby(*state, "'abc'.scan(/x*/).size", "4");
    assert_ruby(*state, "'abcabc'.index(/c/, 3)", "5");
    assert_ruby(*state, "['hello'.index(/l/, -2), 'hello'.index('l'), 'hello'.index(/z/)]",
                "[3, 2, nil]");
    assert_ruby(*state,
                "['foo'.start_with?(/o/), 'foo'.start_with?(/f(o)/), $1, "
                "'foo'.start_with?('x', 'fo')]",
                "[false, true, \"o\", true]");
    assert_ruby(*state, "'a b c'.partition(/ (.) /)", "[\"a\", \" b \", \"c\"]");
    assert_ruby(*state, "'abc'.partition(/z/)", "[\"abc\", \"\", \"\"]");
    assert_ruby(*state, "%w(a1 b c2).grep(/\\d/)", "[\"a1\", \"c2\"]");
    assert_ruby(*state, "'abc'.match('b').begin(0)", "1");
    assert_ruby(*state, "['abc'.match?(/b/), 'abc'.match?(/a/, 1)]", "[true, false]");
    assert_ruby(*state, "'abc'.match(/b/) { |m| m[0] * 2 }", "\"bb\"");
}

static void parts_of_strings_are_taken_by_match(void **state)
{
    assert_ruby(*state,
                "['hello'[/l+/], 'hello'.slice(/z/), 'hello'[/h(.)/, 1], "
                "'hello'[/(?<x>l)/, 'x'], 'hello'[1, 2], 'hello'[-1]]",
                "[\"ll\", nil, \"e\", \"l\", \"el\", \"o\"]");
    assert_ruby(*state,
                "s = 'a foo b'; [s.slice!(/f(o+)/, 1), s, s.slice!(/z/), s.slice!(0, 2), s]",
                "[\"oo\", \"f b\", nil, \"a \", \"f b\"]");
}

static void matches_are_replaced_by_text(void **state)
{
    assert_ruby(*state, "'hello'.gsub(/l/, 'L')", "\"heLLo\"");
    assert_ruby(*state, "'hello'.sub(/l/, 'L')", "\"heLlo\"");
    assert_ruby(*state, "'hello'.gsub(/(?<v>[aeiou])/, '{\\k<v>}')", "\"h{e}ll{o}\"");
    assert_ruby(*state, "'hello'.sub(/(l)(x)?/, '<\\1\\2\\0\\&\\`\\\\\\'\\\\\\\\q\\\\')",
                "\"he<lllhelo\\\\q\\\\lo\"");
    assert_ruby(*state, "'hello'.gsub(/l*/, '-')", "\"-h-e--o-\"");
    assert_ruby(*state, "'ab'.gsub('a', 'x')", "\"xb\"");
    assert_ruby(*state, "'ab'.gsub(/z/, 'x')", "\"ab\"");
    assert_ruby(*state, "'a-b'.sub(/(-)/, '+'); [$1, $~.pre_match]", "[\"-\", \"a\"]");
    assert_ruby(*state, "'ab'.gsub(/a/)", "ArgumentError: neither a replacement nor a block given");
    assert_ruby(*state, "'ab'.gsub(/a/, 1)", "TypeError: Integer cannot be converted to String");
}

static void matches_are_replaced_by_what_a_block_makes(void **state)
{
    assert_ruby(*state, "'a1b22'.gsub(/\\d+/) { |d| (d.to_i * 2).to_s + $~[0] }", "\"a21b4422\"");
    assert_ruby(*state, "'ab'.gsub(/(.)/) { 'xyz'.gsub(/y/, '') + $1.to_s }", "\"xzxz\"");
    assert_ruby(*state, "'ab'.sub(/b/) { nil }", "\"a\"");
    assert_ruby(*state, "a = []; 'ab'.gsub(/./) { a << $~; '' }; a.map { |m| m[0] }",
                "[\"a\", \"b\"]");
    assert_ruby(*state, "s = 'ab'; s.gsub(/./) { |c| s.replace('changed'); c }", "\"ab\"");
    assert_ruby(*state, "'ab'.gsub(/./) { raise 'no' }", "RuntimeError: no");
}

static void matches_are_replaced_by_what_a_hash_has(void **state)
{
    assert_ruby(*state, "'a&b<c'.gsub(/[&<>]/, '&' => '&amp;', '<' => '&lt;')", "\"a&amp;b&lt;c\"");
    assert_ruby(*state, "'abc'.gsub(/[bc]/, 'b' => 7)", "\"a7\"");
}

static void strings_are_changed_in_place(void **state)
{
    assert_ruby(*state,
                "s = 'foo'; [s.gsub!(/o/, '0'), s, s.sub!(/z/, ''), s.sub!(/f/) { 'g' }, s]",
                "[\"g00\", \"g00\", nil, \"g00\", \"g00\"]");
    assert_ruby(*state, "'foo'.freeze.gsub!(/z/, '')", "FrozenError: can't modify frozen String");
}

static void strings_are_split(void **state)
{
    assert_ruby(*state, "'a, b,c'.split(/,\\s*/)", "[\"a\", \"b\", \"c\"]");
    assert_ruby(*state, "'1,,2,3,,4,,'.split(/,/)", "[\"1\", \"\", \"2\", \"3\", \"\", \"4\"]");
    assert_ruby(*state, "'1,,2,3,,4,,'.split(/,/, 4)", "[\"1\", \"\", \"2\", \"3,,4,,\"]");
    assert_ruby(*state, "'1,2,,'.split(/,/, -4)", "[\"1\", \"2\", \"\", \"\"]");
    assert_ruby(*state, "'hello'.split(//, 3)", "[\"h\", \"e\", \"llo\"]");
    assert_ruby(*state, "'hi'.split(//, -1)", "[\"h\", \"i\", \"\"]");
    assert_ruby(*state, "'hi dad'.split(/\\s*/)", "[\"h\", \"i\", \"d\", \"a\", \"d\"]");
    assert_ruby(*state, "'a1b2c'.split(/(\\d)/)", "[\"a\", \"1\", \"b\", \"2\", \"c\"]");
    assert_ruby(*state, "[''.split(/,/, -1), ' a'.split(/ /), ' a'.split, 'a,b'.split(',')]",
                "[[], [\"\", \"a\"], [\"a\"], [\"a\", \"b\"]]");
}

static void expressions_are_built_from_text(void **state)
{
    assert_ruby(*state, "Regexp.escape(\"a.b*[c]\\n -\")",
                "\"a\\\\.b\\\\*\\\\[c\\\\]\\\\n\\\\ \\\\-\"");
    assert_ruby(*state, "Regexp.union('a.b', /c/i)", "/a\\.b|(?i-mx:c)/");
    assert_ruby(*state, "Regexp.union(['x', 'y']) =~ 'ay'", "1");
    assert_ruby(*state, "[Regexp.union =~ '', Regexp.union(/a/)]", "[nil, /a/]");
    assert_ruby(*state, "/x#{/a.b/m}y/i =~ \"Xa\\nbY\"", "0");
    assert_ruby(*state, "/x#{/a.b/}y/m =~ \"xa\\nby\"", "nil");
    assert_ruby(*state, "/x(?-m:a.b)y/m =~ \"xa\\nby\"", "nil");
}

static void an_expression_tells_what_it_is(void **state)
{
    assert_ruby(*state, "[/a\\/b/, Regexp.new('a/b'), /a/mixn]", "[/a\\/b/, /a\\/b/, /a/mixn]");
    assert_ruby(*state, "[/a/.to_s, /a/mix.to_s, /a/i.source, /a/i.options]",
                "[\"(?-mix:a)\", \"(?mix:a)\", \"a\", 1]");
    assert_ruby(*state,
                "[/a/ == Regexp.new('a'), /a/ == /a/i, /a/ == 'a', /a/.dup == /a/, "
                "/(?<x>a)/.names, {/a/ => 1}[Regexp.new('a')]]",
                "[true, false, false, true, [\"x\"], 1]");
    assert_ruby(*state, "Regexp.allocate.match('a')",
                "TypeError: wrong argument type Regexp (expected Regexp)");
    assert_ruby(*state, "/a/.send(:initialize, 'b')", "TypeError: already initialized regexp");
}

static void literals_are_compiled_once(void **state)
{
    assert_ruby(*state, "a = (1..2).map { /x(y)/i }; a[0].equal?(a[1])", "true");
    assert_ruby(*state, "/x/.equal?(/x/i)", "false");
    assert_ruby(*state, "1000.times { |i| /x#{i}/ }; /x999/ =~ 'x999'", "0");
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void endless_ways_to_try_are_given_up(void **state)
{
    uint64_t start = now_ms();
    assert_ruby(*state, "('a' * 40 + '!') =~ /(a+)+$/",
                "RegexpError: gave up matching: too many ways to try: (?-mix:(a+)+$)");
    assert_ruby(*state, "('a' * 40) =~ /(?:a?){40}a{40}b?(?!x)c/", "nil");
    assert_true(now_ms() - start < 1000);
}

static void a_match_that_needs_much_memory_is_given_up(void **state)
{
    assert_ruby(*state, "('ab' * 200000) =~ /\\A(a|b)*\\z/",
                "RegexpError: gave up matching: too many ways to try: (?-mix:\\A(a|b)*\\z)");
    assert_ruby(*state, "('ab' * 200000) =~ /\\A[ab]*\\z/", "0");
}

static void long_texts_take_time_in_proportion(void **state)
{
    uint64_t start = now_ms();
    assert_ruby(*state, "(\"\\u00e9,\" * 200000).scan(/,/).size", "200000");
    assert_ruby(*state, "(\"\\u00e9,\" * 200000).gsub(/,/, ';').size", "600000");
    assert_ruby(*state, "(\"\\u00e9,\" * 200000).split(/,/).size", "200000");
    assert_true(now_ms() - start < 3000);
}

static void garbage_is_collected_with_what_was_compiled(void **state)
{
    mrb_state *mrb = *state;
    assert_ruby(mrb, "20000.times { |i| m = Regexp.new(\"(a)#{i}\").match(\"a#{i}\") }; GC.start",
                "nil");
    assert_ruby(mrb, "Regexp.new('(a)' * 100).match('a' * 100).size", "101");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_finds_where_it_matches),
        cmocka_unit_test(the_examples_of_h2os_documentation_match),
        cmocka_unit_test(match_data_tells_all_about_a_match),
        cmocka_unit_test(match_data_keeps_the_text_it_matched),
        cmocka_unit_test(globals_tell_of_the_last_match),
        cmocka_unit_test(the_last_match_can_be_put_back),
        cmocka_unit_test(flags_mean_what_they_mean_in_ruby),
        cmocka_unit_test(what_ruby_and_pcre_write_differently_means_what_it_means_in_ruby),
        cmocka_unit_test(what_cannot_be_said_to_pcre_is_refused),
        cmocka_unit_test(characters_are_utf8),
        cmocka_unit_test(text_that_is_not_utf8_is_matched_as_bytes),
        cmocka_unit_test(strings_are_searched_through),
        cmocka_unit_test(parts_of_strings_are_taken_by_match),
        cmocka_unit_test(matches_are_replaced_by_text),
        cmocka_unit_test(matches_are_replaced_by_what_a_block_makes),
        cmocka_unit_test(matches_are_replaced_by_what_a_hash_has),
        cmocka_unit_test(strings_are_changed_in_place),
        cmocka_unit_test(strings_are_split),
        cmocka_unit_test(expressions_are_built_from_text),
        cmocka_unit_test(an_expression_tells_what_it_is),
        cmocka_unit_test(literals_are_compiled_once),
        cmocka_unit_test(endless_ways_to_try_are_given_up),
        cmocka_unit_test(a_match_that_needs_much_memory_is_given_up),
        cmocka_unit_test(long_texts_take_time_in_proportion),
        cmocka_unit_test(garbage_is_collected_with_what_was_compiled),
    };
    return cmocka_run_group_tests(tests, setup, close_ruby);
}
