#include "config/keys.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "printed.h"

#define LISTEN "listen: [{address: 127.0.0.1:8080}]\n"
#define REST                                                                                       \
    "schema: {descriptor_sets: [a.binpb]}\n"                                                       \
    "upstreams: [{name: up, endpoints: [{address: a:1}]}]\n"

static struct gw_config *load(const char *text)
{
    struct gw_diagnostics errors = {0};
    struct gw_config *config = gw_config_parse("f", gw_slice_str(text), &errors);
    char *messages = printed(&errors);
    assert_string_equal(messages, "");
    free(messages);
    assert_non_null(config);
    return config;
}

static void assert_refused(const char *cors, const char *expected)
{
    struct gw_diagnostics errors = {0};
    char text[1024];
    snprintf(text, sizeof(text), LISTEN "cors: %s\n", cors);
    assert_null(gw_config_parse("f", gw_slice_str(text), &errors));
    char *messages = printed(&errors);
    assert_string_equal(messages, expected);
    free(messages);
}

static void assert_text(struct gw_slice found, const char *expected)
{
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.base, expected, found.len);
}

static void absent_it_is_off(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN);
    assert_false(c->cors.is_present);
    gw_config_destroy(c);
}

static void absent_keys_have_their_defaults(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "cors: {origins: []}\n");
    assert_true(c->cors.is_present);
    assert_int_equal(c->cors.origins.count, 0);
    assert_false(c->cors.any_origin);
    assert_int_equal(c->cors.methods.count, 0);
    assert_text(c->cors.headers_text, "content-type");
    assert_false(c->cors.any_header);
    assert_int_equal(c->cors.exposed_text.len, 0);
    assert_int_equal(c->cors.max_age_ms, 5000);
    assert_false(c->cors.credentials);
    gw_config_destroy(c);
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "cors:\n"
                                      "  origins: ['https://a.example', 'https://*.b.example']\n"
                                      "  methods: [GET, DELETE]\n"
                                      "  headers: [x-a, '*']\n"
                                      "  exposed_headers: [x-b, X-C]\n"
                                      "  max_age: 2h\n"
                                      "  credentials: true\n");
    assert_int_equal(c->cors.origins.count, 2);
    assert_string_equal(c->cors.origins.items[1].text, "https://*.b.example");
    assert_text(c->cors.methods_text, "GET, DELETE");
    assert_text(c->cors.headers_text, "x-a, *");
    assert_true(c->cors.any_header);
    assert_text(c->cors.exposed_text, "x-b, X-C");
    assert_int_equal(c->cors.max_age_ms, 7200000);
    assert_true(c->cors.credentials);
    gw_config_destroy(c);
}

static void a_route_has_its_own(void **state)
{
    (void)state;
    struct gw_config *c =
        load(LISTEN REST "cors: {origins: ['*']}\n"
                         "routes:\n"
                         "  - {annotations: a.B, upstream: up}\n"
                         "  - {annotations: a.C, upstream: up, cors: {origins: []}}\n"
                         "  - {match: GET /docs/**, files: d, cors: {origins: ['*']}}\n");
    assert_true(c->cors.any_origin);
    assert_false(c->routes[0].cors.is_present);
    assert_true(c->routes[1].cors.is_present);
    assert_false(c->routes[1].cors.any_origin);
    assert_true(c->routes[2].cors.any_origin);
    gw_config_destroy(c);
}

static void origins_are_as_browsers_send_them(void **state)
{
    (void)state;
    static const char *const sound[] = {
        "*",
        "http://localhost",
        "http://localhost:3000",
        "https://a-b.example.com:8443",
        "http://127.0.0.1:80",
        "http://[::1]",
        "http://[2001:db8::1]:8080",
        "https://*.example.com",
        "https://*.example.com:444",
        "chrome-extension://abcdefghijklmnop",
        "capacitor://localhost",
    };
    static const char *const unsound[] = {
        "example.com",
        "https://",
        "://a",
        "https://example.com/",
        "https://example.com/app",
        "https://Example.com",
        "HTTPS://example.com",
        "https://a b",
        "https://example.com:",
        "https://example.com:8x",
        "https://*example.com",
        "https://a.*.example.com",
        "https://*",
        "https://*.*.example.com",
        "http://[]",
        "http://[::1",
        "null",
        "**",
    };
    char text[256];
    for (size_t i = 0; i < sizeof(sound) / sizeof(*sound); i++) {
        snprintf(text, sizeof(text), LISTEN "cors: {origins: ['%s']}\n", sound[i]);
        gw_config_destroy(load(text));
    }
    for (size_t i = 0; i < sizeof(unsound) / sizeof(*unsound); i++) {
        char cors[128], expected[256];
        snprintf(cors, sizeof(cors), "{origins: ['%s']}", unsound[i]);
        snprintf(expected, sizeof(expected),
                 "f:2:18: `origins`: expected an origin such as https://example.com or "
                 "https://*.example.com, or \"*\", found the text \"%s\"\n",
                 unsound[i]);
        assert_refused(cors, expected);
    }
}

static void nobody_is_meant_by_leaving_origins_out(void **state)
{
    (void)state;
    assert_refused("{max_age: 1h}", "f:2:7: `origins` is missing in `cors`\n");
    assert_refused("'*'", "f:2:7: `cors`: expected a mapping, found the text \"*\"\n");
}

static void wildcards_and_credentials_do_not_go_together(void **state)
{
    (void)state;
    assert_refused("{origins: ['http://a', '*'], credentials: true}",
                   "f:2:30: `origins`: \"*\" beside `credentials`, expected them one by one\n");
    assert_refused("{origins: [], exposed_headers: ['*'], credentials: true}",
                   "f:2:39: `exposed_headers`: \"*\" beside `credentials`, expected them one by "
                   "one\n");
    gw_config_destroy(load(LISTEN "cors: {origins: ['http://a'], headers: ['*'], "
                                  "credentials: true}\n"));
}

static void methods_and_headers_have_names(void **state)
{
    (void)state;
    assert_refused("{origins: [], methods: [get], headers: ['a b'], exposed_headers: ['a,b'], "
                   "max_age: 25h, orgins: 1}",
                   "f:2:31: `methods`: expected an HTTP method such as GET, found \"get\"\n"
                   "f:2:47: `headers`: expected the name of a header, or \"*\", found the text "
                   "\"a b\"\n"
                   "f:2:73: `exposed_headers`: expected the name of a header, or \"*\", found the "
                   "text \"a,b\"\n"
                   "f:2:90: `max_age`: expected a duration from 0s to 24h, written like 500ms, "
                   "5s, 2m or 1h, found \"25h\"\n"
                   "f:2:95: unknown key `orgins` in `cors`, expected one of `origins`, `methods`, "
                   "`headers`, `exposed_headers`, `max_age`, `credentials`; did you mean "
                   "\"origins\"?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_it_is_off),
        cmocka_unit_test(absent_keys_have_their_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(a_route_has_its_own),
        cmocka_unit_test(origins_are_as_browsers_send_them),
        cmocka_unit_test(nobody_is_meant_by_leaving_origins_out),
        cmocka_unit_test(wildcards_and_credentials_do_not_go_together),
        cmocka_unit_test(methods_and_headers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
