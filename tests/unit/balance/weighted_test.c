#include "support.h"

struct tally {
    double due[MAX_ENDPOINTS]; /* exact share of the picks so far */
    double picks[MAX_ENDPOINTS];
};

/* One pick, and what it adds to everybody's share. */
static void pick_and_tally(struct gw_balancer *b, const struct gw_balancer_endpoint *endpoints,
                           size_t count, struct tally *tally)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += endpoints[i].is_eligible ? endpoints[i].weight : 0;
    for (size_t i = 0; i < count; i++)
        tally->due[i] += endpoints[i].is_eligible ? endpoints[i].weight / total : 0;
    tally->picks[gw_balancer_pick(b, &first_pick)]++;
}

static double largest_difference(const struct tally *tally, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = magnitude(tally->picks[i] - tally->due[i]);
        largest = difference > largest ? difference : largest;
    }
    return largest;
}

static void every_prefix_is_within_one_pick_of_the_exact_shares(void **state)
{
    (void)state;
    static const uint32_t max_weights[] = {1, 2, 5, 100, 1000000};
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    for (int round = 0; round < 200; round++) {
        size_t count = 1 + gw_random_below(round % 20 == 0 ? MAX_ENDPOINTS : 10);
        uint32_t workers = 1 + gw_random_below(4);
        make_endpoints(endpoints, count, max_weights[round % 5]);
        struct gw_balancer *b =
            make_balancer("weighted", endpoints, count, gw_random_below(workers), workers);
        struct tally tally = {0};
        for (int i = 0; i < 2000; i++) {
            pick_and_tally(b, endpoints, count, &tally);
            /* Sums of 2,000 rounded shares are off by less than the last term. */
            assert_true(largest_difference(&tally, count) < 1 + 1e-9);
        }
        gw_balancer_destroy(b);
    }
}

static void a_whole_cycle_is_exact(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[3] = {{3, true}, {1, true}, {7, true}};
    struct gw_balancer *b = make_balancer("weighted", endpoints, 3, 1, 2);
    for (int cycle = 1; cycle < 100; cycle++) {
        size_t counts[3] = {0};
        for (int i = 0; i < 11; i++)
            counts[gw_balancer_pick(b, &first_pick)]++;
        assert_int_equal(counts[0], 3);
        assert_int_equal(counts[1], 1);
        assert_int_equal(counts[2], 7);
    }
    gw_balancer_destroy(b);
}

static void three_to_one_never_gives_four_in_a_row(void **state)
{
    (void)state;
    for (uint32_t swap = 0; swap < 2; swap++) {
        for (uint32_t worker = 0; worker < 3; worker++) {
            struct gw_balancer_endpoint endpoints[2] = {{swap ? 1 : 3, true}, {swap ? 3 : 1, true}};
            struct gw_balancer *b = make_balancer("weighted", endpoints, 2, worker, 3);
            int run = 0, last = -1;
            for (int i = 0; i < 1000; i++) {
                int endpoint = gw_balancer_pick(b, &first_pick);
                run = endpoint == last ? run + 1 : 1;
                last = endpoint;
                assert_true(run <= (endpoints[endpoint].weight == 3 ? 3 : 1));
            }
            gw_balancer_destroy(b);
        }
    }
}

/* The process as a whole, whatever part of the calls each worker gets. */
static void workers_together_are_within_one_pick_each(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    for (int round = 0; round < 50; round++) {
        size_t count = 1 + gw_random_below(10);
        uint32_t workers = 1 + gw_random_below(8);
        make_endpoints(endpoints, count, 20);
        struct gw_balancer *balancers[8];
        for (uint32_t i = 0; i < workers; i++)
            balancers[i] = make_balancer("weighted", endpoints, count, i, workers);
        struct tally tally = {0};
        for (int i = 0; i < 3000; i++) {
            pick_and_tally(balancers[gw_random_below(workers)], endpoints, count, &tally);
            assert_true(largest_difference(&tally, count) < workers + 1e-9);
        }
        for (uint32_t i = 0; i < workers; i++)
            gw_balancer_destroy(balancers[i]);
    }
}

static void equal_weights_take_turns(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 9; count++) {
        struct gw_balancer_endpoint endpoints[9];
        for (size_t i = 0; i < count; i++)
            endpoints[i] = (struct gw_balancer_endpoint){7, true};
        for (uint32_t worker = 0; worker < 3; worker++) {
            struct gw_balancer *b = make_balancer("weighted", endpoints, count, worker, 3);
            for (size_t i = 0; i < 50; i++)
                assert_int_equal(gw_balancer_pick(b, &first_pick),
                                 (count * worker / 3 + i) % count);
            gw_balancer_destroy(b);
        }
    }
}

static void shares_hold_while_an_endpoint_comes_and_goes(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[6];
    for (int every = 1; every < 40; every += 3) {
        make_endpoints(endpoints, 6, 100);
        struct gw_balancer *b = make_balancer("weighted", endpoints, 6, 0, 1);
        struct tally tally = {0};
        for (int i = 0; i < 10000; i++) {
            if (i % every == 0) {
                endpoints[2].is_eligible = !endpoints[2].is_eligible;
                gw_balancer_endpoints_changed(b, endpoints, 6);
            }
            pick_and_tally(b, endpoints, 6, &tally);
            assert_true(largest_difference(&tally, 6) < 2);
        }
        gw_balancer_destroy(b);
    }
}

static void shares_hold_while_all_endpoints_come_and_go(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[8];
    make_endpoints(endpoints, 8, 100);
    struct gw_balancer *b = make_balancer("weighted", endpoints, 8, 0, 1);
    struct tally tally = {0};
    for (int i = 0; i < 100000; i++) {
        if (i % 10 == 0) {
            for (size_t k = 1; k < 8; k++) /* one is always there */
                endpoints[k].is_eligible = gw_random_below(4) != 0;
            gw_balancer_endpoints_changed(b, endpoints, 8);
        }
        pick_and_tally(b, endpoints, 8, &tally);
    }
    /* Not a guarantee: each change may cost a part of a pick, but they do not add up. */
    assert_true(largest_difference(&tally, 8) < 8);
    gw_balancer_destroy(b);
}

static void new_weights_count_at_once(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[2] = {{1, true}, {1, true}};
    struct gw_balancer *b = make_balancer("weighted", endpoints, 2, 0, 1);
    for (int i = 0; i < 7; i++)
        gw_balancer_pick(b, &first_pick);
    endpoints[0].weight = 9;
    gw_balancer_endpoints_changed(b, endpoints, 2);
    size_t counts[2] = {0};
    for (int i = 0; i < 100; i++)
        counts[gw_balancer_pick(b, &first_pick)]++;
    assert_in_range(counts[0], 88, 92);
    gw_balancer_destroy(b);
}

static void retries_follow_the_weights_of_the_untried(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[3] = {{10, true}, {3, true}, {1, true}};
    struct gw_balancer *b = make_balancer("weighted", endpoints, 3, 0, 1);
    uint64_t tried = 1;
    size_t counts[3] = {0};
    for (int i = 0; i < 4000; i++)
        counts[gw_balancer_pick(b, &(struct gw_pick){.tried = &tried})]++;
    assert_int_equal(counts[0], 0);
    assert_in_range(counts[1], 2999, 3001);
    /* First picks have not noticed. */
    struct tally tally = {0};
    for (int i = 0; i < 1400; i++)
        pick_and_tally(b, endpoints, 3, &tally);
    assert_true(largest_difference(&tally, 3) < 1e-6);
    gw_balancer_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_within_one_pick_of_the_exact_shares),
        cmocka_unit_test(a_whole_cycle_is_exact),
        cmocka_unit_test(three_to_one_never_gives_four_in_a_row),
        cmocka_unit_test(workers_together_are_within_one_pick_each),
        cmocka_unit_test(equal_weights_take_turns),
        cmocka_unit_test(shares_hold_while_an_endpoint_comes_and_goes),
        cmocka_unit_test(shares_hold_while_all_endpoints_come_and_go),
        cmocka_unit_test(new_weights_count_at_once),
        cmocka_unit_test(retries_follow_the_weights_of_the_untried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
