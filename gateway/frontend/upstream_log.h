/* Lines on standard error when endpoints of upstreams begin to fail, and when they are back. */
#ifndef GW_FRONTEND_UPSTREAM_LOG_H
#define GW_FRONTEND_UPSTREAM_LOG_H

struct gw_frontend;

/* Before the workers start. The lines are written by the control thread: a terminal or a pipe that
 * does not take them must not hold up a worker. */
void gw_upstream_log_open(struct gw_frontend *frontend);

#endif
