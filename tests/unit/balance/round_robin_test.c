#include "support.h"

static void endpoints_take_turns(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[3] = {{1, true}, {1, true}, {1, true}};
    struct gw_balancer *b = make_balancer("round_robin", endpoints, 3, 0, 1);
    for (int i = 0; i < 30; i++)
        assert_int_equal(gw_balancer_pick(b, &first_pick), i % 3);
    gw_balancer_destroy(b);
}

static void weights_do_not_matter(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[2] = {{1000000, true}, {1, true}};
    struct gw_balancer *b = make_balancer("round_robin", endpoints, 2, 0, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(gw_balancer_pick(b, &first_pick), i % 2);
    gw_balancer_destroy(b);
}

static void workers_start_at_different_endpoints(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[8];
    make_endpoints(endpoints, 8, 1);
    for (uint32_t worker = 0; worker < 4; worker++) {
        struct gw_balancer *b = make_balancer("round_robin", endpoints, 8, worker, 4);
        assert_int_equal(gw_balancer_pick(b, &first_pick), 2 * worker);
        gw_balancer_destroy(b);
    }
}

static void the_beginning_moves_all_workers_alike(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[8];
    make_endpoints(endpoints, 8, 1);
    for (uint32_t beginning = 0; beginning < 20; beginning++) {
        for (uint32_t worker = 0; worker < 4; worker++) {
            struct gw_balancer *b =
                gw_balancer_find(GW_SLICE("round_robin"))
                    ->create(endpoints, 8, gw_balancer_first(8, beginning, worker, 4));
            assert_int_equal(gw_balancer_pick(b, &first_pick), (beginning + 2 * worker) % 8);
            gw_balancer_destroy(b);
        }
    }
}

/* Over the whole process, whatever part of the calls each worker gets. */
static void counts_are_even_to_one_pick_per_worker(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    for (int round = 0; round < 50; round++) {
        size_t count = 1 + gw_random_below(20), total = gw_random_below(2000);
        uint32_t workers = 1 + gw_random_below(8);
        make_endpoints(endpoints, count, 1);
        struct gw_balancer *balancers[8];
        for (uint32_t i = 0; i < workers; i++)
            balancers[i] = make_balancer("round_robin", endpoints, count, i, workers);
        size_t counts[20] = {0};
        for (size_t i = 0; i < total; i++)
            counts[gw_balancer_pick(balancers[gw_random_below(workers)], &first_pick)]++;
        for (size_t i = 0; i < count; i++)
            assert_true(magnitude((double)counts[i] - (double)total / (double)count) < workers);
        for (uint32_t i = 0; i < workers; i++)
            gw_balancer_destroy(balancers[i]);
    }
}

static void the_turn_is_kept_over_changes(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[4] = {{1, true}, {1, true}, {1, true}, {1, true}};
    struct gw_balancer *b = make_balancer("round_robin", endpoints, 4, 0, 1);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 0);
    endpoints[1].is_eligible = false;
    gw_balancer_endpoints_changed(b, endpoints, 4);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 2);
    endpoints[1].is_eligible = true;
    gw_balancer_endpoints_changed(b, endpoints, 4);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 3);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 0);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 1);
    /* Also when all were away. */
    for (int i = 0; i < 4; i++)
        endpoints[i].is_eligible = false;
    gw_balancer_endpoints_changed(b, endpoints, 4);
    assert_int_equal(gw_balancer_pick(b, &first_pick), GW_BALANCER_NONE);
    for (int i = 0; i < 4; i++)
        endpoints[i].is_eligible = true;
    gw_balancer_endpoints_changed(b, endpoints, 4);
    assert_int_equal(gw_balancer_pick(b, &first_pick), 2);
    gw_balancer_destroy(b);
}

static void retries_take_turns_of_their_own(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[3] = {{1000000, true}, {1, true}, {1, true}};
    struct gw_balancer *b = make_balancer("round_robin", endpoints, 3, 0, 1);
    size_t retries[3] = {0};
    for (int call = 0; call < 3000; call++) {
        assert_int_equal(gw_balancer_pick(b, &first_pick), call % 3);
        uint64_t tried = 1 << 1;
        if (call % 3 == 1)
            retries[gw_balancer_pick(b, &(struct gw_pick){.tried = &tried})]++;
    }
    assert_int_equal(retries[1], 0);
    assert_in_range(retries[0], 499, 501);
    gw_balancer_destroy(b);
}

static void an_empty_set_of_tried_is_a_first_pick(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[70];
    make_endpoints(endpoints, 70, 1);
    struct gw_balancer *b = make_balancer("round_robin", endpoints, 70, 0, 1);
    uint64_t tried[2] = {0};
    for (int i = 0; i < 140; i++)
        assert_int_equal(gw_balancer_pick(b, &(struct gw_pick){.tried = tried}), i % 70);
    gw_balancer_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_take_turns),
        cmocka_unit_test(weights_do_not_matter),
        cmocka_unit_test(workers_start_at_different_endpoints),
        cmocka_unit_test(the_beginning_moves_all_workers_alike),
        cmocka_unit_test(counts_are_even_to_one_pick_per_worker),
        cmocka_unit_test(retries_take_turns_of_their_own),
        cmocka_unit_test(an_empty_set_of_tried_is_a_first_pick),
        cmocka_unit_test(the_turn_is_kept_over_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
