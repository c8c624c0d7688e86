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
                   "  - {annotations: library.v1.Library, upstream: archive}\n"
                   "  - {annotations: library.v1.Depot, upstream: library}\n");
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

static void assert_explained(const char *request, const char *content_type, const char *body,
                             int result, const char *expected)
{
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_error error;
    gw_buf_append(&out, GW_SLICE("> "));
    assert_int_equal(gw_snapshot_explain(library.snapshot, gw_slice_str(request),
                                         gw_slice_str(content_type), gw_slice_str(body), &out,
                                         &error),
                     result);
    assert_string_equal(gw_buf_terminate(&out) + 2, expected);
    gw_buf_dispose(&out);
}

static void a_request_is_shown_with_its_message(void **state)
{
    (void)state;
    assert_explained("PATCH /v1/books/7", "", "{\"title\": \"x\"}", 0,
                     "{\"route\": \"PATCH /v1/books/{id}\", \"grpc\": "
                     "\"library.v1.Library/UpdateBook\", \"upstream\": \"archive\", \"message\": "
                     "{\"title\":\"x\",\"id\":\"7\"}}\n");
    assert_explained("GET /v1/books:search?text=a?b&pageSize=2", "", "", 0,
                     "{\"route\": \"GET /v1/books:search\", \"grpc\": "
                     "\"library.v1.Library/Search\", \"upstream\": \"archive\", \"message\": "
                     "{\"text\":\"a?b\",\"pageSize\":2}}\n");
}

static void a_stream_of_requests_is_shown_with_its_messages(void **state)
{
    (void)state;
#define IMPORT                                                                                     \
    "{\"route\": \"POST /v1/depots/{shelf}/books\", \"grpc\": \"library.v1.Depot/Import\""
    assert_explained("POST /v1/depots/a/books", "", "[{\"id\":\"1\"}, {}]", 0,
                     IMPORT ", \"upstream\": \"library\", \"messages\": "
                            "[{\"book\":{\"id\":\"1\"},\"shelf\":\"a\"}, "
                            "{\"book\":{},\"shelf\":\"a\"}]}\n");
    assert_explained("POST /v1/depots/a/books", "", "", 0,
                     IMPORT ", \"upstream\": \"library\", \"messages\": []}\n");
    assert_explained("POST /v1/depots/a/books", "", "[{}, 5]", 1,
                     IMPORT
                     ", \"status\": 400, \"error\": {\"code\":3,\"message\":\"message 2: "
                     "book: expected an object, found 5 (line 1, column 6)\",\"details\":[]}}\n");
    assert_explained("POST /v1/depots/a/books", "", "[{}", 1,
                     IMPORT
                     ", \"status\": 400, \"error\": {\"code\":3,\"message\":\"expected ',' "
                     "or ']', found the end of the text (line 1, column 4)\",\"details\":[]}}\n");
#undef IMPORT
}

static void a_refusal_is_shown_as_the_client_gets_it(void **state)
{
    (void)state;
    assert_explained("GET /v1/books:search?x=1", "", "", 1,
                     "{\"route\": \"GET /v1/books:search\", \"grpc\": "
                     "\"library.v1.Library/Search\", \"status\": 400, \"error\": {\"code\":3,"
                     "\"message\":\"query parameter \\\"x\\\": library.v1.SearchRequest has no "
                     "field \\\"x\\\"\",\"details\":[]}}\n");
    assert_explained("GET /nothing", "", "", 1,
                     "{\"status\": 404, \"error\": {\"code\":5,\"message\":\"no such path\","
                     "\"details\":[]}}\n");
    assert_explained("GET /v1/books/7", "", "", 1,
                     "{\"status\": 405, \"allow\": \"PUT, PATCH, PURGE\", \"error\": {\"code\":12,"
                     "\"message\":\"the method is not allowed for this path, expected PUT, PATCH, "
                     "PURGE\",\"details\":[]}}\n");
    assert_explained("PUT /v1/books/7", "text/plain", "{}", 1,
                     "{\"route\": \"PUT /v1/books/{id}\", \"grpc\": "
                     "\"library.v1.Library/UpdateBook\", \"status\": 415, \"error\": {\"code\":3,"
                     "\"message\":\"content-type \\\"text/plain\\\", expected application/json\","
                     "\"details\":[]}}\n");
}

static void what_is_no_request_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "GET", "GET ", "GET x", " /x", "GET /x HTTP/1.1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_explained(texts[i], "", "", -1, "");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    build_root = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_shown_with_its_message),
        cmocka_unit_test(a_stream_of_requests_is_shown_with_its_messages),
        cmocka_unit_test(a_refusal_is_shown_as_the_client_gets_it),
        cmocka_unit_test(what_is_no_request_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
