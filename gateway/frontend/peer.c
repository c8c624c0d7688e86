#include "frontend/peer.h"

#include <netinet/in.h>

#include "config/address.h"

static const char *write_text(struct gw_peer *peer)
{
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_v4 = memcmp(peer->address, mapped, sizeof(mapped)) == 0;
    return is_v4 ? inet_ntop(AF_INET, peer->address + 12, peer->text, sizeof(peer->text))
                 : inet_ntop(AF_INET6, peer->address, peer->text, sizeof(peer->text));
}

static bool is_trusted(const unsigned char address[GW_ADDRESS_BYTES],
                       const struct gw_config *config)
{
    for (size_t i = 0; i < config->trusted_proxies.count; i++) {
        if (gw_network_contains(&config->trusted_networks[i], address))
            return true;
    }
    return false;
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
    peer->is_trusted_proxy = is_trusted(peer->address, config);
}

static struct gw_slice take_last(struct gw_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->base[at - 1] != ',')
        at--;
    struct gw_slice item = gw_slice_trim(gw_slice_from(*list, at));
    list->len = at > 0 ? at - 1 : 0;
    return item;
}

/* Some proxies write the port, too. */
static int parse_item(struct gw_slice item, struct gw_slice *ret_text,
                      unsigned char ret_address[GW_ADDRESS_BYTES])
{
    uint16_t port;
    if (gw_address_parse(item, ret_text, &port) != 0)
        *ret_text = item;
    return gw_ip_parse(*ret_text, ret_address);
}

struct gw_slice gw_peer_client(const struct gw_peer *peer, struct gw_slice forwarded_for,
                               const struct gw_config *config)
{
    struct gw_slice client = gw_peer_text(peer);
    bool goes_on = peer->is_trusted_proxy;
    while (goes_on && forwarded_for.len > 0) {
        unsigned char address[GW_ADDRESS_BYTES];
        struct gw_slice text;
        if (parse_item(take_last(&forwarded_for), &text, address) != 0)
            break;
        client = text;
        goes_on = is_trusted(address, config);
    }
    return client;
}
