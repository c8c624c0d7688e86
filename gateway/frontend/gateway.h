/* The gateway as a process: its threads, from the first listening socket to the last answer. */
#ifndef GW_FRONTEND_GATEWAY_H
#define GW_FRONTEND_GATEWAY_H

#include "base/error.h"
#include "hooks/hooks.h"
#include "runtime/snapshot.h"

/* Serves until SIGTERM, SIGINT or SIGQUIT, then drains: /ready says 503, after drain.delay nothing
 * new is accepted, and what is under way has drain.timeout to end. base/signals.h has what else
 * signals do. Must run on the main thread before any other was started. Returns 0;
 * or -1 with an error, when a socket or the log cannot be opened. Says on `log` (stderr) when it is
 * ready, draining and done. */
int gw_gateway_run(const struct gw_snapshot *snapshot, struct gw_hook_set *hooks,
                   const char *version, struct gw_error *error);

#endif
