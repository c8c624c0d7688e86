/* Whom a request is for, and what it asks of them: the forms of Host, of :authority and of request
 * targets (RFC 3986 section 3, RFC 9110 sections 4.2 and 7, RFC 9112 section 3.2). One look for
 * HTTP/1.1 and HTTP/2. Pure. */
#ifndef GW_FRONTEND_HTTP_TARGET_H
#define GW_FRONTEND_HTTP_TARGET_H

#include "base/slice.h"

/* `uri-host [ ":" port ]`, with a host that is not empty, and a port up to 65535 or empty. Not
 * user information; not a comma, which would make a list of it where it goes on; no IP literals but
 * IPv6 addresses. */
bool gw_http_is_authority(struct gw_slice s);

/* A path with or without query, or the `*` of OPTIONS. */
bool gw_http_is_path(struct gw_slice method, struct gw_slice target);

/* `http://host/path?query` (RFC 9112 section 3.2.2) or https, in any case. The authority, which
 * gw_http_is_authority has not seen, ends at `/` or `?` or the end; *ret_path begins there. */
bool gw_http_split_absolute(struct gw_slice target, struct gw_slice *ret_authority,
                            struct gw_slice *ret_path);

/* Whether the target has a fragment, which none may have. */
static inline bool gw_http_has_fragment(struct gw_slice target)
{
    return target.len > 0 && memchr(target.base, '#', target.len) != NULL;
}

#endif
