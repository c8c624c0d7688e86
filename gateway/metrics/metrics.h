/* Counters, gauges and histograms, and their Prometheus exposition (text format 0.0.4).
 *
 * A registry is filled before threads start: each series (a family with one set of label values)
 * gets a number. Each worker then writes to its own shard, plainly and without sharing a cache
 * line; whoever exposes adds the shards up. Label values come from the configuration, so the number
 * of series is known. */
#ifndef GW_METRICS_METRICS_H
#define GW_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct gw_metrics;

enum gw_metric_kind {
    GW_COUNTER,
    GW_GAUGE,     /* adds up over the shards */
    GW_GAUGE_MAX, /* the largest of the shards */
    GW_HISTOGRAM
};

struct gw_metric_label {
    const char *name;
    struct gw_slice value; /* copied */
};

/* A series' number; index of its first cell in every shard. */
typedef uint32_t gw_metric;

struct gw_metrics *gw_metrics_create(uint32_t shard_count);
void gw_metrics_destroy(struct gw_metrics *m);

/* Adds a series; family name and help are static texts, kind and label names the same at each call
 * for a family. Registering a series twice gives the same number. Before gw_metrics_freeze only.
 * Histograms are of seconds, observed in nanoseconds, with the buckets .0005 to 10 and +Inf, and
 * beside them hold a finer log-linear one for quantiles. */
gw_metric gw_metrics_add(struct gw_metrics *m, enum gw_metric_kind kind, const char *family,
                         const char *help, const struct gw_metric_label *labels,
                         size_t label_count);
/* Whether series of that family were added. */
bool gw_metrics_has_family(const struct gw_metrics *m, const char *family);
/* Allocates the shards; no series can be added from here on. */
void gw_metrics_freeze(struct gw_metrics *m);

/* A worker's cells. Written by one thread, read by any. */
struct gw_metrics_shard {
    uint64_t *cells;
};
struct gw_metrics_shard *gw_metrics_shard(struct gw_metrics *m, uint32_t index);

/* Single writer: a relaxed load and store, no locked instruction. */
static inline void gw_count(struct gw_metrics_shard *shard, gw_metric series, uint64_t n)
{
    uint64_t *cell = &shard->cells[series];
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* `n` may be negative. */
static inline void gw_gauge_add(struct gw_metrics_shard *shard, gw_metric series, int64_t n)
{
    gw_count(shard, series, (uint64_t)n);
}

static inline void gw_gauge_set(struct gw_metrics_shard *shard, gw_metric series, int64_t n)
{
    __atomic_store_n(&shard->cells[series], (uint64_t)n, __ATOMIC_RELAXED);
}

void gw_observe(struct gw_metrics_shard *shard, gw_metric series, uint64_t duration_ns);

/* Sum over the shards (GW_GAUGE_MAX: the largest; a histogram: number of observations). */
uint64_t gw_metrics_value(const struct gw_metrics *m, gw_metric series);
/* Quantile 0 < q < 1 of a histogram in nanoseconds, within 7 %; 0 where nothing was observed. */
uint64_t gw_metrics_quantile(const struct gw_metrics *m, gw_metric series, double q);

/* All series in order of registration by family, counters that are 0 left out when their family has
 * more than one series; then process_* (CPU seconds, resident and virtual memory, start time, open
 * and maximum fds) from /proc/self. Any thread. */
void gw_metrics_expose(const struct gw_metrics *m, struct gw_buf *out);

#endif
