#include "tls/server_name.h"

#include <ctype.h>
#include <stdint.h>

/* Letters, digits, hyphens and underscores, with single dots between. */
static int copy_lower(struct gw_slice name, char *out)
{
    bool begins_label = true;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.base[i];
        bool is_dot = c == '.';
        if (is_dot ? begins_label : !(isalnum(c) || c == '-' || c == '_'))
            return -1;
        begins_label = is_dot;
        out[i] = (char)tolower(c);
    }
    out[name.len] = '\0';
    return begins_label ? -1 : 0;
}

int gw_tls_server_name_normalize(struct gw_slice name, char ret_name[GW_TLS_NAME_MAX + 1])
{
    if (name.len > GW_TLS_NAME_MAX)
        return -1;
    size_t wildcard = gw_slice_starts_with(name, GW_SLICE("*.")) ? 2 : 0;
    memcpy(ret_name, "*.", wildcard);
    return copy_lower(gw_slice_from(name, wildcard), ret_name + wildcard);
}

static bool take_number(struct gw_slice *in, size_t bytes, size_t *ret_number)
{
    if (in->len < bytes)
        return false;
    *ret_number = 0;
    for (size_t i = 0; i < bytes; i++)
        *ret_number = *ret_number << 8 | (unsigned char)in->base[i];
    *in = gw_slice_from(*in, bytes);
    return true;
}

/* struct { NameType name_type; HostName host_name<1..2^16-1>; } ServerName; list<1..2^16-1>. There
 * is one type of name, 0, and one name of a type. */
int gw_tls_server_name_parse(struct gw_slice extension, char ret_name[GW_TLS_NAME_MAX + 1])
{
    size_t list_bytes, type, name_bytes;
    if (!take_number(&extension, 2, &list_bytes) || list_bytes != extension.len ||
        !take_number(&extension, 1, &type) || type != 0 ||
        !take_number(&extension, 2, &name_bytes) || name_bytes != extension.len ||
        name_bytes > GW_TLS_NAME_MAX)
        return -1;
    return copy_lower(extension, ret_name);
}
