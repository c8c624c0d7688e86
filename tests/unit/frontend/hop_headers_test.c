#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "frontend/hop_headers.h"

static void lists_are_read_without_their_empty_elements(void **state)
{
    (void)state;
    struct gw_slice list = GW_SLICE(" ,, a ,\tb c,,d,\t, "), element;
    assert_true(gw_http_list_next(&list, &element));
    assert_true(gw_slice_eq(element, GW_SLICE("a")));
    assert_true(gw_http_list_next(&list, &element));
    assert_true(gw_slice_eq(element, GW_SLICE("b c")));
    assert_true(gw_http_list_next(&list, &element));
    assert_true(gw_slice_eq(element, GW_SLICE("d")));
    assert_false(gw_http_list_next(&list, &element));
    list = GW_SLICE("");
    assert_false(gw_http_list_next(&list, &element));
}

static size_t named_by(const char *options)
{
    size_t count = 0;
    assert_null(gw_hop_check(gw_slice_str(options), &count));
    return count;
}

static void what_is_about_the_connection_names_no_header(void **state)
{
    (void)state;
    assert_int_equal(named_by(""), 0);
    assert_int_equal(named_by("close"), 0);
    assert_int_equal(named_by("Keep-Alive, ,Upgrade,, TE"), 0);
    assert_int_equal(named_by("keep-alive, x-tenant"), 1);
    assert_int_equal(named_by("x-a,x-b , x-c"), 3);
}

static void what_is_meant_for_all_cannot_be_named(void **state)
{
    (void)state;
    static const char *const names[] = {
        "authorization",
        "Authorization",
        "cookie",
        "origin",
        "host",
        "Content-Length",
        "transfer-encoding",
        "content-type",
        "x-api-key",
        "x-forwarded-for",
        "X-Forwarded-Proto",
        "x-forwarded-client-cert",
        "forwarded",
        "x-real-ip",
        "x-request-id",
        "traceparent",
        "X-B3-TraceId",
        "sec-websocket-key",
        "Sec-Fetch-Site",
        "grpc-timeout",
        "grpc-metadata-x-user",
        "access-control-request-method",
        "expect",
        "if-match",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t count = 0;
        char options[80];
        snprintf(options, sizeof(options), "close, %s", names[i]);
        assert_string_equal(gw_hop_check(gw_slice_str(options), &count),
                            "Connection names a header that is meant for all");
    }
}

static void options_are_tokens_and_not_too_many(void **state)
{
    (void)state;
    size_t count = 0;
    assert_string_equal(gw_hop_check(GW_SLICE("close; x"), &count),
                        "a Connection option that is no token");
    assert_null(gw_hop_check(GW_SLICE("a,b,c,d,e,f,g,h"), &count));
    assert_null(gw_hop_check(GW_SLICE("a,b,c,d,e,f,g,h"), &count));
    assert_string_equal(gw_hop_check(GW_SLICE("a"), &count), "Connection names too many headers");
}

static void add(h2o_req_t *req, const char *name, const char *value)
{
    h2o_add_header_by_str(&req->pool, &req->headers, name, strlen(name), 1, NULL, value,
                          strlen(value));
}

static void named_headers_are_removed(void **state)
{
    (void)state;
    h2o_req_t req = {0};
    h2o_mem_init_pool(&req.pool);
    add(&req, "x-tenant", "1");
    add(&req, "connection", "close, X-Tenant");
    add(&req, "x-tenants", "2");
    add(&req, "x-tenant", "3");
    add(&req, "connection", ",accept");
    add(&req, "accept", "*/*");
    add(&req, "x-last", "4");
    gw_hop_headers_remove(&req);
    assert_int_equal(req.headers.size, 4);
    assert_memory_equal(req.headers.entries[1].value.base, "2", 1);
    assert_memory_equal(req.headers.entries[3].value.base, "4", 1);
    h2o_mem_clear_pool(&req.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read_without_their_empty_elements),
        cmocka_unit_test(what_is_about_the_connection_names_no_header),
        cmocka_unit_test(what_is_meant_for_all_cannot_be_named),
        cmocka_unit_test(options_are_tokens_and_not_too_many),
        cmocka_unit_test(named_headers_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
