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

/* Of a head that is sound. */
struct gw_http1_head {
    bool in_chunks;        /* a body in chunks follows */
    bool has_space_behind; /* a value: see gw_http1_head_tidy */
    bool has_hop_headers;  /* Connection names some: see hop_headers.h */
};

/* `bytes` begins with a request's head; what follows it is not looked at. *scanned (0 at first)
 * remembers how much of it was seen to hold no end yet, so that a head that comes byte by byte
 * costs no more; of one that is sound it is the length. Refused are: a line that is not `METHOD SP
 * target SP HTTP/1.0` or `1.1`, a target that is neither a path nor an absolute URL (nor the `*` of
 * OPTIONS) or has a fragment, a line that does not end with CR LF, folded lines, empty or malformed
 * names, control characters, no Host or two in HTTP/1.1, one that is no host with or without port,
 * Content-Length beside Transfer-Encoding, two Content-Lengths, one that is no number, a
 * Transfer-Encoding that is not `chunked`, two of them or one in HTTP/1.0, what gw_hop_check
 * refuses of Connection, and more headers or bytes than the limits. */
enum gw_http1_outcome gw_http1_head_check(struct gw_slice bytes, size_t *scanned,
                                          const struct gw_http1_limits *limits,
                                          struct gw_http1_head *ret_head,
                                          struct gw_request_fault *ret_fault);

/* Moves white space behind values in front of them, where libh2o skips it: it is no part of a value
 * (RFC 9112 section 5). `bytes` is a sound head of that length, which stays as it is. */
void gw_http1_head_tidy(char *bytes, size_t length);

#endif
