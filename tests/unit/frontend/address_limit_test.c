#include "frontend/address_limit.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct gw_peer peer_of(const char *address)
{
    struct gw_peer peer = {{0}};
    struct gw_network network;
    assert_int_equal(gw_network_parse(gw_slice_str(address), &network), 0);
    memcpy(peer.address, network.address, sizeof(peer.address));
    return peer;
}

static bool enters(struct gw_address_limit *limit, const char *address)
{
    struct gw_peer peer = peer_of(address);
    return gw_address_limit_enter(limit, &peer);
}

static void leave(struct gw_address_limit *limit, const char *address)
{
    struct gw_peer peer = peer_of(address);
    gw_address_limit_leave(limit, &peer);
}

static void each_address_has_its_own_places(void **state)
{
    (void)state;
    struct gw_address_limit *limit = gw_address_limit_create(2, 100);
    assert_true(enters(limit, "10.0.0.1"));
    assert_true(enters(limit, "10.0.0.1"));
    assert_false(enters(limit, "10.0.0.1"));
    assert_true(enters(limit, "10.0.0.2"));
    leave(limit, "10.0.0.1");
    assert_true(enters(limit, "10.0.0.1"));
    assert_false(enters(limit, "10.0.0.1"));
    gw_address_limit_destroy(limit);
}

static void ipv6_addresses_count_by_64_bits(void **state)
{
    (void)state;
    struct gw_address_limit *limit = gw_address_limit_create(2, 100);
    assert_true(enters(limit, "2001:db8::1"));
    assert_true(enters(limit, "2001:db8::ffff:1"));
    assert_false(enters(limit, "2001:db8::2"));
    assert_true(enters(limit, "2001:db8:0:1::2"));
    leave(limit, "2001:db8::3");
    assert_true(enters(limit, "2001:db8::4"));
    gw_address_limit_destroy(limit);
}

static void many_addresses_share_buckets_and_nothing_else(void **state)
{
    (void)state;
    struct gw_address_limit *limit = gw_address_limit_create(1, 1);
    char address[32];
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 2000; i++) {
            snprintf(address, sizeof(address), "10.1.%d.%d", i / 256, i % 256);
            assert_true(enters(limit, address));
            assert_false(enters(limit, address));
        }
        for (int i = 1999; i >= 0; i--) {
            snprintf(address, sizeof(address), "10.1.%d.%d", i / 256, i % 256);
            leave(limit, address);
        }
    }
    assert_true(enters(limit, "10.1.0.0"));
    gw_address_limit_destroy(limit);
}

static void a_trusted_proxy_has_no_limit(void **state)
{
    (void)state;
    struct gw_address_limit *limit = gw_address_limit_create(1, 100);
    struct gw_peer proxy = peer_of("10.0.0.1");
    proxy.is_trusted_proxy = true;
    for (int i = 0; i < 10; i++)
        assert_true(gw_address_limit_enter(limit, &proxy));
    gw_address_limit_leave(limit, &proxy);
    assert_true(enters(limit, "10.0.0.1"));
    gw_address_limit_destroy(limit);
}

static void without_a_limit_everybody_enters(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_true(enters(NULL, "10.0.0.1"));
    leave(NULL, "10.0.0.1");
    gw_address_limit_destroy(NULL);
}

static void *come_and_go(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        if (enters(arg, "10.0.0.1"))
            leave(arg, "10.0.0.1");
    }
    return NULL;
}

static void threads_may_come_and_go(void **state)
{
    (void)state;
    struct gw_address_limit *limit = gw_address_limit_create(3, 100);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, limit), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        assert_true(enters(limit, "10.0.0.1"));
    assert_false(enters(limit, "10.0.0.1"));
    gw_address_limit_destroy(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own_places),
        cmocka_unit_test(ipv6_addresses_count_by_64_bits),
        cmocka_unit_test(many_addresses_share_buckets_and_nothing_else),
        cmocka_unit_test(a_trusted_proxy_has_no_limit),
        cmocka_unit_test(without_a_limit_everybody_enters),
        cmocka_unit_test(threads_may_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
