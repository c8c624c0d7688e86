/* A histogram of durations as cells of a shard: the sum, the buckets that Prometheus sees, and a
 * log-linear one, eight buckets to each power of two, for quantiles. Internal to metrics/. */
#ifndef GW_METRICS_HISTOGRAM_H
#define GW_METRICS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* The exposed buckets: their inclusive upper bounds, and those as in `le`. The last is +Inf. */
#define GW_HISTOGRAM_BUCKET_COUNT 15
extern const uint64_t gw_histogram_bounds_ns[GW_HISTOGRAM_BUCKET_COUNT];
extern const char *const gw_histogram_bounds_le[GW_HISTOGRAM_BUCKET_COUNT];

/* The log-linear part covers 512 ns to 137 s; what is outside counts at its ends. */
#define GW_HISTOGRAM_FINE_COUNT 224

/* Offsets of the cells. */
enum {
    GW_HISTOGRAM_SUM_NS = 0,
    GW_HISTOGRAM_BUCKETS = 1,
    GW_HISTOGRAM_FINE = GW_HISTOGRAM_BUCKETS + GW_HISTOGRAM_BUCKET_COUNT,
    GW_HISTOGRAM_CELLS = GW_HISTOGRAM_FINE + GW_HISTOGRAM_FINE_COUNT,
};

/* Which of the log-linear buckets a duration falls into, and the middle of one. */
size_t gw_histogram_fine_index(uint64_t ns);
uint64_t gw_histogram_fine_middle(size_t index);

#endif
