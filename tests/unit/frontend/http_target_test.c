#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frontend/http_target.h"

static void hosts_with_and_without_port_are_authorities(void **state)
{
    (void)state;
    static const char *const good[] = {
        "x",         "X.Example.com",  "x.",       "a-b_c~d",
        "127.0.0.1", "127.0.0.1:8080", "x:",       "x:0",
        "x:65535",   "[::1]",          "[::1]:80", "[2001:db8::ffff:1.2.3.4]",
        "%41bc",     "a!$&'()*+;=b:1",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!gw_http_is_authority(gw_slice_str(good[i])))
            fail_msg("%s", good[i]);
    }
}

static void other_text_is_no_authority(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":80",
        "x/evil",
        "u@y",
        "u:p@y",
        "x, y",
        "x,y",
        "x:abc",
        "x:80:80",
        "x:99999",
        "x:65536",
        "x:-1",
        "x:+1",
        "x: 80",
        "x:080000",
        "[::1",
        "::1",
        "[]",
        "[::1]x",
        "[::1]80",
        "[::1]:x",
        "[x]",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "x y",
        "x\ty",
        "x\x7f",
        "x\"",
        "<x>",
        "x\\y",
        "x?y",
        "x#y",
        "http://x",
        "x%",
        "x%4",
        "x%zz",
        "\xc3\xa9",
        "x]",
        "[::1]]",
        "[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (gw_http_is_authority(gw_slice_str(bad[i])))
            fail_msg("%s", bad[i]);
    }
    assert_false(gw_http_is_authority(gw_slice("a\0b", 3)));
    for (int byte = 0; byte < 256; byte++) {
        char text[] = {'a', (char)byte, 'b'};
        bool is_name = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       (byte > 0 && strchr("-._~!$&'()*+;=", byte) != NULL);
        assert_int_equal(gw_http_is_authority(gw_slice(text, 3)), is_name);
    }
}

static void an_absolute_target_is_split(void **state)
{
    (void)state;
    static const struct {
        const char *target, *authority, *path;
    } cases[] = {
        {"http://h/a?b", "h", "/a?b"},
        {"http://h", "h", ""},
        {"http://h?x=/get/x", "h", "?x=/get/x"},
        {"HTTP://h:80/", "h:80", "/"},
        {"hTTps://[::1]/", "[::1]", "/"},
        {"http:///a", "", "/a"},
        {"http://", "", ""},
        {"http://a@b:c", "a@b:c", ""},
        {"http://h//x", "h", "//x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_slice authority, path;
        assert_true(gw_http_split_absolute(gw_slice_str(cases[i].target), &authority, &path));
        assert_true(gw_slice_eq(authority, gw_slice_str(cases[i].authority)));
        assert_true(gw_slice_eq(path, gw_slice_str(cases[i].path)));
    }
    static const char *const others[] = {"",         "/",          "h",    "http:/h",
                                         "ftp://h/", "httpss://h", "://h", "/http://h"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct gw_slice authority, path;
        assert_false(gw_http_split_absolute(gw_slice_str(others[i]), &authority, &path));
    }
}

static void a_path_begins_with_a_slash_but_for_options(void **state)
{
    (void)state;
    struct gw_slice get = GW_SLICE("GET"), options = GW_SLICE("OPTIONS");
    assert_true(gw_http_is_path(get, GW_SLICE("/")));
    assert_true(gw_http_is_path(get, GW_SLICE("//h/path")));
    assert_true(gw_http_is_path(options, GW_SLICE("*")));
    assert_false(gw_http_is_path(get, GW_SLICE("*")));
    assert_false(gw_http_is_path(options, GW_SLICE("**")));
    assert_false(gw_http_is_path(get, GW_SLICE("a")));
    assert_false(gw_http_is_path(get, GW_SLICE("")));
    assert_true(gw_http_has_fragment(GW_SLICE("/a#")));
    assert_false(gw_http_has_fragment(GW_SLICE("/a%23")));
    assert_false(gw_http_has_fragment(GW_SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_with_and_without_port_are_authorities),
        cmocka_unit_test(other_text_is_no_authority),
        cmocka_unit_test(an_absolute_target_is_split),
        cmocka_unit_test(a_path_begins_with_a_slash_but_for_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
