#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>

static bool is_ip(int family, struct gw_slice host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.base, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool is_host_name(struct gw_slice host)
{
    if (host.len == 0 || host.len > 253)
        return false;
    bool numeric = true;
    size_t label = 0;
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.base[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!isalnum(c) && c != '_' && (c != '-' || label == 0))
            return false;
        if (++label > 63)
            return false;
        numeric = numeric && isdigit(c);
    }
    /* Only digits and dots is an IPv4 address, or a mistake in one. */
    return numeric ? is_ip(AF_INET, host) : true;
}

static int parse_port(struct gw_slice text, uint16_t *ret_port)
{
    unsigned port = 0;
    if (text.len == 0 || text.len > 5)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.base[i]))
            return -1;
        port = port * 10 + (unsigned)(text.base[i] - '0');
    }
    if (port > UINT16_MAX)
        return -1;
    *ret_port = (uint16_t)port;
    return 0;
}

int gw_address_parse(struct gw_slice text, struct gw_slice *ret_host, uint16_t *ret_port)
{
    const char *colon = text.len ? memrchr(text.base, ':', text.len) : NULL;
    if (colon == NULL)
        return -1;
    struct gw_slice host = gw_slice(text.base, (size_t)(colon - text.base));
    bool bracketed = gw_slice_starts_with(host, GW_SLICE("["));
    if (bracketed) {
        if (!gw_slice_ends_with(host, GW_SLICE("]")))
            return -1;
        host = gw_slice(host.base + 1, host.len - 2);
    }
    if (!(bracketed ? is_ip(AF_INET6, host) : is_host_name(host)))
        return -1;
    if (parse_port(gw_slice_from(text, (size_t)(colon + 1 - text.base)), ret_port) != 0)
        return -1;
    *ret_host = host;
    return 0;
}
