#include "frontend/peer.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct gw_config *load(const char *proxies)
{
    char text[512];
    struct gw_diagnostics errors = {0};
    snprintf(text, sizeof(text), "listen: [{address: a:1}]\n%s", proxies);
    struct gw_config *config = gw_config_parse("f", gw_slice_str(text), &errors);
    assert_non_null(config);
    return config;
}

static struct gw_peer peer_of(int family, const char *text, const struct gw_config *config)
{
    struct gw_peer peer;
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.sa = {.sa_family = (sa_family_t)family}};
    void *to = family == AF_INET ? (void *)&address.v4.sin_addr : (void *)&address.v6.sin6_addr;
    assert_int_equal(inet_pton(family, text, to), 1);
    gw_peer_init(&peer, &address.sa, config);
    return peer;
}

static void assert_text(int family, const char *text, const char *expected)
{
    struct gw_config *config = load("");
    struct gw_peer peer = peer_of(family, text, config);
    assert_string_equal(peer.text, expected);
    assert_int_equal(gw_peer_text(&peer).len, strlen(expected));
    assert_false(peer.is_trusted_proxy);
    gw_config_destroy(config);
}

static void addresses_are_written_as_people_do(void **state)
{
    (void)state;
    assert_text(AF_INET, "192.0.2.1", "192.0.2.1");
    assert_text(AF_INET6, "2001:db8::1", "2001:db8::1");
    assert_text(AF_INET6, "::1", "::1");
    assert_text(AF_INET6, "::ffff:192.0.2.1", "192.0.2.1");
    assert_text(AF_INET6, "1111:2222:3333:4444:5555:6666:7777:8888",
                "1111:2222:3333:4444:5555:6666:7777:8888");
}

static void what_is_no_ip_address_has_no_text(void **state)
{
    (void)state;
    struct gw_config *config = load("trusted_proxies: [0.0.0.0/0]\n");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct gw_peer peer;
    gw_peer_init(&peer, (struct sockaddr *)&address, config);
    assert_int_equal(gw_peer_text(&peer).len, 0);
    assert_false(peer.is_trusted_proxy);
    gw_config_destroy(config);
}

static void trusted_proxies_are_known(void **state)
{
    (void)state;
    struct gw_config *config = load("trusted_proxies: [10.0.0.0/8, '2001:db8::/32', 192.0.2.7]\n");
    assert_true(peer_of(AF_INET, "10.1.2.3", config).is_trusted_proxy);
    assert_true(peer_of(AF_INET6, "::ffff:10.1.2.3", config).is_trusted_proxy);
    assert_true(peer_of(AF_INET6, "2001:db8:1::1", config).is_trusted_proxy);
    assert_true(peer_of(AF_INET, "192.0.2.7", config).is_trusted_proxy);
    assert_false(peer_of(AF_INET, "192.0.2.8", config).is_trusted_proxy);
    assert_false(peer_of(AF_INET6, "2001:db9::1", config).is_trusted_proxy);
    gw_config_destroy(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_people_do),
        cmocka_unit_test(what_is_no_ip_address_has_no_text),
        cmocka_unit_test(trusted_proxies_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
