/* The admin port: /metrics, /stats, /health and /ready, on the control thread. */
#ifndef GW_FRONTEND_ADMIN_H
#define GW_FRONTEND_ADMIN_H

#include "frontend/internal.h"

struct gw_admin;

/* `frontend` outlives it; fd is a listening socket and is taken. */
struct gw_admin *gw_admin_create(struct gw_frontend *frontend, struct gw_loop *loop, int fd);
/* NULL is allowed. */
void gw_admin_destroy(struct gw_admin *admin);

#endif
