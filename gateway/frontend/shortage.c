#include "frontend/shortage.h"

#include <string.h>

#include "base/clock.h"
#include "frontend/internal.h"
#include "frontend/notice.h"

static const struct {
    const char *label, *text;
} kinds[GW_SHORTAGE_COUNT] = {
    [GW_SHORTAGE_CLIENT] = {"client", "a client cannot be accepted, and waits"},
    [GW_SHORTAGE_ADMIN] = {"admin", "a client of the admin port cannot be accepted, and waits"},
    [GW_SHORTAGE_FILE] = {"file", "a file cannot be opened, and is answered with 503"},
};

void gw_shortages_register(struct gw_shortages *shortages, struct gw_metrics *metrics)
{
    for (size_t i = 0; i < GW_SHORTAGE_COUNT; i++) {
        const struct gw_metric_label label = {"of", gw_slice_str(kinds[i].label)};
        shortages->counts[i] = gw_metrics_add(
            metrics, GW_COUNTER, "sluice_shortages_total",
            "Times that descriptors, or memory of the system, did not suffice for one more.",
            &label, 1);
    }
}

void gw_shortage_tell(struct gw_frontend *frontend, struct gw_metrics_shard *shard,
                      enum gw_shortage kind, int error)
{
    uint64_t *next = &frontend->shortages.next_ms[kind];
    uint64_t now = gw_clock_ms(), due = __atomic_load_n(next, __ATOMIC_RELAXED);
    gw_count(shard, frontend->shortages.counts[kind], 1);
    if (now < due || !__atomic_compare_exchange_n(next, &due, now + GW_SHORTAGE_TELL_MS, false,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    gw_notice(frontend, "sluice: %s: %s", kinds[kind].text, strerror(error));
}
