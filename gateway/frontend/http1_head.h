/* A strict look at an HTTP/1.x request head (RFC 9112), before libh2o parses it. libh2o accepts
 * forms that other parties read differently, and answers what it does refuse without asking us.
 * Pure. */
#ifndef GW_FRONTEND_HTTP1_HEAD_H
#define GW_FRONTEND_HTTP1_HEAD_H

#include "base/slice.h"
#include "frontend/request_fault.h"

struct gw_http1_limits {
    size_t header_count, header_bytes; /* bytes: of the whole head */
};

/* A method or a header's name, RFC 9110 section 5.6.2. */
bool gw_http_is_token(struct gw_slice s);

/* TOO_LARGE: only of a body, see http1_chunks.h. */
enum gw_http1_outcome { GW_HTTP1_INCOMPLETE, GW_HTTP1_SOUND, GW_HTTP1_REFUSED, GW_HTTP1_TOO_LARGE };

/* `bytes` begins with a request's head; what follows it is not looked at. *scanned (0 at first)
 * remembers how much of it was seen to hold no end yet, so that a head that comes byte by byte
 * costs no more; of one that is sound it is the length, and *ret_in_chunks tells whether a body in
 * chunks follows. Refused are: a line that is not `METHOD SP
 * target SP HTTP/1.0` or `1.1`, a target that is neither a path nor an absolute URL (nor the `*` of
 * OPTIONS), a line that does not end with CR LF, folded lines, empty or malformed names, control
 * characters, no Host or two in HTTP/1.1, Content-Length beside Transfer-Encoding, two
 * Content-Lengths, one that is no number, a Transfer-Encoding that is not `chunked`, two of them or
 * one in HTTP/1.0, and more headers or bytes than the limits. */
enum gw_http1_outcome gw_http1_head_check(struct gw_slice bytes, size_t *scanned,
                                          const struct gw_http1_limits *limits, bool *ret_in_chunks,
                                          struct gw_request_fault *ret_fault);

#endif
