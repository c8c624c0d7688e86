#include "frontend/peer.h"

#include <netinet/in.h>

static const char *write_text(struct gw_peer *peer)
{
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_v4 = memcmp(peer->address, mapped, sizeof(mapped)) == 0;
    return is_v4 ? inet_ntop(AF_INET, peer->address + 12, peer->text, sizeof(peer->text))
                 : inet_ntop(AF_INET6, peer->address, peer->text, sizeof(peer->text));
}

void gw_peer_init(struct gw_peer *peer, const struct sockaddr *address,
                  const struct gw_config *config)
{
    *peer = (struct gw_peer){{0}};
    if (address->sa_family == AF_INET) {
        peer->address[10] = peer->address[11] = 0xff;
        memcpy(peer->address + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(peer->address, &((const struct sockaddr_in6 *)address)->sin6_addr,
               sizeof(peer->address));
    } else {
        return;
    }
    if (write_text(peer) != NULL)
        peer->text_length = (uint8_t)strlen(peer->text);
    for (size_t i = 0; !peer->is_trusted_proxy && i < config->trusted_proxies.count; i++)
        peer->is_trusted_proxy = gw_network_contains(&config->trusted_networks[i], peer->address);
}
