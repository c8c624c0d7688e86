#include "frontend/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct gw_descriptor_shares share(const struct gw_descriptor_needs *needs)
{
    struct gw_descriptor_shares shares;
    assert_int_equal(gw_descriptors_share(needs, &shares), 0);
    return shares;
}

static void clients_have_what_they_want_where_there_is_enough(void **state)
{
    (void)state;
    struct gw_descriptor_needs needs = {
        .limit = 1 << 20, .fixed = 50, .upstreams = 400, .connections = 10000, .has_files = true};
    struct gw_descriptor_shares shares = share(&needs);
    assert_int_equal(shares.connections, 10000);
    assert_int_equal(shares.files, (1 << 20) - 50 - 64 - 400 - 10000);
    assert_int_equal(shares.admin, 32);
    assert_int_equal(shares.from, (1 << 20) - 64 - 400);
}

static void clients_get_what_is_left(void **state)
{
    (void)state;
    struct gw_descriptor_needs needs = {
        .limit = 1024, .fixed = 60, .upstreams = 100, .connections = 10000};
    assert_int_equal(share(&needs).connections, 1024 - 60 - 64 - 100);
    needs.has_files = true;
    assert_int_equal(share(&needs).connections, 600);
    assert_int_equal(share(&needs).files, 200);
}

static void endpoints_take_half_at_most(void **state)
{
    (void)state;
    struct gw_descriptor_needs needs = {
        .limit = 1024, .fixed = 60, .upstreams = 100000, .connections = 10000};
    assert_int_equal(share(&needs).connections, 450);
    assert_int_equal(share(&needs).from, 60 + 450);
}

static void too_few_are_told(void **state)
{
    (void)state;
    struct gw_descriptor_needs needs = {
        .limit = 33, .fixed = 26, .upstreams = 8, .connections = 10000};
    struct gw_descriptor_shares shares = {.admin = 7};
    assert_int_equal(gw_descriptors_share(&needs, &shares), 34);
    assert_int_equal(shares.admin, 7);
    needs.limit = 0;
    assert_int_equal(gw_descriptors_share(&needs, &shares), 34);
}

static void everybody_has_a_share_and_all_fit(void **state)
{
    (void)state;
    for (uint64_t limit = 34; limit < 5000; limit++) {
        struct gw_descriptor_needs needs = {.limit = limit,
                                            .fixed = 26,
                                            .upstreams = limit % 700,
                                            .connections = 1 + limit % 3000,
                                            .has_files = limit % 2};
        struct gw_descriptor_shares shares = share(&needs);
        uint64_t reserve_and_upstreams = limit - shares.from;
        assert_in_range(shares.connections, 1, needs.connections);
        assert_true(shares.admin >= 1 && 2 * shares.admin <= reserve_and_upstreams);
        assert_true(needs.fixed + shares.connections + (needs.has_files ? shares.files : 0) <=
                    shares.from);
        assert_true(shares.connections == needs.connections ||
                    needs.fixed + shares.connections + shares.files == shares.from);
    }
}

static void a_configuration_needs_what_its_parts_do(void **state)
{
    (void)state;
    struct gw_config_listener listeners[2] = {0};
    struct gw_config_upstream upstreams[2] = {
        {.endpoint_count = 3, .pool.max_size = 4},
        {.endpoint_count = 1, .pool.max_size = 10},
    };
    struct gw_config_route routes[2] = {0};
    struct gw_config config = {
        .listeners = listeners,
        .listener_count = 2,
        .upstreams = upstreams,
        .upstream_count = 2,
        .routes = routes,
        .route_count = 2,
        .limits.connections = 77,
    };
    struct gw_descriptor_needs one = gw_descriptors_need(&config, 1, 3, 1000);
    struct gw_descriptor_needs two = gw_descriptors_need(&config, 2, 3, 1000);
    assert_int_equal(one.limit, 1000);
    assert_int_equal(one.connections, 77);
    assert_int_equal(one.upstreams, 22);
    assert_int_equal(two.upstreams, 44);
    assert_int_equal(two.fixed - one.fixed, 5 + 2);
    assert_false(one.has_files);
    routes[1].files.text = "/srv";
    config.admin_address.text = "127.0.0.1:9090";
    config.access_log.enabled = true;
    struct gw_descriptor_needs more = gw_descriptors_need(&config, 1, 3, 1000);
    assert_true(more.has_files);
    assert_int_equal(more.fixed - one.fixed, 3 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_have_what_they_want_where_there_is_enough),
        cmocka_unit_test(clients_get_what_is_left),
        cmocka_unit_test(endpoints_take_half_at_most),
        cmocka_unit_test(too_few_are_told),
        cmocka_unit_test(everybody_has_a_share_and_all_fit),
        cmocka_unit_test(a_configuration_needs_what_its_parts_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
