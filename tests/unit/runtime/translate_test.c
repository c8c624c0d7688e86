#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "load.h"

static struct loaded library;

static int setup(void **state)
{
    (void)state;
    library = load("routes:\n"
                   "  - {annotations: library.v1.Library, upstream: library}\n"
                   "  - match: GET /v1/*/covers/{text}\n"
                   "    grpc: library.v1.Library/Search\n"
                   "    upstream: archive\n");
    if (library.snapshot == NULL)
        fail_msg("%s", library.errors);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unload(&library);
    return 0;
}

static struct gw_translate_request request(const char *method, const char *path, const char *query,
                                           const char *content_type, const char *body)
{
    return (struct gw_translate_request){gw_slice_str(method), gw_slice_str(path),
                                         gw_slice_str(query), gw_slice_str(content_type),
                                         gw_slice_str(body)};
}

/* `expected` is "HTTP STATUS code CODE: message", with " allow: NAMES" and " route: TEMPLATE" where
 * there are any. */
static void assert_fails(struct gw_translate_request r, const char *expected)
{
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_translation translation;
    struct gw_failure f;
    assert_int_equal(gw_snapshot_translate(library.snapshot, &r, &pool, &translation, &f), -1);
    struct gw_buf text = gw_buf_in_pool(&pool);
    gw_buf_printf(&text, "%d code %d: %.*s", f.http_status, f.code, GW_SLICE_ARG(f.message));
    if (f.allow.len > 0)
        gw_buf_printf(&text, " allow: %.*s", GW_SLICE_ARG(f.allow));
    if (f.route != NULL)
        gw_buf_printf(&text, " route: %.*s", GW_SLICE_ARG(f.route->template));
    assert_string_equal(gw_buf_terminate(&text), expected);
    h2o_mem_clear_pool(&pool);
}

static void assert_translates(struct gw_translate_request r, const char *framed, size_t size)
{
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_translation t;
    struct gw_failure f;
    if (gw_snapshot_translate(library.snapshot, &r, &pool, &t, &f) != 0)
        fail_msg("%.*s", GW_SLICE_ARG(f.message));
    assert_int_equal(t.framed.len, size);
    assert_memory_equal(t.framed.base, framed, size);
    assert_non_null(t.route);
    h2o_mem_clear_pool(&pool);
}

static void the_message_is_framed(void **state)
{
    (void)state;
    assert_translates(request("GET", "/v1/shelves/1/books/2", "", "", ""),
                      "\0\0\0\0\x13\x0a\x11shelves/1/books/2", 24);
    assert_translates(request("PUT", "/v1/books/7", "", "application/json", "{\"title\":\"x\"}"),
                      "\0\0\0\0\x06\x12\x01x\x0a\x01\x37", 11);
    assert_translates(request("GET", "/v1/books:search", "", "", ""), "\0\0\0\0\0", 5);
}

static void an_unknown_path_is_404(void **state)
{
    (void)state;
    assert_fails(request("GET", "/nothing", "", "", ""), "404 code 5: no such path");
    assert_fails(request("OPTIONS", "*", "", "", ""), "404 code 5: no such path");
    assert_fails(request("GET", "/v1/books/7/", "", "", ""),
                 "405 code 12: the method is not allowed for this path, expected PURGE allow: "
                 "PURGE");
}

static void only_other_methods_are_405(void **state)
{
    (void)state;
    assert_fails(request("DELETE", "/v1/books/7", "", "", ""),
                 "405 code 12: the method is not allowed for this path, expected PUT, PATCH, PURGE "
                 "allow: PUT, PATCH, PURGE");
    assert_fails(request("HEAD", "/v1/shelves/1/books/2", "", "", ""),
                 "405 code 12: the method is not allowed for this path, expected GET, PURGE allow: "
                 "GET, PURGE");
}

static void a_method_that_streams_its_answer_is_asked_like_any_other(void **state)
{
    (void)state;
    assert_translates(request("GET", "/v1/books:watch", "text=x", "", ""), "\0\0\0\0\3\x0a\x01x",
                      8);
}

static void a_body_must_be_json(void **state)
{
    (void)state;
    const char *path = "/v1/books/7";
    assert_fails(request("PUT", path, "", "text/plain", "{}"),
                 "415 code 3: content-type \"text/plain\", expected application/json route: "
                 "/v1/books/{id}");
    assert_fails(request("PUT", path, "", "", "{}"),
                 "415 code 3: a body without content-type, expected application/json route: "
                 "/v1/books/{id}");
    static const char *const others[] = {"application/jsonx",
                                         "application/",
                                         "application/+json",
                                         "text/json",
                                         "json",
                                         "application/x-www-form-urlencoded",
                                         "application/json+xml",
                                         ";application/json"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        gw_pool pool;
        h2o_mem_init_pool(&pool);
        struct gw_translate_request r = request("PUT", path, "", others[i], "{}");
        struct gw_translation t;
        struct gw_failure f;
        assert_int_equal(gw_snapshot_translate(library.snapshot, &r, &pool, &t, &f), -1);
        assert_int_equal(f.http_status, 415);
        h2o_mem_clear_pool(&pool);
    }
    static const char *const json[] = {"application/json", "Application/JSON; charset=utf-8",
                                       "application/merge-patch+json", " application/json ;x=y"};
    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
        assert_translates(request("PUT", path, "", json[i], "{}"), "\0\0\0\0\x03\x0a\x01\x37", 8);
    /* Without a body, its type does not matter. */
    assert_translates(request("PUT", path, "", "text/plain", ""), "\0\0\0\0\x03\x0a\x01\x37", 8);
}

static void a_body_that_is_not_wanted_is_400(void **state)
{
    (void)state;
    assert_fails(request("GET", "/v1/books:search", "", "text/plain", "x"),
                 "400 code 3: GET /v1/books:search takes no request body route: /v1/books:search");
}

static void what_does_not_fit_is_400(void **state)
{
    (void)state;
    assert_fails(request("GET", "/v1/books:search", "pageSize=ten", "", ""),
                 "400 code 3: query parameter \"pageSize\": expected an integer, found \"ten\" "
                 "route: /v1/books:search");
}

static void a_path_that_cannot_be_decoded_is_400(void **state)
{
    (void)state;
    assert_fails(request("GET", "/nothing/%zz", "", "", ""),
                 "400 code 3: path: expected two hexadecimal digits after '%' (character 10)");
    assert_fails(request("PUT", "/v1/books/%4", "", "", ""),
                 "400 code 3: path variable \"id\": expected two hexadecimal digits after '%' "
                 "(character 1) route: /v1/books/{id}");
    assert_fails(request("GET", "/v1/%q/covers/x", "", "", ""),
                 "400 code 3: path: expected two hexadecimal digits after '%' (character 5) route: "
                 "/v1/*/covers/{text}");
    assert_translates(request("GET", "/v1/%20/covers/%41", "", "", ""), "\0\0\0\0\x03\x0a\x01\x41",
                      8);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    build_root = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_is_framed),
        cmocka_unit_test(an_unknown_path_is_404),
        cmocka_unit_test(only_other_methods_are_405),
        cmocka_unit_test(a_method_that_streams_its_answer_is_asked_like_any_other),
        cmocka_unit_test(a_body_must_be_json),
        cmocka_unit_test(a_body_that_is_not_wanted_is_400),
        cmocka_unit_test(what_does_not_fit_is_400),
        cmocka_unit_test(a_path_that_cannot_be_decoded_is_400),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
