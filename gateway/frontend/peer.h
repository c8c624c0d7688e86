/* The other end of a client connection, as the kernel names it. */
#ifndef GW_FRONTEND_PEER_H
#define GW_FRONTEND_PEER_H

#include <arpa/inet.h>

#include "base/slice.h"
#include "config/config.h"

struct gw_peer {
    unsigned char address[GW_ADDRESS_BYTES];
    bool is_trusted_proxy; /* one of config->trusted_proxies */
    uint8_t text_length;
    char text[INET6_ADDRSTRLEN]; /* the address without port; empty: it is no IP address */
};

void gw_peer_init(struct gw_peer *peer, const struct sockaddr *address,
                  const struct gw_config *config);

/* The client's address, without port: the peer's or, when that is a trusted proxy, the right-most
 * one of the list in x-forwarded-for that is none. What is no address ends the search, for it
 * vouches for nothing before it. A slice of the list or of the peer. */
struct gw_slice gw_peer_client(const struct gw_peer *peer, struct gw_slice forwarded_for,
                               const struct gw_config *config);

static inline struct gw_slice gw_peer_text(const struct gw_peer *peer)
{
    return gw_slice(peer->text, peer->text_length);
}

#endif
