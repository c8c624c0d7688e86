/* Cuts the bytes of one direction of a stream into gRPC messages: a flag byte (compressed or not),
 * four bytes of length, the message (grpc/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message).
 *
 *     gw_frame_reader_feed(&reader, chunk);
 *     while (wanted > 0 && (rc = gw_frame_reader_next(&reader, &message)) == GW_FRAME_MESSAGE)
 *         ...
 *     gw_frame_reader_keep(&reader);
 *
 * The reader does not run ahead of its user: messages that are not taken stay in it. A message that
 * lies whole in a chunk is given out where it lies; only what is cut by a chunk's end is copied. */
#ifndef GW_GRPC_FRAME_READER_H
#define GW_GRPC_FRAME_READER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum gw_frame_result {
    GW_FRAME_MESSAGE = 1,
    GW_FRAME_MORE = 0,        /* no whole message is left */
    GW_FRAME_TOO_LARGE = -1,  /* longer than max_message_bytes */
    GW_FRAME_COMPRESSED = -2, /* flag 1, and nobody who could decompress */
    GW_FRAME_MALFORMED = -3,  /* any other flag */
};

/* The length, prefix included, of the message that `bytes` begin with; it may go on behind them.
 * GW_FRAME_MORE where not even the prefix is there. */
int gw_frame_measure(struct gw_slice bytes, uint64_t max_message_bytes, bool takes_compressed,
                     size_t *ret_size);
/* The length of all messages that `bytes` begin with and hold whole. An error only where the first
 * one is not sound. Compressed ones are. */
int gw_frame_measure_whole(struct gw_slice bytes, uint64_t max_message_bytes, size_t *ret_size);

/* Embedded by value; worker-local. After an error every next gives the same error. */
struct gw_frame_reader {
    uint64_t max_message_bytes;
    bool takes_compressed; /* messages with flag 1 too; to be set after init */
    struct gw_slice chunk; /* borrowed: what is not taken of the chunk fed last */
    struct gw_buf kept;    /* what came before it; on the heap, freed when empty */
    size_t kept_from;      /* where the first byte not taken stands in it */
};

void gw_frame_reader_init(struct gw_frame_reader *reader, uint64_t max_message_bytes);
/* Harmless twice. */
void gw_frame_reader_dispose(struct gw_frame_reader *reader);

/* Adds a chunk, borrowed until gw_frame_reader_keep. What was fed before must have been kept. */
void gw_frame_reader_feed(struct gw_frame_reader *reader, struct gw_slice chunk);
/* What gw_frame_reader_next would return, without taking anything. */
int gw_frame_reader_peek(const struct gw_frame_reader *reader);
/* The length, prefix included, of the message that is next, as soon as its prefix is there; else 0.
 */
size_t gw_frame_reader_coming(const struct gw_frame_reader *reader);
/* Takes the next message; it is valid until the next call on the reader. Its prefix stands before
 * it. */
int gw_frame_reader_next(struct gw_frame_reader *reader, struct gw_slice *ret_message);
/* Copies what is left of the chunk; afterwards the chunk may go. */
void gw_frame_reader_keep(struct gw_frame_reader *reader);

/* Bytes fed but not taken. 0 at the end of a stream; anything else there means that it was cut off
 * (or that messages are still to be taken). */
static inline size_t gw_frame_reader_held(const struct gw_frame_reader *reader)
{
    return reader->kept.len - reader->kept_from + reader->chunk.len;
}

#endif
