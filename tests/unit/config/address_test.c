#include "config/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_parses(const char *text, const char *host, unsigned port)
{
    struct gw_slice ret_host;
    uint16_t ret_port;
    assert_int_equal(gw_address_parse(gw_slice_str(text), &ret_host, &ret_port), 0);
    assert_int_equal(ret_host.len, strlen(host));
    assert_memory_equal(ret_host.base, host, ret_host.len);
    assert_int_equal(ret_port, port);
}

static void assert_refused(const char *text)
{
    struct gw_slice host;
    uint16_t port;
    assert_int_equal(gw_address_parse(gw_slice_str(text), &host, &port), -1);
}

static void hosts_and_ports_are_taken_apart(void **state)
{
    (void)state;
    assert_parses("127.0.0.1:8080", "127.0.0.1", 8080);
    assert_parses("localhost:1", "localhost", 1);
    assert_parses("user-service-1.internal:65535", "user-service-1.internal", 65535);
    assert_parses("user_service:80", "user_service", 80);
    assert_parses("example.com.:80", "example.com.", 80);
    assert_parses("[::1]:8080", "::1", 8080);
    assert_parses("[::]:0", "::", 0);
    assert_parses("[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80);
}

static void ipv6_needs_brackets_and_nothing_else_has_them(void **state)
{
    (void)state;
    assert_refused("::1:8080");
    assert_refused("[::1:8080");
    assert_refused("::1]:8080");
    assert_refused("[127.0.0.1]:8080");
    assert_refused("[]:8080");
    assert_refused("[localhost]:8080");
}

static void a_port_has_one_to_five_digits_and_fits(void **state)
{
    (void)state;
    assert_refused("localhost");
    assert_refused("localhost:");
    assert_refused("localhost:http");
    assert_refused("localhost:-1");
    assert_refused("localhost:65536");
    assert_refused("localhost:000080");
    assert_refused("localhost: 80");
}

static void a_host_is_a_name_or_an_address(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused(":");
    assert_refused(":80");
    assert_refused("a b:80");
    assert_refused("-a:80");
    assert_refused("a..b:80");
    assert_refused(".a:80");
    assert_refused("http://a:80");
    assert_refused("256.0.0.1:80");
    assert_refused("1.2.3:80");
    assert_refused("12345:80");
}

static void labels_and_names_have_their_longest(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    memcpy(text + 63, ":80", 4);
    struct gw_slice host;
    uint16_t port;
    assert_int_equal(gw_address_parse(gw_slice_str(text), &host, &port), 0);
    memcpy(text + 63, "a:80", 5);
    assert_refused(text);
    for (size_t i = 0; i < 254; i++)
        text[i] = i % 2 ? '.' : 'a';
    memcpy(text + 253, ":80", 4);
    assert_int_equal(gw_address_parse(gw_slice_str(text), &host, &port), 0);
    memcpy(text + 253, ".:80", 5);
    assert_refused(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports_are_taken_apart),
        cmocka_unit_test(ipv6_needs_brackets_and_nothing_else_has_them),
        cmocka_unit_test(a_port_has_one_to_five_digits_and_fits),
        cmocka_unit_test(a_host_is_a_name_or_an_address),
        cmocka_unit_test(labels_and_names_have_their_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
