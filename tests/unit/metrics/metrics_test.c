#include "metrics/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/random.h"
#include "metrics/histogram.h"
#include "metrics/registry.h"

static gw_metric add(struct gw_metrics *m, enum gw_metric_kind kind, const char *family,
                     const char *label, const char *value)
{
    struct gw_metric_label labels[] = {{label, gw_slice_str(value)}};
    return gw_metrics_add(m, kind, family, "Help.", labels, label != NULL);
}

static void a_series_registered_twice_has_one_number(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    gw_metric a = add(m, GW_COUNTER, "a_total", "x", "1");
    gw_metric b = add(m, GW_COUNTER, "a_total", "x", "2");
    assert_int_not_equal(a, b);
    assert_int_equal(add(m, GW_COUNTER, "a_total", "x", "1"), a);
    assert_int_not_equal(add(m, GW_COUNTER, "b_total", "x", "1"), a);
    gw_metrics_destroy(m);
}

static void label_values_are_copied(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    char value[] = "abc";
    gw_metric a = add(m, GW_COUNTER, "a_total", "x", value);
    memcpy(value, "xyz", 3);
    assert_int_equal(add(m, GW_COUNTER, "a_total", "x", "abc"), a);
    gw_metrics_destroy(m);
}

static void values_add_up_over_shards(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(3);
    gw_metric counter = add(m, GW_COUNTER, "a_total", NULL, NULL);
    gw_metric gauge = add(m, GW_GAUGE, "b", NULL, NULL);
    gw_metric histogram = add(m, GW_HISTOGRAM, "c_seconds", NULL, NULL);
    assert_int_equal(gw_metrics_value(m, counter), 0);
    gw_metrics_freeze(m);
    for (uint32_t i = 0; i < 3; i++) {
        struct gw_metrics_shard *shard = gw_metrics_shard(m, i);
        gw_count(shard, counter, i + 1);
        gw_gauge_add(shard, gauge, i == 0 ? 5 : -1);
        gw_observe(shard, histogram, 1000);
    }
    assert_int_equal(gw_metrics_value(m, counter), 6);
    assert_int_equal(gw_metrics_value(m, gauge), 3);
    assert_int_equal(gw_metrics_value(m, histogram), 3);
    gw_gauge_set(gw_metrics_shard(m, 0), gauge, -7);
    assert_int_equal((int64_t)gw_metrics_value(m, gauge), -9);
    gw_metrics_destroy(m);
}

static void neighbouring_series_do_not_overlap(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    gw_metric series[40];
    char value[2] = "A";
    for (int i = 0; i < 40; i++, value[0]++)
        series[i] = i % 3 == 0 ? add(m, GW_HISTOGRAM, "h_seconds", "x", value)
                               : add(m, GW_COUNTER, "c_total", "x", value);
    gw_metrics_freeze(m);
    struct gw_metrics_shard *shard = gw_metrics_shard(m, 0);
    for (int i = 0; i < 40; i++) {
        for (int n = 0; n <= i; n++) {
            if (i % 3 == 0)
                gw_observe(shard, series[i], n % 2 ? 0 : UINT64_MAX / 100);
            else
                gw_count(shard, series[i], 1);
        }
    }
    for (int i = 0; i < 40; i++)
        assert_int_equal(gw_metrics_value(m, series[i]), i + 1);
    gw_metrics_destroy(m);
}

static void shards_share_no_cache_line(void **state)
{
    (void)state;
    for (uint32_t series = 1; series < 20; series++) {
        struct gw_metrics *m = gw_metrics_create(4);
        for (uint32_t i = 0; i < series; i++)
            add(m, GW_COUNTER, "a_total", "x", (char[]){(char)('a' + i), '\0'});
        gw_metrics_freeze(m);
        uintptr_t begin[4];
        for (uint32_t i = 0; i < 4; i++) {
            begin[i] = (uintptr_t)gw_metrics_shard(m, i)->cells;
            assert_int_equal(begin[i] % 64, 0);
        }
        for (uint32_t i = 0; i < 4; i++) {
            for (uint32_t k = 0; k < 4; k++) {
                uintptr_t last_line = (begin[k] + (series - 1) * sizeof(uint64_t)) / 64;
                assert_true(i == k || begin[i] / 64 > last_line || begin[i] < begin[k]);
            }
        }
        gw_metrics_destroy(m);
    }
}

static void a_bound_belongs_to_the_bucket_below_it(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    gw_metric h = add(m, GW_HISTOGRAM, "h_seconds", NULL, NULL);
    gw_metrics_freeze(m);
    struct gw_metrics_shard *shard = gw_metrics_shard(m, 0);
    for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKET_COUNT; i++) {
        uint64_t before = gw_metrics_cell(m, h + GW_HISTOGRAM_BUCKETS + i);
        gw_observe(shard, h, gw_histogram_bounds_ns[i]);
        assert_int_equal(gw_metrics_cell(m, h + GW_HISTOGRAM_BUCKETS + i), before + 1);
        if (i + 1 < GW_HISTOGRAM_BUCKET_COUNT) {
            gw_observe(shard, h, gw_histogram_bounds_ns[i] + 1);
            assert_int_equal(gw_metrics_cell(m, h + GW_HISTOGRAM_BUCKETS + i + 1), 1);
        }
    }
    gw_metrics_destroy(m);
}

static double error_of(uint64_t found, uint64_t exact)
{
    double error = (double)found / (double)exact - 1;
    return error < 0 ? -error : error;
}

static void the_middle_of_a_fine_bucket_is_within_7_percent(void **state)
{
    (void)state;
    double worst = 0;
    size_t last = 0;
    for (uint64_t ns = 1000; ns < UINT64_C(100000000000); ns += ns / 997 + 1) {
        size_t index = gw_histogram_fine_index(ns);
        assert_true(index == last || index == last + 1 || last == 0);
        last = index;
        double error = error_of(gw_histogram_fine_middle(index), ns);
        worst = error > worst ? error : worst;
    }
    assert_true(worst <= 0.07);
    assert_int_equal(gw_histogram_fine_index(0), 0);
    assert_int_equal(gw_histogram_fine_index(UINT64_MAX), GW_HISTOGRAM_FINE_COUNT - 1);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_within_7_percent(void **state)
{
    (void)state;
    static uint64_t values[20001];
    const size_t count = sizeof(values) / sizeof(*values);
    for (int round = 0; round < 10; round++) {
        struct gw_metrics *m = gw_metrics_create(2);
        gw_metric h = add(m, GW_HISTOGRAM, "h_seconds", NULL, NULL);
        gw_metrics_freeze(m);
        assert_int_equal(gw_metrics_quantile(m, h, 0.5), 0);
        for (size_t i = 0; i < count; i++) {
            /* From 1 us to 68 s, as many in each power of two. */
            values[i] = (UINT64_C(1024) << gw_random_below(26)) + gw_random_below(1024);
            gw_observe(gw_metrics_shard(m, i % 2), h, values[i]);
        }
        qsort(values, count, sizeof(*values), compare_u64);
        static const double quantiles[] = {0.001, 0.5, 0.9, 0.95, 0.99, 0.999};
        for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
            /* The smallest value that at least q of all do not exceed. */
            double place = quantiles[i] * (double)count;
            size_t rank = (size_t)place + ((double)(size_t)place < place);
            uint64_t exact = values[rank - 1];
            assert_true(error_of(gw_metrics_quantile(m, h, quantiles[i]), exact) <= 0.07);
        }
        gw_metrics_destroy(m);
    }
}

struct reader {
    struct gw_metrics *m;
    gw_metric counter;
    int stop;
};

static void *count_and_observe(void *arg)
{
    struct reader *r = arg;
    struct gw_metrics_shard *shard = gw_metrics_shard(r->m, 1);
    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
        gw_count(shard, r->counter, 1);
    return NULL;
}

static void a_reader_in_another_thread_sees_counters_grow(void **state)
{
    (void)state;
    struct reader r = {.m = gw_metrics_create(2)};
    r.counter = add(r.m, GW_COUNTER, "a_total", NULL, NULL);
    gw_metrics_freeze(r.m);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, count_and_observe, &r), 0);
    uint64_t last = 0;
    while (last < 100000) {
        uint64_t now = gw_metrics_value(r.m, r.counter);
        assert_true(now >= last);
        last = now;
    }
    __atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    gw_metrics_destroy(r.m);
}

static void destroying_what_was_not_frozen_is_fine(void **state)
{
    (void)state;
    gw_metrics_destroy(NULL);
    struct gw_metrics *m = gw_metrics_create(1);
    add(m, GW_HISTOGRAM, "a_seconds", "x", "y");
    gw_metrics_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_series_registered_twice_has_one_number),
        cmocka_unit_test(label_values_are_copied),
        cmocka_unit_test(values_add_up_over_shards),
        cmocka_unit_test(neighbouring_series_do_not_overlap),
        cmocka_unit_test(shards_share_no_cache_line),
        cmocka_unit_test(a_bound_belongs_to_the_bucket_below_it),
        cmocka_unit_test(the_middle_of_a_fine_bucket_is_within_7_percent),
        cmocka_unit_test(quantiles_are_within_7_percent),
        cmocka_unit_test(a_reader_in_another_thread_sees_counters_grow),
        cmocka_unit_test(destroying_what_was_not_frozen_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
