#include "hooks/library/ruby_base64.h"

#include "../ruby.h"

static int setup(void **state)
{
    return open_ruby(state, gw_hook_base64_define);
}

static void bytes_are_encoded(void **state)
{
    assert_ruby(*state, "['', 'f', 'fo', 'foo'].map { |s| Base64.strict_encode64(s) }",
                "[\"\", \"Zg==\", \"Zm8=\", \"Zm9v\"]");
    assert_ruby(*state, "Base64.strict_encode64(\"\\xfb\\xff\\x00\")", "\"+/8A\"");
}

static void encode64_has_lines(void **state)
{
    assert_ruby(*state, "Base64.encode64('x' * 46).split(\"\\n\").map { |line| line.size }",
                "[60, 4]");
    assert_ruby(*state, "Base64.encode64('x' * 45)[-2..-1]", "\"4\\n\"");
    assert_ruby(*state, "Base64.encode64('')", "\"\"");
}

static void urlsafe_encode64_may_leave_padding_out(void **state)
{
    assert_ruby(*state, "Base64.urlsafe_encode64(\"\\xfb\\xff\")", "\"-_8=\"");
    assert_ruby(*state, "Base64.urlsafe_encode64(\"\\xfb\\xff\", padding: false)", "\"-_8\"");
    assert_ruby(*state, "Base64.urlsafe_encode64(\"\\xfb\\xff\", padding: true)", "\"-_8=\"");
}

static void what_is_encoded_is_decoded(void **state)
{
    assert_ruby(*state,
                "s = (0..255).map { |i| i.chr }.join;"
                "[Base64.strict_decode64(Base64.strict_encode64(s)) == s,"
                " Base64.decode64(Base64.encode64(s)) == s,"
                " Base64.urlsafe_decode64(Base64.urlsafe_encode64(s, padding: false)) == s]",
                "[true, true, true]");
}

static void strict_decode64_takes_nothing_else(void **state)
{
    static const char *const wrong[] = {"Zg", "Zg=", "Zm9v\\n", "-_8=", "Z===", "Zm9v!"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char code[64];
        snprintf(code, sizeof(code), "Base64.strict_decode64(\"%s\")", wrong[i]);
        assert_ruby(*state, code, "ArgumentError: invalid base64");
    }
    assert_ruby(*state, "Base64.urlsafe_decode64('%')", "ArgumentError: invalid base64");
    assert_ruby(*state, "Base64.strict_decode64(1)",
                "TypeError: Integer cannot be converted to String");
}

static void decode64_skips_what_is_no_digit(void **state)
{
    assert_ruby(*state, "Base64.decode64(\" Zm\\n9v-! \")", "\"foo\"");
    assert_ruby(*state, "Base64.decode64('Zg==Zg==')", "\"f\"");
    assert_ruby(*state, "Base64.decode64('Zm9vZ')", "\"foo\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_encoded),
        cmocka_unit_test(encode64_has_lines),
        cmocka_unit_test(urlsafe_encode64_may_leave_padding_out),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(strict_decode64_takes_nothing_else),
        cmocka_unit_test(decode64_skips_what_is_no_digit),
    };
    return cmocka_run_group_tests(tests, setup, close_ruby);
}
