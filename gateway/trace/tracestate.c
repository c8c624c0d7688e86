#include "trace/tracestate.h"

static bool is_key_start(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_key_char(char c)
{
    return is_key_start(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/';
}

static bool are_key_chars(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_key_char(s.base[i]))
            return false;
    }
    return true;
}

/* key = lcalpha 0*255(...) or tenant "@" system, with tenant = (lcalpha / DIGIT) 0*240(...) and
 * system = lcalpha 0*13(...). */
static bool is_key(struct gw_slice key)
{
    const char *at = key.len > 0 ? memchr(key.base, '@', key.len) : NULL;
    if (at == NULL)
        return key.len >= 1 && key.len <= 256 && is_key_start(key.base[0]) && are_key_chars(key);
    struct gw_slice tenant = gw_slice(key.base, (size_t)(at - key.base));
    struct gw_slice system = gw_slice_from(key, tenant.len + 1);
    return tenant.len >= 1 && tenant.len <= 241 &&
           (is_key_start(tenant.base[0]) || (tenant.base[0] >= '0' && tenant.base[0] <= '9')) &&
           are_key_chars(tenant) && system.len >= 1 && system.len <= 14 &&
           is_key_start(system.base[0]) && are_key_chars(system);
}

/* Printable, without ',' (the caller has split there) and '=', not ending with a space. */
static bool is_value(struct gw_slice value)
{
    if (value.len == 0 || value.len > 256 || value.base[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.base[i];
        if (c < ' ' || c > '~' || c == '=')
            return false;
    }
    return true;
}

static bool is_member(struct gw_slice member)
{
    const char *equals = memchr(member.base, '=', member.len);
    if (equals == NULL)
        return false;
    struct gw_slice key = gw_slice(member.base, (size_t)(equals - member.base));
    return is_key(key) && is_value(gw_slice_from(member, key.len + 1));
}

struct gw_slice gw_tracestate_check(struct gw_slice value)
{
    value = gw_slice_trim(value);
    size_t members = 0, fitting_bytes = 0;
    for (size_t from = 0; from < value.len;) {
        struct gw_slice rest = gw_slice_from(value, from);
        const char *comma = memchr(rest.base, ',', rest.len);
        size_t end = comma != NULL ? (size_t)(comma - value.base) : value.len;
        struct gw_slice member = gw_slice_trim(gw_slice(rest.base, end - from));
        /* Lists may have empty members (RFC 9110 section 5.6.1). */
        if (member.len > 0 && (!is_member(member) || ++members > GW_TRACESTATE_MAX_MEMBERS))
            return GW_SLICE("");
        if (member.len > 0 && end <= GW_TRACESTATE_MAX_BYTES)
            fitting_bytes = (size_t)(member.base + member.len - value.base);
        from = end + 1;
    }
    return gw_slice(value.base, fitting_bytes);
}
