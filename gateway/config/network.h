/* Ranges of IP addresses: "10.0.0.0/8", "2001:db8::/32", or one address. */
#ifndef GW_CONFIG_NETWORK_H
#define GW_CONFIG_NETWORK_H

#include <stdbool.h>

#include "base/slice.h"

/* An IPv4 address stands as ::ffff:a.b.c.d, here and wherever addresses are compared. */
#define GW_ADDRESS_BYTES 16

struct gw_network {
    unsigned char address[GW_ADDRESS_BYTES];
    unsigned prefix_bits; /* of the 128 */
};

/* -1: no IP address. */
int gw_ip_parse(struct gw_slice text, unsigned char ret_address[GW_ADDRESS_BYTES]);

/* -1: not of this form. Bits behind the prefix do not matter. */
int gw_network_parse(struct gw_slice text, struct gw_network *ret_network);
bool gw_network_contains(const struct gw_network *network,
                         const unsigned char address[GW_ADDRESS_BYTES]);

#endif
