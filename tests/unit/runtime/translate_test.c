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
                   "  - {annotations: library.v1.Depot, upstream: library}\n"
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

static int translate(const struct gw_translate_request *r, gw_pool *pool,
                     const struct gw_route **ret_route, struct gw_slice *ret_framed,
                     struct gw_failure *ret_failure)
{
    struct gw_route_match match;
    if (gw_snapshot_route(library.snapshot, r, pool, &match, ret_failure) != 0)
        return -1;
    *ret_route = match.value;
    return gw_route_translate(&match, r, pool, ret_framed, ret_failure);
}

/* `expected` is "HTTP STATUS code CODE: message", with " allow: NAMES" and " route: TEMPLATE" where
 * there are any. */
static void assert_fails(struct gw_translate_request r, const char *expected)
{
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    const struct gw_route *route;
    struct gw_slice framed;
    struct gw_failure f;
    assert_int_equal(translate(&r, &pool, &route, &framed, &f), -1);
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
    const struct gw_route *route;
    struct gw_slice found;
    struct gw_failure f;
    if (translate(&r, &pool, &route, &found, &f) != 0)
        fail_msg("%.*s", GW_SLICE_ARG(f.message));
    assert_int_equal(found.len, size);
    assert_memory_equal(found.base, framed, size);
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

/* The framed messages of the body in hexadecimal with `|` behind each, and then the failure. */
static void assert_messages(struct gw_translate_request r, const char *expected)
{
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_route_match match;
    struct gw_message_source source;
    struct gw_failure f;
    struct gw_error error;
    struct gw_slice text;
    struct gw_buf message = gw_buf_in_pool(&pool), all = gw_buf_in_pool(&pool);
    assert_int_equal(gw_snapshot_route(library.snapshot, &r, &pool, &match, &f), 0);
    assert_true(gw_route_takes_messages(match.value));
    int rc = gw_route_message_source(&match, &r, &pool, &source, &f);
    struct gw_json_split split;
    gw_json_split_init(&split, rc == 0 ? source.form : GW_JSON_SPLIT_LINES, 100);
    while (rc == 0) {
        int found = gw_json_split_next(&split, &r.body, &text, &error);
        if (found == GW_JSON_SPLIT_MORE)
            found = gw_json_split_end(&split, &text, &error);
        if (found == GW_JSON_SPLIT_MORE)
            break;
        if (found < 0)
            gw_route_split_failure(&source, &error, &pool, &f);
        rc = found < 0 ? -1
                       : gw_route_translate_message(&source, split.number, split.begins, text,
                                                    &pool, &message, &f);
        for (size_t i = 0; rc == 0 && i < message.len; i++)
            gw_buf_printf(&all, "%02x", (unsigned char)message.base[i]);
        if (rc == 0)
            gw_buf_append_byte(&all, '|');
    }
    gw_json_split_dispose(&split);
    if (rc != 0)
        gw_buf_printf(&all, "%d code %d: %.*s", f.http_status, f.code, GW_SLICE_ARG(f.message));
    assert_string_equal(gw_buf_terminate(&all), expected);
    h2o_mem_clear_pool(&pool);
}

static void each_message_of_a_body_is_translated_like_a_request(void **state)
{
    (void)state;
    const char *path = "/v1/depots/7/books", *json = "application/json";
    const char *expected = "000000000812030a01310a0137|000000000812030a01320a0137|";
    assert_messages(request("POST", path, "", json, "[{\"id\":\"1\"},{\"id\":\"2\"}]"), expected);
    assert_messages(request("POST", path, "", json, "{\"id\":\"1\"}\n{\"id\":\"2\"}"), expected);
    assert_messages(
        request("POST", path, "", "application/x-ndjson", "{\"id\":\"1\"}\n{\"id\":\"2\"}"),
        expected);
    assert_messages(request("POST", path, "dry_run=true", json, "[{}]"),
                    "000000000712000a01371801|");
    assert_messages(request("POST", path, "", json, ""), "");
    assert_messages(request("POST", path, "", "", ""), "");
}

static void errors_name_the_message_and_its_place(void **state)
{
    (void)state;
    const char *path = "/v1/depots/7/books";
    assert_messages(
        request("POST", path, "", "application/x-ndjson", "{}\n\n  {\"id\":5}\n"),
        "000000000512000a0137|400 code 3: message 2: book.id: expected a string, found 5 "
        "(line 3, column 9)");
    assert_messages(request("POST", path, "", "application/json", "[{},\n{\"id\" 5}]"),
                    "000000000512000a0137|400 code 3: message 2: book: expected ':', found 5 "
                    "(line 2, column 7)");
    assert_messages(request("POST", path, "", "application/json", "[{},]"),
                    "000000000512000a0137|400 code 3: expected a message, found ']' "
                    "(line 1, column 5)");
    assert_messages(request("POST", path, "nothing=1", "application/json", "[{}]"),
                    "400 code 3: message 1: query parameter \"nothing\": "
                    "library.v1.CreateBookRequest has no field \"nothing\"");
}

static void a_message_over_the_limit_is_413(void **state)
{
    (void)state;
    char body[128];
    snprintf(body, sizeof(body), "[\"%099d\"]", 0);
    assert_messages(request("POST", "/v1/depots/7/books", "", "application/json", body),
                    "413 code 8: message 1 has over 100 bytes (line 1, column 2)");
}

static void messages_are_json_or_lines_of_it(void **state)
{
    (void)state;
    const char *path = "/v1/depots/7/books";
    assert_messages(request("POST", path, "", "text/plain", "{}"),
                    "415 code 3: content-type \"text/plain\", expected application/x-ndjson or "
                    "application/json");
    assert_messages(request("POST", path, "", "", "{}"),
                    "415 code 3: a body without content-type, expected application/x-ndjson or "
                    "application/json");
    assert_messages(request("POST", path, "", "Application/X-NDJSON; charset=utf-8", "{}"),
                    "000000000512000a0137|");
}

static void without_a_body_in_the_route_there_is_one_message(void **state)
{
    (void)state;
    assert_translates(request("GET", "/v1/depots/7/books", "", "", ""), "\0\0\0\0\3\x0a\x01\x37",
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
        const struct gw_route *route;
        struct gw_slice framed;
        struct gw_failure f;
        assert_int_equal(translate(&r, &pool, &route, &framed, &f), -1);
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
        cmocka_unit_test(each_message_of_a_body_is_translated_like_a_request),
        cmocka_unit_test(errors_name_the_message_and_its_place),
        cmocka_unit_test(a_message_over_the_limit_is_413),
        cmocka_unit_test(messages_are_json_or_lines_of_it),
        cmocka_unit_test(without_a_body_in_the_route_there_is_one_message),
        cmocka_unit_test(a_body_must_be_json),
        cmocka_unit_test(a_body_that_is_not_wanted_is_400),
        cmocka_unit_test(what_does_not_fit_is_400),
        cmocka_unit_test(a_path_that_cannot_be_decoded_is_400),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
