/* One request and its answer: from libh2o's request to the gRPC call and back. */
#ifndef GW_FRONTEND_EXCHANGE_H
#define GW_FRONTEND_EXCHANGE_H

#include <h2o.h>

/* Registers the gateway's handler for every path of the host, and the filter that gives libh2o's
 * own errors the gateway's form. */
void gw_exchange_register(h2o_hostconf_t *host);

/* Notices clients of a worker that have left behind pipelined bytes, of which nothing else tells.
 * To be called about once a second. */
void gw_exchange_sweep(h2o_context_t *context);

#endif
