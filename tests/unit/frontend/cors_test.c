#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frontend/cors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct gw_string_list list_of(struct gw_string *items, size_t count)
{
    return (struct gw_string_list){items, count};
}

static void an_origin_is_compared_whole(void **state)
{
    (void)state;
    struct gw_string origins[] = {{.text = "https://a.example"}, {.text = "http://localhost:3000"}};
    struct gw_config_cors cors = {.origins = list_of(origins, COUNT(origins))};
    assert_true(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example")));
    assert_true(gw_cors_allows_origin(&cors, GW_SLICE("http://localhost:3000")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("http://a.example")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example.evil")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.exampl")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example:8443")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("http://localhost")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("null")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("")));
}

static void a_star_stands_for_one_label(void **state)
{
    (void)state;
    struct gw_string origins[] = {{.text = "https://*.example.com"}};
    struct gw_config_cors cors = {.origins = list_of(origins, COUNT(origins))};
    assert_true(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example.com")));
    assert_true(gw_cors_allows_origin(&cors, GW_SLICE("https://app-2.example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://.example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.b.example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://evil/.example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://evil:1.example.com")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example.com:8443")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://a.example.com.evil")));
    assert_false(gw_cors_allows_origin(&cors, GW_SLICE("https://*.example.com")));
}

static void any_origin_may_be_allowed(void **state)
{
    (void)state;
    const struct gw_config_cors any = {.any_origin = true}, none = {0};
    assert_true(gw_cors_allows_origin(&any, GW_SLICE("null")));
    assert_true(gw_cors_allows_origin(&any, GW_SLICE("")));
    assert_false(gw_cors_allows_origin(&none, GW_SLICE("http://a")));
}

static void methods_are_those_listed_or_all(void **state)
{
    (void)state;
    struct gw_string methods[] = {{.text = "GET"}, {.text = "PUT"}};
    struct gw_config_cors some = {.methods = list_of(methods, COUNT(methods))}, all = {0};
    assert_true(gw_cors_allows_method(&some, GW_SLICE("PUT")));
    assert_false(gw_cors_allows_method(&some, GW_SLICE("POST")));
    assert_false(gw_cors_allows_method(&some, GW_SLICE("put")));
    assert_true(gw_cors_allows_method(&all, GW_SLICE("POST")));
}

static void headers_must_all_be_allowed(void **state)
{
    (void)state;
    struct gw_string headers[] = {{.text = "content-type"}, {.text = "X-Tenant"}};
    struct gw_config_cors cors = {.headers = list_of(headers, COUNT(headers))};
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("content-type")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("x-tenant,content-type")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("Content-Type , x-tenant")));
    assert_false(gw_cors_allows_headers(&cors, GW_SLICE("content-type,x-other")));
    assert_false(gw_cors_allows_headers(&cors, GW_SLICE("content-typ")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("content-type,,x-tenant")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE(" , content-type ,\t, ")));
    assert_false(gw_cors_allows_headers(&cors, GW_SLICE("content-type,,x-other")));
}

static void any_header_is_any_name(void **state)
{
    (void)state;
    const struct gw_config_cors cors = {.any_header = true};
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE("authorization,x-1")));
    assert_false(gw_cors_allows_headers(&cors, GW_SLICE("a b")));
    assert_false(gw_cors_allows_headers(&cors, GW_SLICE("a,\"b\"")));
    assert_true(gw_cors_allows_headers(&cors, GW_SLICE(",")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_compared_whole),
        cmocka_unit_test(a_star_stands_for_one_label),
        cmocka_unit_test(any_origin_may_be_allowed),
        cmocka_unit_test(methods_are_those_listed_or_all),
        cmocka_unit_test(headers_must_all_be_allowed),
        cmocka_unit_test(any_header_is_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
