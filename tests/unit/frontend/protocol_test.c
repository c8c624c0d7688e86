#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frontend/protocol.h"

static void the_content_type_tells_the_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum gw_protocol protocol;
        const char *codec;
    } cases[] = {
        {"application/grpc", GW_PROTOCOL_GRPC, ""},
        {"application/grpc+proto", GW_PROTOCOL_GRPC, "+proto"},
        {"application/grpc;charset=utf-8", GW_PROTOCOL_GRPC, ""},
        {"Application/gRPC+json ; a=b", GW_PROTOCOL_GRPC, "+json"},
        {"application/grpc-web", GW_PROTOCOL_GRPC_WEB, ""},
        {"application/grpc-web+proto", GW_PROTOCOL_GRPC_WEB, "+proto"},
        {"application/grpc-web-text", GW_PROTOCOL_GRPC_WEB_TEXT, ""},
        {"application/grpc-web-text+proto", GW_PROTOCOL_GRPC_WEB_TEXT, "+proto"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_slice codec;
        assert_int_equal(gw_protocol_of(gw_slice_str(cases[i].type), &codec), cases[i].protocol);
        assert_true(gw_slice_eq(codec, gw_slice_str(cases[i].codec)));
    }
}

static void everything_else_is_rest(void **state)
{
    (void)state;
    static const char *const types[] = {
        "",
        "application/json",
        "application/x-ndjson",
        "application/grp",
        "application/grpcweb",
        "application/grpc-web-tex",
        "application/grpc-web-texts",
        "application/grpc-",
        "text/grpc",
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct gw_slice codec;
        assert_int_equal(gw_protocol_of(gw_slice_str(types[i]), &codec), GW_PROTOCOL_REST);
    }
}

static enum gw_protocol accepted(const char *accept)
{
    return gw_protocol_accepted(gw_slice_str(accept), GW_PROTOCOL_GRPC_WEB);
}

static void the_answers_form_is_the_first_that_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(accepted(""), GW_PROTOCOL_GRPC_WEB);
    assert_int_equal(accepted("*/*"), GW_PROTOCOL_GRPC_WEB);
    assert_int_equal(accepted("application/grpc-web-text"), GW_PROTOCOL_GRPC_WEB_TEXT);
    assert_int_equal(accepted("text/html, application/grpc-web-text;q=0.5"),
                     GW_PROTOCOL_GRPC_WEB_TEXT);
    assert_int_equal(accepted("application/grpc-web+proto,application/grpc-web-text"),
                     GW_PROTOCOL_GRPC_WEB);
    assert_int_equal(accepted("application/grpc"), GW_PROTOCOL_GRPC_WEB);
    assert_int_equal(accepted(",,,"), GW_PROTOCOL_GRPC_WEB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_content_type_tells_the_protocol),
        cmocka_unit_test(everything_else_is_rest),
        cmocka_unit_test(the_answers_form_is_the_first_that_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
