/* "HOST:PORT", "1.2.3.4:PORT" and "[::1]:PORT". */
#ifndef GW_CONFIG_ADDRESS_H
#define GW_CONFIG_ADDRESS_H

#include <stdint.h>

#include "base/slice.h"

/* The host (without brackets, borrowed from `text`) and the port, 0 to 65535. -1: not of this form,
 * or not a host name (RFC 1123, and underscores), IPv4 or IPv6 address. */
int gw_address_parse(struct gw_slice text, struct gw_slice *ret_host, uint16_t *ret_port);

#endif
