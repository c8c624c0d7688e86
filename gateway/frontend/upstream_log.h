/* Lines on standard error when endpoints of upstreams begin to fail, and when they are back. */
#ifndef GW_FRONTEND_UPSTREAM_LOG_H
#define GW_FRONTEND_UPSTREAM_LOG_H

#include <pthread.h>

#include "base/budget.h"

struct gw_frontend;

/* Lines at once, and a second: endpoints that come and go must not fill a disk. */
#define GW_UPSTREAM_LOG_LINES 100
#define GW_UPSTREAM_LOG_LINES_PER_SECOND 2

/* Part of gw_frontend. */
struct gw_upstream_log {
    pthread_mutex_t lock;
    struct gw_budget lines;
    uint64_t untold; /* changes without a line */
};

/* Before the workers start. */
void gw_upstream_log_open(struct gw_frontend *frontend);

/* Tells how many changes had no line, if any; once a second. Any thread. */
void gw_upstream_log_sweep(struct gw_frontend *frontend);

#endif
