#include "frontend/upstream_log.h"

#include "frontend/internal.h"
#include "frontend/notice.h"

/* On a worker. */
static void on_change(void *arg, const struct gw_endpoint_change *change)
{
    const struct gw_frontend *frontend = arg;
    if (change->is_failing)
        gw_notice(frontend, "sluice: %s: %s fails: %s", change->upstream, change->endpoint,
                  change->reason);
    else
        gw_notice(frontend, "sluice: %s: %s is back", change->upstream, change->endpoint);
}

void gw_upstream_log_open(struct gw_frontend *frontend)
{
    gw_upstream_set_watch(frontend->upstream_set, on_change, frontend);
}
