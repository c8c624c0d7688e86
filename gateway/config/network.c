#include "config/network.h"

#include <arpa/inet.h>

static int parse_address(struct gw_slice text, unsigned char *out, unsigned *ret_bits)
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len >= sizeof(terminated))
        return -1;
    memcpy(terminated, text.base, text.len);
    terminated[text.len] = '\0';
    memset(out, 0, GW_ADDRESS_BYTES);
    *ret_bits = 128;
    if (inet_pton(AF_INET6, terminated, out) == 1)
        return 0;
    out[10] = out[11] = 0xff;
    *ret_bits = 32;
    return inet_pton(AF_INET, terminated, out + 12) == 1 ? 0 : -1;
}

static int parse_bits(struct gw_slice text, unsigned most, unsigned *ret_bits)
{
    unsigned bits = 0;
    if (text.len == 0 || text.len > 3)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return -1;
        bits = bits * 10 + (unsigned)(text.base[i] - '0');
    }
    *ret_bits = bits;
    return bits <= most ? 0 : -1;
}

int gw_ip_parse(struct gw_slice text, unsigned char ret_address[GW_ADDRESS_BYTES])
{
    unsigned char address[GW_ADDRESS_BYTES];
    unsigned bits;
    if (parse_address(text, address, &bits) != 0)
        return -1;
    memcpy(ret_address, address, sizeof(address));
    return 0;
}

int gw_network_parse(struct gw_slice text, struct gw_network *ret_network)
{
    struct gw_network network;
    const char *slash = text.len > 0 ? memchr(text.base, '/', text.len) : NULL;
    size_t length = slash != NULL ? (size_t)(slash - text.base) : text.len;
    unsigned most, bits;
    if (parse_address(gw_slice(text.base, length), network.address, &most) != 0)
        return -1;
    bits = most;
    if (slash != NULL && parse_bits(gw_slice_from(text, length + 1), most, &bits) != 0)
        return -1;
    network.prefix_bits = 128 - most + bits;
    *ret_network = network;
    return 0;
}

bool gw_network_contains(const struct gw_network *network,
                         const unsigned char address[GW_ADDRESS_BYTES])
{
    size_t whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (memcmp(network->address, address, whole) != 0)
        return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}
