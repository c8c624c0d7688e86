/* A thread that serves requests: its loop, its libh2o context, its upstream connections. */
#ifndef GW_FRONTEND_WORKER_H
#define GW_FRONTEND_WORKER_H

#include "base/error.h"
#include "frontend/internal.h"

/* Starts the thread. worker->frontend and index are set. On the control thread. Negative: cannot;
 * what was begun stays. */
int gw_worker_start(struct gw_worker *worker, struct gw_error *error);
/* Stops accepting, ends idle connections, and ends the thread when the last connection has, or
 * after timeout_ms. Any thread; once. */
void gw_worker_drain(struct gw_worker *worker, uint64_t timeout_ms);
void gw_worker_join(struct gw_worker *worker);

/* For what hooks log; `arg` is a struct gw_line_log_writer. */
void gw_worker_log_hook(void *arg, struct gw_slice line);

#endif
