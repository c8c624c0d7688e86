#include "frontend/http_target.h"

#include <arpa/inet.h>
#include <stdint.h>

#include "base/bytes.h"

/* unreserved and sub-delims but the comma (RFC 3986 section 2). */
static const bool is_name_byte[256] = {
    GW_BYTES_DIGITS, GW_BYTES_LOWER, GW_BYTES_UPPER, ['-'] = 1, ['.'] = 1,  ['_'] = 1,
    ['~'] = 1,       ['!'] = 1,      ['$'] = 1,      ['&'] = 1, ['\''] = 1, ['('] = 1,
    [')'] = 1,       ['*'] = 1,      ['+'] = 1,      [';'] = 1, ['='] = 1,
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Length of the host that s begins with; 0: it begins with none. */
static size_t name_length(struct gw_slice s)
{
    size_t i = 0;
    for (;;) {
        while (i < s.len && is_name_byte[(unsigned char)s.base[i]])
            i++;
        if (i == s.len || s.base[i] == ':')
            return i;
        if (s.base[i] != '%' || s.len - i <= 2 || !is_hex(s.base[i + 1]) || !is_hex(s.base[i + 2]))
            return 0;
        i += 3;
    }
}

static size_t literal_length(struct gw_slice s)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    const char *end = memchr(s.base, ']', s.len);
    size_t length = end != NULL ? (size_t)(end - s.base) - 1 : 0;
    if (length == 0 || length >= sizeof(text))
        return 0;
    memcpy(text, s.base + 1, length);
    text[length] = '\0';
    return inet_pton(AF_INET6, text, address) == 1 ? length + 2 : 0;
}

static bool is_port(struct gw_slice s)
{
    unsigned port = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.base[i] < '0' || s.base[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s.base[i] - '0');
        if (port > UINT16_MAX)
            return false;
    }
    return true;
}

bool gw_http_is_authority(struct gw_slice s)
{
    if (s.len == 0)
        return false;
    size_t host = s.base[0] == '[' ? literal_length(s) : name_length(s);
    if (host == 0)
        return false;
    return host == s.len || (s.base[host] == ':' && is_port(gw_slice_from(s, host + 1)));
}

bool gw_http_is_path(struct gw_slice method, struct gw_slice target)
{
    return gw_slice_starts_with(target, GW_SLICE("/")) ||
           (gw_slice_eq(target, GW_SLICE("*")) && gw_slice_eq(method, GW_SLICE("OPTIONS")));
}

static size_t scheme_length(struct gw_slice target)
{
    static const struct gw_slice schemes[] = {GW_SLICE_INIT("http://"), GW_SLICE_INIT("https://")};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (target.len >= schemes[i].len &&
            gw_slice_eq_nocase(gw_slice(target.base, schemes[i].len), schemes[i]))
            return schemes[i].len;
    }
    return 0;
}

bool gw_http_split_absolute(struct gw_slice target, struct gw_slice *ret_authority,
                            struct gw_slice *ret_path)
{
    size_t scheme = scheme_length(target), end = scheme;
    if (scheme == 0)
        return false;
    while (end < target.len && target.base[end] != '/' && target.base[end] != '?')
        end++;
    *ret_authority = gw_slice(target.base + scheme, end - scheme);
    *ret_path = gw_slice_from(target, end);
    return true;
}
