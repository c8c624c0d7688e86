/* Lines on standard error when endpoints of upstreams begin to fail, and when they are back. */
#ifndef GW_FRONTEND_UPSTREAM_LOG_H
#define GW_FRONTEND_UPSTREAM_LOG_H

struct gw_frontend;

/* Before the workers start. */
void gw_upstream_log_open(struct gw_frontend *frontend);

#endif
