/* The registry's inside, for the files of metrics/ only. */
#ifndef GW_METRICS_REGISTRY_H
#define GW_METRICS_REGISTRY_H

#include <stdbool.h>

#include "base/strmap.h"
#include "base/vec.h"
#include "metrics/metrics.h"

struct gw_metric_series {
    gw_metric first_cell;
    enum gw_metric_kind kind;
    struct gw_slice key;    /* family{labels}, as exposed; owned */
    struct gw_slice labels; /* of key: what is between the braces */
};

struct gw_metric_family {
    enum gw_metric_kind kind;
    const char *name, *help;
    const char **label_names;
    size_t label_count;
    GW_VEC(struct gw_metric_series *) series;
};

struct gw_metrics {
    GW_VEC(struct gw_metric_family) families;
    GW_VEC(struct gw_metric_series *) series; /* of all families, in order of first_cell */
    struct gw_strmap by_key;                  /* to struct gw_metric_series */
    uint32_t cell_count;
    uint32_t shard_count;
    struct gw_metrics_shard *shards; /* NULL before gw_metrics_freeze */
};

/* Sum over the shards; 0 before gw_metrics_freeze. */
uint64_t gw_metrics_cell(const struct gw_metrics *m, uint32_t cell);
/* What a counter or gauge shows. */
uint64_t gw_metrics_plain(const struct gw_metrics *m, enum gw_metric_kind kind, uint32_t cell);

#endif
