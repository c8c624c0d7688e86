/* What a request pays to be counted, and what /metrics costs by the number of series. */
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "metrics/metrics.h"

#define ROUNDS 1000000

static void bench_cells(void)
{
    struct gw_metrics *m = gw_metrics_create(1);
    gw_metric counter = gw_metrics_add(m, GW_COUNTER, "calls_total", "Calls.", NULL, 0);
    gw_metric histogram = gw_metrics_add(m, GW_HISTOGRAM, "call_seconds", "Time.", NULL, 0);
    gw_metrics_freeze(m);
    struct gw_metrics_shard *shard = gw_metrics_shard(m, 0);
    static uint64_t durations[4096];
    for (size_t i = 0; i < 4096; i++) /* 0.1 to 100 ms */
        durations[i] = 100000 + gw_random_below(1000) * (uint64_t)gw_random_below(100000);
    double count_ns = 1e9, observe_ns = 1e9;
    for (int round = 0; round < 5; round++) {
        uint64_t begin = gw_clock_ns();
        for (size_t i = 0; i < ROUNDS; i++)
            gw_count(shard, counter, 1);
        uint64_t middle = gw_clock_ns();
        for (size_t i = 0; i < ROUNDS; i++)
            gw_observe(shard, histogram, durations[i % 4096]);
        uint64_t end = gw_clock_ns();
        double count = (double)(middle - begin) / ROUNDS, observe = (double)(end - middle) / ROUNDS;
        count_ns = count < count_ns ? count : count_ns;
        observe_ns = observe < observe_ns ? observe : observe_ns;
    }
    printf("gw_count %.1f ns, gw_observe %.1f ns\n", count_ns, observe_ns);
    gw_metrics_destroy(m);
}

static void bench_expose(int methods)
{
    struct gw_metrics *m = gw_metrics_create(8);
    for (int i = 0; i < methods; i++) {
        char name[32];
        snprintf(name, sizeof(name), "Method%d", i);
        struct gw_metric_label labels[] = {{"method", gw_slice_str(name)},
                                           {"code", GW_SLICE("OK")}};
        gw_metrics_add(m, GW_COUNTER, "calls_total", "Calls.", labels, 2);
        gw_metrics_add(m, GW_HISTOGRAM, "call_seconds", "Time.", labels, 1);
    }
    gw_metrics_freeze(m);
    struct gw_buf out = GW_BUF_HEAP;
    gw_metrics_expose(m, &out);
    out.len = 0;
    uint64_t begin = gw_clock_ns();
    gw_metrics_expose(m, &out);
    printf("expose %4d methods over 8 shards: %7.0f us, %zu bytes\n", methods,
           (double)(gw_clock_ns() - begin) / 1000, out.len);
    gw_buf_dispose(&out);
    gw_metrics_destroy(m);
}

int main(void)
{
    bench_cells();
    bench_expose(10);
    bench_expose(100);
    bench_expose(1000);
    return 0;
}
