#include "grpc/frame_reader.h"

#include <assert.h>
#include <string.h>

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

int gw_frame_measure(struct gw_slice bytes, uint64_t max_message_bytes, bool takes_compressed,
                     size_t *ret_size)
{
    if (bytes.len < GW_GRPC_PREFIX_BYTES)
        return GW_FRAME_MORE;
    const unsigned char *p = (const unsigned char *)bytes.base;
    if (p[0] > 1)
        return GW_FRAME_MALFORMED;
    uint32_t length =
        (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | (uint32_t)p[4];
    if (length > max_message_bytes)
        return GW_FRAME_TOO_LARGE;
    if (p[0] == 1 && !takes_compressed)
        return GW_FRAME_COMPRESSED;
    *ret_size = GW_GRPC_PREFIX_BYTES + (size_t)length;
    return GW_FRAME_MESSAGE;
}

int gw_frame_measure_whole(struct gw_slice bytes, uint64_t max_message_bytes, size_t *ret_size)
{
    size_t at = 0, size;
    int rc;
    while ((rc = gw_frame_measure(gw_slice_from(bytes, at), max_message_bytes, true, &size)) ==
               GW_FRAME_MESSAGE &&
           size <= bytes.len - at)
        at += size;
    *ret_size = at;
    return at == 0 && rc < 0 ? rc : 0;
}

static size_t kept_length(const struct gw_frame_reader *reader)
{
    return reader->kept.len - reader->kept_from;
}

/* The size with its prefix of the message that is next. */
static int measure(const struct gw_frame_reader *reader, size_t *ret_size)
{
    size_t held = gw_frame_reader_held(reader), kept = kept_length(reader);
    if (held < GW_GRPC_PREFIX_BYTES)
        return GW_FRAME_MORE;
    char p[GW_GRPC_PREFIX_BYTES];
    size_t n = kept < sizeof(p) ? kept : sizeof(p);
    if (n > 0)
        memcpy(p, reader->kept.base + reader->kept_from, n);
    h2o_memcpy(p + n, reader->chunk.base, sizeof(p) - n);
    int rc = gw_frame_measure(gw_slice(p, sizeof(p)), reader->max_message_bytes,
                              reader->takes_compressed, ret_size);
    return rc == GW_FRAME_MESSAGE && held < *ret_size ? GW_FRAME_MORE : rc;
}

int gw_frame_reader_peek(const struct gw_frame_reader *reader)
{
    size_t size;
    return measure(reader, &size);
}

size_t gw_frame_reader_coming(const struct gw_frame_reader *reader)
{
    size_t size = 0;
    measure(reader, &size);
    return size;
}

int gw_frame_reader_next(struct gw_frame_reader *reader, struct gw_slice *ret_message)
{
    size_t size;
    int rc = measure(reader, &size);
    if (rc != GW_FRAME_MESSAGE)
        return rc;

    const char *from;
    size_t kept = kept_length(reader);
    if (kept == 0) {
        release_kept(reader);
        from = reader->chunk.base;
        reader->chunk = gw_slice_from(reader->chunk, size);
    } else {
        if (kept < size) {
            gw_buf_append(&reader->kept, gw_slice(reader->chunk.base, size - kept));
            reader->chunk = gw_slice_from(reader->chunk, size - kept);
        }
        from = reader->kept.base + reader->kept_from;
        reader->kept_from += size;
    }
    *ret_message = gw_slice(from + GW_GRPC_PREFIX_BYTES, size - GW_GRPC_PREFIX_BYTES);
    return GW_FRAME_MESSAGE;
}

void gw_frame_reader_keep(struct gw_frame_reader *reader)
{
    if (kept_length(reader) == 0) {
        release_kept(reader);
    } else if (reader->kept_from > reader->kept.len / 2) {
        /* Not each time: many small messages may be taken one by one. */
        gw_buf_consume(&reader->kept, reader->kept_from);
        reader->kept_from = 0;
    }
    gw_buf_append(&reader->kept, reader->chunk);
    reader->chunk = gw_slice(NULL, 0);
}
