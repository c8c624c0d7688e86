/* The first line is a trusted range, the rest the x-forwarded-for that one of its addresses sent.
 * The client is the peer or an address of the list, and no trusted one has another before it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "frontend/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_trusted(const struct gw_network *network, struct gw_slice text)
{
    unsigned char address[GW_ADDRESS_BYTES];
    assert(gw_ip_parse(text, address) == 0);
    return gw_network_contains(network, address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_network network;
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    if (newline == NULL ||
        gw_network_parse(gw_slice(data, (size_t)(newline - data)), &network) != 0)
        return 0;
    assert(network.prefix_bits <= 128 && gw_network_contains(&network, network.address));
    size_t length = size - (size_t)(newline + 1 - data);
    char *bytes = malloc(length + 1);
    memcpy(bytes, newline + 1, length);
    struct gw_slice list = gw_slice(bytes, length);
    const struct gw_config config = {.trusted_proxies = {.count = 1}, .trusted_networks = &network};
    struct gw_peer peer = {.is_trusted_proxy = true, .text = "peer", .text_length = 4};

    struct gw_slice client = gw_peer_client(&peer, list, &config);
    if (client.base != peer.text) {
        assert(client.base >= bytes && client.base + client.len <= bytes + length);
        struct gw_slice before = gw_slice(bytes, (size_t)(client.base - bytes));
        while (before.len > 0 && before.base[before.len - 1] != ',')
            before.len--;
        before.len -= before.len > 0;
        struct gw_slice next = gw_peer_client(&peer, before, &config);
        if (is_trusted(&network, client))
            assert(next.base == peer.text); /* nothing before it is an address */
    }
    peer.is_trusted_proxy = false;
    assert(gw_peer_client(&peer, list, &config).base == peer.text);
    free(bytes);
    return 0;
}
