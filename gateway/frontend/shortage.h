/* What could not be had for want of descriptors or memory: counted, and told on standard error, of
 * each kind at most once in GW_SHORTAGE_TELL_MS. */
#ifndef GW_FRONTEND_SHORTAGE_H
#define GW_FRONTEND_SHORTAGE_H

#include <stdint.h>

#include "metrics/metrics.h"

#define GW_SHORTAGE_TELL_MS 10000

struct gw_frontend;

enum gw_shortage { GW_SHORTAGE_CLIENT, GW_SHORTAGE_ADMIN, GW_SHORTAGE_FILE, GW_SHORTAGE_COUNT };

/* Part of gw_frontend. */
struct gw_shortages {
    gw_metric counts[GW_SHORTAGE_COUNT];
    uint64_t next_ms[GW_SHORTAGE_COUNT]; /* atomic; when the next line may be written */
};

void gw_shortages_register(struct gw_shortages *shortages, struct gw_metrics *metrics);
/* Any thread that has a shard. `error` is an errno. */
void gw_shortage_tell(struct gw_frontend *frontend, struct gw_metrics_shard *shard,
                      enum gw_shortage kind, int error);

#endif
