/* Connections that were refused while the client was still sending. Closing one with unread bytes
 * makes the kernel reset it, and the client may lose the answer that says why. So its end is told
 * first, and what the client goes on sending is dropped until it has ended too, or for
 * GW_LINGER_MS. Worker-local. */
#ifndef GW_FRONTEND_LINGER_H
#define GW_FRONTEND_LINGER_H

#include "frontend/internal.h"

#define GW_LINGER_MS 5000

/* Takes the fd, to which nothing will be written any more, and its place in total_connections. */
void gw_linger_begin(struct gw_worker *worker, int fd);
/* Closes those that are left. */
void gw_linger_close_all(struct gw_worker *worker);

#endif
