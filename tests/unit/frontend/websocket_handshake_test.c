#include "frontend/websocket_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

static void the_accept_key_is_that_of_the_rfc(void **state)
{
    (void)state;
    struct gw_buf out = GW_BUF_HEAP;
    gw_websocket_accept(GW_SLICE("dGhlIHNhbXBsZSBub25jZQ=="), &out); /* RFC 6455 section 1.3 */
    assert_string_equal(gw_buf_terminate(&out), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    gw_buf_dispose(&out);
}

static void a_key_is_sixteen_bytes(void **state)
{
    (void)state;
    assert_true(gw_websocket_is_key(GW_SLICE("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_false(gw_websocket_is_key(GW_SLICE("")));
    assert_false(gw_websocket_is_key(GW_SLICE("dGhlIHNhbXBsZSBub25jZQ")));
    assert_false(gw_websocket_is_key(GW_SLICE("dGhlIHNhbXBsZSBub25jZWQx")));
    assert_false(gw_websocket_is_key(GW_SLICE("!GhlIHNhbXBsZSBub25jZQ==")));
}

static void a_page_of_the_same_host_is_known_by_its_origin(void **state)
{
    (void)state;
    assert_true(gw_websocket_is_same_host(GW_SLICE("https://a.example"), GW_SLICE("a.example")));
    assert_true(gw_websocket_is_same_host(GW_SLICE("http://a:81"), GW_SLICE("A:81")));
    assert_false(gw_websocket_is_same_host(GW_SLICE("http://a:81"), GW_SLICE("a")));
    assert_false(gw_websocket_is_same_host(GW_SLICE("http://a.b"), GW_SLICE("a")));
    assert_false(gw_websocket_is_same_host(GW_SLICE("http://b.a"), GW_SLICE("a")));
    assert_false(gw_websocket_is_same_host(GW_SLICE("null"), GW_SLICE("null")));
    assert_false(gw_websocket_is_same_host(GW_SLICE("http://"), GW_SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_accept_key_is_that_of_the_rfc),
        cmocka_unit_test(a_key_is_sixteen_bytes),
        cmocka_unit_test(a_page_of_the_same_host_is_known_by_its_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
