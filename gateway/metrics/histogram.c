#include "metrics/histogram.h"

#include "metrics/metrics.h"

const uint64_t gw_histogram_bounds_ns[GW_HISTOGRAM_BUCKET_COUNT] = {
    500000,    1000000,   2500000,    5000000,    10000000,   25000000,    50000000,   100000000,
    250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000, UINT64_MAX,
};

const char *const gw_histogram_bounds_le[GW_HISTOGRAM_BUCKET_COUNT] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "+Inf",
};

_Static_assert(GW_HISTOGRAM_BUCKET_COUNT == (1 << 4) - 1, "what four halvings search");

/* Without a branch: durations are hard to predict. */
static size_t bucket_of(uint64_t ns)
{
    const uint64_t *bounds = gw_histogram_bounds_ns;
    size_t i = 0;
    i += ns > bounds[i + 7] ? 8 : 0;
    i += ns > bounds[i + 3] ? 4 : 0;
    i += ns > bounds[i + 1] ? 2 : 0;
    i += ns > bounds[i] ? 1 : 0;
    return i;
}

/* A number with its highest bit at `power` is in the bucket named by its next three bits. */
#define LOWEST_POWER 9
#define LOWEST_NS (UINT64_C(1) << LOWEST_POWER)
#define HIGHEST_NS ((UINT64_C(1) << (LOWEST_POWER + GW_HISTOGRAM_FINE_COUNT / 8)) - 1)

size_t gw_histogram_fine_index(uint64_t ns)
{
    if (ns < LOWEST_NS)
        ns = LOWEST_NS;
    if (ns > HIGHEST_NS)
        ns = HIGHEST_NS;
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    return (power - LOWEST_POWER) * 8 + (ns >> (power - 3) & 7);
}

uint64_t gw_histogram_fine_middle(size_t index)
{
    uint64_t width = LOWEST_NS / 8 << index / 8;
    return (8 + index % 8) * width + width / 2;
}

void gw_observe(struct gw_metrics_shard *shard, gw_metric series, uint64_t duration_ns)
{
    gw_count(shard, series + GW_HISTOGRAM_SUM_NS, duration_ns);
    gw_count(shard, series + GW_HISTOGRAM_BUCKETS + (gw_metric)bucket_of(duration_ns), 1);
    gw_count(shard, series + GW_HISTOGRAM_FINE + (gw_metric)gw_histogram_fine_index(duration_ns),
             1);
}
