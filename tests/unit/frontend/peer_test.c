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

static void assert_client(const char *proxies, const char *peer, const char *list,
                          const char *expected)
{
    struct gw_config *config = load(proxies);
    struct gw_peer of = peer_of(AF_INET, peer, config);
    struct gw_slice client = gw_peer_client(&of, gw_slice_str(list), config);
    if (!gw_slice_eq(client, gw_slice_str(expected)))
        fail_msg("%s by %s: %.*s, expected %s", list, peer, GW_SLICE_ARG(client), expected);
    gw_config_destroy(config);
}

static void the_client_is_the_last_that_no_proxy_vouches_for(void **state)
{
    (void)state;
    static const char *const proxies = "trusted_proxies: [10.0.0.0/8, '2001:db8::/32']\n";
    assert_client(proxies, "10.0.0.1", "1.2.3.4", "1.2.3.4");
    assert_client(proxies, "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4");
    assert_client(proxies, "10.0.0.1", "6.6.6.6,1.2.3.4,10.0.0.7 ,\t10.9.9.9", "1.2.3.4");
    assert_client(proxies, "10.0.0.1", "6.6.6.6, 1.2.3.4, 2001:db8::7", "1.2.3.4");
    assert_client(proxies, "10.0.0.1", "2001:db9::7, 10.0.0.2", "2001:db9::7");
    assert_client(proxies, "10.0.0.1", "6.6.6.6, ::ffff:10.1.1.1", "6.6.6.6");
}

static void a_chain_of_proxies_alone_ends_with_the_first(void **state)
{
    (void)state;
    static const char *const proxies = "trusted_proxies: [10.0.0.0/8]\n";
    assert_client(proxies, "10.0.0.1", "", "10.0.0.1");
    assert_client(proxies, "10.0.0.1", "10.0.0.2", "10.0.0.2");
    assert_client(proxies, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3");
}

static void ports_are_passed_over(void **state)
{
    (void)state;
    static const char *const proxies = "trusted_proxies: [10.0.0.0/8]\n";
    assert_client(proxies, "10.0.0.1", "1.2.3.4:5678", "1.2.3.4");
    assert_client(proxies, "10.0.0.1", "[2001:db8::1]:80, 10.0.0.2:65535", "2001:db8::1");
}

static void what_is_no_address_ends_the_search(void **state)
{
    (void)state;
    static const char *const proxies = "trusted_proxies: [10.0.0.0/8]\n";
    static const char *const items[] = {"unknown",       "",           "a.example",       "1.2.3",
                                        "1.2.3.4:99999", "10.0.0.0/8", "1.2.3.4 5.6.7.8", "_hidden",
                                        "[::1"};
    for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
        char list[100];
        assert_client(proxies, "10.0.0.1", items[i], "10.0.0.1");
        snprintf(list, sizeof(list), "6.6.6.6, %s, 10.0.0.2", items[i]);
        assert_client(proxies, "10.0.0.1", list, "10.0.0.2");
    }
    assert_client(proxies, "10.0.0.1", ",,,", "10.0.0.1");
}

static void nobody_else_names_the_client(void **state)
{
    (void)state;
    assert_client("trusted_proxies: [10.0.0.0/8]\n", "192.0.2.1", "1.2.3.4", "192.0.2.1");
    assert_client("trusted_proxies: []\n", "192.0.2.1", "1.2.3.4", "192.0.2.1");
    assert_client("", "192.0.2.1", "1.2.3.4", "192.0.2.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_people_do),
        cmocka_unit_test(what_is_no_ip_address_has_no_text),
        cmocka_unit_test(trusted_proxies_are_known),
        cmocka_unit_test(the_client_is_the_last_that_no_proxy_vouches_for),
        cmocka_unit_test(a_chain_of_proxies_alone_ends_with_the_first),
        cmocka_unit_test(ports_are_passed_over),
        cmocka_unit_test(what_is_no_address_ends_the_search),
        cmocka_unit_test(nobody_else_names_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
