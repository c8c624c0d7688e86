#include "grpc/frame_reader.h"

#include <assert.h>

#include "grpc/call.h"

void gw_frame_reader_init(struct gw_frame_reader *reader, uint64_t max_message_bytes)
{
    *reader = (struct gw_frame_reader){.max_message_bytes = max_message_bytes};
}

static void release_kept(struct gw_frame_reader *reader)
{
    gw_buf_dispose(&reader->kept);
    reader->kept_from = 0;
}

void gw_frame_reader_dispose(struct gw_frame_reader *reader)
{
    release_kept(reader);
    reader->chunk = gw_slice(NULL, 0);
}

void gw_frame_reader_feed(struct gw_frame_reader *reader, struct gw_slice chunk)
{
    assert(reader->chunk.len == 0);
    reader->chunk = chunk;
}

static struct gw_slice kept(const struct gw_frame_reader *reader)
{
    return gw_slice_from(gw_buf_slice(&reader->kept), reader->kept_from);
}

/* Moves bytes from the chunk behind the kept ones until `want` of those are there. */
static bool complete(struct gw_frame_reader *reader, size_t want)
{
    size_t have = reader->kept.len - reader->kept_from;
    if (have >= want)
        return true;
    size_t n = want - have < reader->chunk.len ? want - have : reader->chunk.len;
    gw_buf_append(&reader->kept, gw_slice(reader->chunk.base, n));
    reader->chunk = gw_slice_from(reader->chunk, n);
    return have + n == want;
}

/* What the prefix announces: GW_FRAME_MESSAGE and the size with the prefix, or an error. */
static int read_prefix(const struct gw_frame_reader *reader, const char *prefix, size_t *ret_size)
{
    const unsigned char *p = (const unsigned char *)prefix;
    if (p[0] > 1)
        return GW_FRAME_MALFORMED;
    uint32_t length =
        (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | (uint32_t)p[4];
    if (length > reader->max_message_bytes)
        return GW_FRAME_TOO_LARGE;
    if (p[0] == 1)
        return GW_FRAME_COMPRESSED;
    *ret_size = GW_GRPC_PREFIX_BYTES + (size_t)length;
    return GW_FRAME_MESSAGE;
}

static int next_in_chunk(struct gw_frame_reader *reader, struct gw_slice *ret_message)
{
    if (reader->chunk.len < GW_GRPC_PREFIX_BYTES)
        return GW_FRAME_MORE;
    size_t size;
    int rc = read_prefix(reader, reader->chunk.base, &size);
    if (rc != GW_FRAME_MESSAGE)
        return rc;
    if (reader->chunk.len < size)
        return GW_FRAME_MORE;
    *ret_message = gw_slice(reader->chunk.base + GW_GRPC_PREFIX_BYTES, size - GW_GRPC_PREFIX_BYTES);
    reader->chunk = gw_slice_from(reader->chunk, size);
    return GW_FRAME_MESSAGE;
}

int gw_frame_reader_next(struct gw_frame_reader *reader, struct gw_slice *ret_message)
{
    if (reader->kept_from == reader->kept.len) {
        release_kept(reader);
        return next_in_chunk(reader, ret_message);
    }
    if (!complete(reader, GW_GRPC_PREFIX_BYTES))
        return GW_FRAME_MORE;
    size_t size;
    int rc = read_prefix(reader, kept(reader).base, &size);
    if (rc != GW_FRAME_MESSAGE)
        return rc;
    if (!complete(reader, size))
        return GW_FRAME_MORE;
    *ret_message = gw_slice(kept(reader).base + GW_GRPC_PREFIX_BYTES, size - GW_GRPC_PREFIX_BYTES);
    reader->kept_from += size;
    return GW_FRAME_MESSAGE;
}

void gw_frame_reader_keep(struct gw_frame_reader *reader)
{
    if (reader->kept_from == reader->kept.len) {
        release_kept(reader);
    } else if (reader->kept_from > reader->kept.len / 2) {
        /* Not each time: many small messages may be taken one by one. */
        gw_buf_consume(&reader->kept, reader->kept_from);
        reader->kept_from = 0;
    }
    gw_buf_append(&reader->kept, reader->chunk);
    reader->chunk = gw_slice(NULL, 0);
}
