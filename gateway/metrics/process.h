/* The process_* metrics, as client libraries of Prometheus name them. Internal to metrics/. */
#ifndef GW_METRICS_PROCESS_H
#define GW_METRICS_PROCESS_H

#include "base/buf.h"

/* What /proc does not tell is left out. */
void gw_metrics_expose_process(struct gw_buf *out);

#endif
