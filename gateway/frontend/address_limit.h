/* How many connections each client address has: limits.connections_per_address. Of all workers; a
 * mutex is taken once when a connection begins and once when it ends, and by no request. */
#ifndef GW_FRONTEND_ADDRESS_LIMIT_H
#define GW_FRONTEND_ADDRESS_LIMIT_H

#include "frontend/peer.h"

struct gw_address_limit;

/* At most `most` connections of an address, and `connections` in all. */
struct gw_address_limit *gw_address_limit_create(uint32_t most, uint32_t connections);
/* NULL is allowed. */
void gw_address_limit_destroy(struct gw_address_limit *limit);

/* False: the address has as many as it may. An IPv6 address counts for its /64, of which one host
 * may use all. A trusted proxy has no limit: it speaks for many. NULL is allowed: no limit. */
bool gw_address_limit_enter(struct gw_address_limit *limit, const struct gw_peer *peer);
/* A connection that has entered ends. */
void gw_address_limit_leave(struct gw_address_limit *limit, const struct gw_peer *peer);

#endif
