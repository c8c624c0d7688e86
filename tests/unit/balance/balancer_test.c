/* What every strategy must do; a new one is tested as soon as it is in the array. */
#include "support.h"

static const struct gw_balancer_ops *strategy;

static void strategies_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; gw_balancers[i] != NULL; i++)
        assert_ptr_equal(gw_balancer_find(gw_slice_str(gw_balancers[i]->name)), gw_balancers[i]);
    assert_non_null(gw_balancer_find(GW_SLICE("round_robin")));
    assert_non_null(gw_balancer_find(GW_SLICE("random")));
    assert_non_null(gw_balancer_find(GW_SLICE("weighted")));
    assert_null(gw_balancer_find(GW_SLICE("round")));
    assert_null(gw_balancer_find(GW_SLICE("Random")));
    assert_null(gw_balancer_find(GW_SLICE("")));
}

static void required_slots_are_filled(void **state)
{
    (void)state;
    for (size_t i = 0; gw_balancers[i] != NULL; i++) {
        const struct gw_balancer_ops *ops = gw_balancers[i];
        assert_true(ops->name && ops->create && ops->pick && ops->endpoints_changed &&
                    ops->destroy);
    }
    gw_balancer_destroy(NULL);
}

/* Endpoints come and go, calls try more and more of them: what is picked may be picked, and none is
 * said only when none is left. */
static void only_eligible_untried_endpoints_are_picked(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    for (int round = 0; round < 50; round++) {
        size_t count = gw_random_below(round % 5 == 0 ? MAX_ENDPOINTS : 12);
        uint32_t workers = 1 + gw_random_below(8);
        make_endpoints(endpoints, count, 100);
        struct gw_balancer *b = strategy->create(
            endpoints, count,
            gw_balancer_first(count, (uint32_t)gw_random_u64(), gw_random_below(workers), workers));
        for (int call = 0; call < 50; call++) {
            size_t left = 0;
            for (size_t i = 0; i < count; i++) {
                endpoints[i].is_eligible = gw_random_below(4) != 0;
                left += endpoints[i].is_eligible;
            }
            gw_balancer_endpoints_changed(b, endpoints, count);
            uint64_t tried[MAX_ENDPOINTS / 64] = {0};
            const struct gw_pick pick = {.tried = tried};
            for (int endpoint; (endpoint = gw_balancer_pick(b, &pick)) != GW_BALANCER_NONE;) {
                assert_in_range(endpoint, 0, count - 1);
                assert_true(endpoints[endpoint].is_eligible);
                assert_false(gw_pick_was_tried(&pick, (size_t)endpoint));
                gw_balancer_began(b, (size_t)endpoint);
                gw_balancer_ended(b, (size_t)endpoint, 1000, true);
                set_tried(tried, (size_t)endpoint);
                left--;
            }
            assert_int_equal(left, 0);
        }
        gw_balancer_destroy(b);
    }
}

static void without_endpoints_there_is_none(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[2] = {{1, false}, {1, false}};
    struct gw_balancer *b = strategy->create(endpoints, 0, 0);
    assert_int_equal(gw_balancer_pick(b, &first_pick), GW_BALANCER_NONE);
    gw_balancer_endpoints_changed(b, endpoints, 2);
    assert_int_equal(gw_balancer_pick(b, &first_pick), GW_BALANCER_NONE);
    endpoints[1].is_eligible = true;
    gw_balancer_endpoints_changed(b, endpoints, 2);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 1);
    gw_balancer_endpoints_changed(b, endpoints, 0);
    assert_int_equal(gw_balancer_pick(b, &first_pick), GW_BALANCER_NONE);
    gw_balancer_destroy(b);
}

static void the_set_may_grow_and_shrink(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    make_endpoints(endpoints, MAX_ENDPOINTS, 1000);
    struct gw_balancer *b = strategy->create(endpoints, 7, 4);
    for (int round = 0; round < 300; round++) {
        size_t count = gw_random_below(MAX_ENDPOINTS + 1);
        gw_balancer_endpoints_changed(b, endpoints, count);
        for (int i = 0; i < 20; i++) {
            int endpoint = gw_balancer_pick(b, &first_pick);
            assert_true(count == 0 ? endpoint == GW_BALANCER_NONE
                                   : endpoint >= 0 && (size_t)endpoint < count);
        }
    }
    gw_balancer_destroy(b);
}

/* Calls in which one endpoint always fails: the others share its retries, and first picks stay
 * even; to five standard deviations, for where it is chance. */
static void retries_of_a_failing_endpoint_are_spread_over_the_others(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[4] = {{5, true}, {5, true}, {5, true}, {5, true}};
    struct gw_balancer *b = strategy->create(endpoints, 4, 0);
    size_t firsts[4] = {0}, retries[4] = {0};
    for (int call = 0; call < 12000; call++) {
        int endpoint = gw_balancer_pick(b, &first_pick);
        firsts[endpoint]++;
        if (endpoint != 1)
            continue;
        uint64_t tried = 1 << 1;
        retries[gw_balancer_pick(b, &(struct gw_pick){.tried = &tried})]++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(magnitude((double)firsts[i] - 3000) <= 5 * 47.4);
        assert_true(i == 1 || magnitude((double)retries[i] - (double)firsts[1] / 3) <= 5 * 25.8);
    }
    assert_int_equal(retries[1], 0);
    gw_balancer_destroy(b);
}

int main(void)
{
    const struct CMUnitTest of_table[] = {
        cmocka_unit_test(strategies_are_found_by_name),
        cmocka_unit_test(required_slots_are_filled),
    };
    const struct CMUnitTest of_each[] = {
        cmocka_unit_test(only_eligible_untried_endpoints_are_picked),
        cmocka_unit_test(without_endpoints_there_is_none),
        cmocka_unit_test(the_set_may_grow_and_shrink),
        cmocka_unit_test(retries_of_a_failing_endpoint_are_spread_over_the_others),
    };
    int failed = cmocka_run_group_tests(of_table, NULL, NULL);
    for (size_t i = 0; gw_balancers[i] != NULL; i++) {
        strategy = gw_balancers[i];
        failed += cmocka_run_group_tests_name(strategy->name, of_each, NULL, NULL);
    }
    return failed;
}
