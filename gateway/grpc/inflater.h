/* Makes plain messages of compressed ones (grpc/doc/compression.md): gzip (RFC 1952, of one member
 * or several) and deflate, by which gRPC means zlib's format (RFC 1950).
 *
 *     gw_inflater_begin(inflater, message);
 *     while ((rc = gw_inflater_run(inflater, &work)) == GW_INFLATE_ROOM)
 *         gw_inflater_grow(inflater);
 *     gw_inflater_framed(inflater)
 *
 * A few bytes may stand for gigabytes, so whoever inflates says how much work may be done now, and
 * how much memory may be taken. Pure; worker-local. */
#ifndef GW_GRPC_INFLATER_H
#define GW_GRPC_INFLATER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What can be inflated, for grpc-accept-encoding. */
#define GW_INFLATE_ENCODINGS "identity,deflate,gzip"

enum gw_inflate_result {
    GW_INFLATE_DONE = 1,
    GW_INFLATE_MORE = 0,       /* the work that was allowed is done */
    GW_INFLATE_ROOM = 2,       /* it needs gw_inflater_grow first */
    GW_INFLATE_TOO_LARGE = -1, /* longer than max_message_bytes */
    GW_INFLATE_BROKEN = -2,    /* not in the format, cut off, or something stands behind it */
};

/* Whether messages need no inflating: no name at all, or "identity". */
bool gw_inflater_is_identity(struct gw_slice encoding);
/* Whether grpc-accept-encoding, a list with commas, has the name. */
bool gw_inflater_is_listed(struct gw_slice list, struct gw_slice encoding);

/* Of the messages of one answer: it takes little memory between them. */
struct gw_inflater;

/* NULL where the encoding is none that can be inflated. */
struct gw_inflater *gw_inflater_create(struct gw_slice encoding, uint64_t max_message_bytes);
/* NULL is allowed. */
void gw_inflater_destroy(struct gw_inflater *inflater);

/* Borrows the message until it is done, or gw_inflater_keep. An empty one stands for an empty one.
 */
void gw_inflater_begin(struct gw_inflater *inflater, struct gw_slice message);
/* *work counts bytes, what is read more than what is made, and becomes what is left of it. */
int gw_inflater_run(struct gw_inflater *inflater, size_t *work);
/* A message has begun and is not done. */
bool gw_inflater_is_busy(const struct gw_inflater *inflater);
/* Copies what is left to read of the message, which then may go. */
void gw_inflater_keep(struct gw_inflater *inflater);

/* The room that the message may take, with its prefix, and what gw_inflater_grow would make it. */
size_t gw_inflater_room(const struct gw_inflater *inflater);
size_t gw_inflater_next_room(const struct gw_inflater *inflater);
void gw_inflater_grow(struct gw_inflater *inflater);

/* Of a message that is done: gRPC's prefix, flag 0, and the message; valid until the next one
 * begins, or gw_inflater_release. */
struct gw_slice gw_inflater_framed(const struct gw_inflater *inflater);
/* Frees a message that is done. */
void gw_inflater_release(struct gw_inflater *inflater);

#endif
