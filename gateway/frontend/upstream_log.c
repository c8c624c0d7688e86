#include "frontend/upstream_log.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/print.h"
#include "frontend/internal.h"

struct line {
    struct gw_message message;
    const char *upstream, *endpoint; /* the configuration's */
    bool is_failing;
    char reason[GW_ENDPOINT_REASON_BYTES];
};

static void write_line(struct gw_message *message)
{
    struct line *line = H2O_STRUCT_FROM_MEMBER(struct line, message, message);
    if (line->is_failing)
        gw_print_line(stderr, "sluice: %s: %s fails: %s", line->upstream, line->endpoint,
                      line->reason);
    else
        gw_print_line(stderr, "sluice: %s: %s is back", line->upstream, line->endpoint);
    free(line);
}

/* On a worker. */
static void on_change(void *arg, const struct gw_endpoint_change *change)
{
    const struct gw_frontend *frontend = arg;
    struct line *line = gw_alloc(sizeof(*line));
    line->message.fn = write_line;
    line->upstream = change->upstream;
    line->endpoint = change->endpoint;
    line->is_failing = change->is_failing;
    snprintf(line->reason, sizeof(line->reason), "%s", change->reason);
    gw_loop_post(frontend->control_loop, &line->message);
}

void gw_upstream_log_open(struct gw_frontend *frontend)
{
    gw_upstream_set_watch(frontend->upstream_set, on_change, frontend);
}
