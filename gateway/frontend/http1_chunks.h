/* A strict look at a body in chunks (RFC 9112 section 7.1), before libh2o decodes it. libh2o ends a
 * chunk's line at any LF and passes over whatever stands before it, so that `0x10` is a size of 0;
 * a party that reads it otherwise finds another end of the request. Pure. */
#ifndef GW_FRONTEND_HTTP1_CHUNKS_H
#define GW_FRONTEND_HTTP1_CHUNKS_H

#include <stdint.h>

#include "base/slice.h"
#include "frontend/http1_head.h"

/* Of extensions and trailers together, which nobody makes use of. */
#define GW_HTTP1_CHUNK_EXTRA_MAX 16384

/* All zero at the body's beginning, but for the limit. */
struct gw_http1_chunks {
    uint64_t limit_bytes; /* of all chunks together; 0: none */
    uint64_t total_bytes; /* announced by those that have begun */
    int state;
    unsigned digits;    /* of the size that is coming in */
    uint64_t size;      /* that, or what is left of the chunk */
    size_t extra_bytes; /* as above */
};

/* `bytes` follow those that were looked at before. *ret_used, unless they are refused or too large:
 * how many of them belong to the body, which has ended when the outcome is GW_HTTP1_SOUND. Refused
 * are: a size that is not 1 to 16 hexadecimal digits, something behind it that is neither blank nor
 * begins with a semicolon, control characters, a line that does not end with CR LF, a chunk that is
 * not followed by CR LF, a trailer without a name that is a token, and more extra bytes than the
 * limit. GW_HTTP1_TOO_LARGE, as soon as a size is read: the chunks up to this one are over
 * limit_bytes. */
enum gw_http1_outcome gw_http1_chunks_check(struct gw_http1_chunks *chunks, struct gw_slice bytes,
                                            size_t *ret_used);

#endif
