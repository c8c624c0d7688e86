#include "frontend/upstream_log.h"

#include <inttypes.h>

#include "base/clock.h"
#include "frontend/internal.h"
#include "frontend/notice.h"

static bool may_write(struct gw_upstream_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool may = gw_budget_spend(&log->lines, gw_clock_ms());
    log->untold += !may;
    pthread_mutex_unlock(&log->lock);
    return may;
}

/* On a worker. */
static void on_change(void *arg, const struct gw_endpoint_change *change)
{
    struct gw_frontend *frontend = arg;
    if (!may_write(&frontend->upstream_log))
        return;
    if (change->is_failing)
        gw_notice(frontend, "sluice: %s: %s fails: %s", change->upstream, change->endpoint,
                  change->reason);
    else
        gw_notice(frontend, "sluice: %s: %s is back", change->upstream, change->endpoint);
}

void gw_upstream_log_open(struct gw_frontend *frontend)
{
    struct gw_upstream_log *log = &frontend->upstream_log;
    pthread_mutex_init(&log->lock, NULL);
    gw_budget_init(&log->lines, GW_UPSTREAM_LOG_LINES, GW_UPSTREAM_LOG_LINES_PER_SECOND,
                   gw_clock_ms());
    gw_upstream_set_watch(frontend->upstream_set, on_change, frontend);
}

void gw_upstream_log_sweep(struct gw_frontend *frontend)
{
    struct gw_upstream_log *log = &frontend->upstream_log;
    pthread_mutex_lock(&log->lock);
    uint64_t untold = log->untold;
    log->untold = 0;
    pthread_mutex_unlock(&log->lock);
    if (untold > 0)
        gw_notice(frontend,
                  "sluice: %" PRIu64 " more changes of endpoints; /stats has how they are", untold);
}
