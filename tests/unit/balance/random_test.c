#include "support.h"

/* Each count within five standard deviations of the binomial distribution. */
static void assert_uniform(const size_t *counts, size_t endpoints, size_t total)
{
    double p = 1 / (double)endpoints, mean = (double)total * p;
    for (size_t i = 0; i < endpoints; i++) {
        double deviation = (double)counts[i] - mean;
        assert_true(deviation * deviation <= 25 * mean * (1 - p));
    }
}

static void picks_are_uniform(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[MAX_ENDPOINTS];
    for (size_t count = 2; count <= 40; count += 19) {
        make_endpoints(endpoints, count, 50);
        struct gw_balancer *b = make_balancer("random", endpoints, count, 0, 1);
        size_t counts[40] = {0};
        for (int i = 0; i < 100000; i++)
            counts[gw_balancer_pick(b, &first_pick)]++;
        assert_uniform(counts, count, 100000);
        gw_balancer_destroy(b);
    }
}

static void picks_do_not_follow_each_other(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[4] = {{1, true}, {1, true}, {1, true}, {1, true}};
    struct gw_balancer *b = make_balancer("random", endpoints, 4, 0, 1);
    size_t pairs[16] = {0};
    int last = gw_balancer_pick(b, &first_pick);
    for (int i = 0; i < 160000; i++) {
        int next = gw_balancer_pick(b, &first_pick);
        pairs[4 * last + next]++;
        last = next;
    }
    assert_uniform(pairs, 16, 160000);
    gw_balancer_destroy(b);
}

static void retries_are_uniform_over_the_untried(void **state)
{
    (void)state;
    struct gw_balancer_endpoint endpoints[8];
    make_endpoints(endpoints, 8, 50);
    endpoints[3].is_eligible = false;
    struct gw_balancer *b = make_balancer("random", endpoints, 8, 0, 1);
    uint64_t tried = 1 << 0 | 1 << 5 | 1 << 3;
    static const int left[] = {1, 2, 4, 6, 7};
    size_t counts[8] = {0}, left_counts[5];
    for (int i = 0; i < 100000; i++)
        counts[gw_balancer_pick(b, &(struct gw_pick){.tried = &tried})]++;
    for (size_t i = 0; i < 5; i++)
        left_counts[i] = counts[left[i]];
    assert_uniform(left_counts, 5, 100000);
    gw_balancer_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_are_uniform),
        cmocka_unit_test(picks_do_not_follow_each_other),
        cmocka_unit_test(retries_are_uniform_over_the_untried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
