#include "grpc/inflater.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "grpc/call.h"

/* What zlib is given and asked for at a time. */
#define IN_PIECE ((size_t)8 << 10)
#define OUT_PIECE ((size_t)32 << 10)
#define LEAST_OUT ((size_t)512)

/* Blocks that hold nothing but their tables take ten times longer to read than bytes to make. */
#define WORK_OF_INPUT 8
/* To begin with a member of gzip. */
#define WORK_OF_MEMBER 4096

/* What a message may take before more room is asked for. */
#define FIRST_ROOM ((size_t)64 << 10)

/* zlib's "windowBits": the largest window, and whose header stands before the data. */
#define ZLIB_FORMAT 15
#define GZIP_FORMAT (15 + 16)

struct gw_inflater {
    int format;
    size_t most; /* of a message with its prefix */
    size_t room;
    bool is_busy;
    z_stream zlib;      /* while busy */
    struct gw_slice in; /* not read yet */
    struct gw_buf kept; /* what `in` points into, unless it is borrowed */
    struct gw_buf out;
};

/* --- names --- */

bool gw_inflater_is_identity(struct gw_slice encoding)
{
    return encoding.len == 0 || gw_slice_eq(encoding, GW_SLICE("identity"));
}

static struct gw_slice trim(struct gw_slice s)
{
    while (s.len > 0 && (s.base[0] == ' ' || s.base[0] == '\t'))
        s = gw_slice_from(s, 1);
    while (s.len > 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool gw_inflater_is_listed(struct gw_slice list, struct gw_slice encoding)
{
    while (list.len > 0) {
        const char *comma = memchr(list.base, ',', list.len);
        size_t length = comma != NULL ? (size_t)(comma - list.base) : list.len;
        if (gw_slice_eq(trim(gw_slice(list.base, length)), encoding))
            return true;
        list = gw_slice_from(list, length < list.len ? length + 1 : length);
    }
    return false;
}

/* --- life --- */

struct gw_inflater *gw_inflater_create(struct gw_slice encoding, uint64_t max_message_bytes)
{
    int format = gw_slice_eq(encoding, GW_SLICE("gzip"))      ? GZIP_FORMAT
                 : gw_slice_eq(encoding, GW_SLICE("deflate")) ? ZLIB_FORMAT
                                                              : 0;
    if (format == 0)
        return NULL;
    struct gw_inflater *inflater = gw_alloc(sizeof(*inflater));
    inflater->format = format;
    inflater->most = (size_t)max_message_bytes + GW_GRPC_PREFIX_BYTES;
    return inflater;
}

/* zlib's memory, some 40 KiB, and what was read from. */
static void stop(struct gw_inflater *inflater)
{
    if (inflater->is_busy)
        inflateEnd(&inflater->zlib);
    inflater->is_busy = false;
    inflater->in = gw_slice(NULL, 0);
    gw_buf_dispose(&inflater->kept);
}

void gw_inflater_destroy(struct gw_inflater *inflater)
{
    if (inflater == NULL)
        return;
    stop(inflater);
    gw_buf_dispose(&inflater->out);
    free(inflater);
}

void gw_inflater_release(struct gw_inflater *inflater)
{
    gw_buf_dispose(&inflater->out);
}

bool gw_inflater_is_busy(const struct gw_inflater *inflater)
{
    return inflater->is_busy;
}

/* --- a message --- */

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

void gw_inflater_begin(struct gw_inflater *inflater, struct gw_slice message)
{
    inflater->zlib = (z_stream){0};
    if (inflateInit2(&inflater->zlib, inflater->format) != Z_OK)
        h2o_fatal("no memory");
    inflater->is_busy = true;
    inflater->in = message;
    inflater->room = min(FIRST_ROOM, inflater->most);
    inflater->out.len = 0;
    gw_buf_reserve(&inflater->out, GW_GRPC_PREFIX_BYTES);
    inflater->out.len = GW_GRPC_PREFIX_BYTES;
}

void gw_inflater_keep(struct gw_inflater *inflater)
{
    if (inflater->kept.base != NULL || inflater->in.len == 0)
        return;
    gw_buf_append(&inflater->kept, inflater->in);
    inflater->in = gw_buf_slice(&inflater->kept);
}

size_t gw_inflater_room(const struct gw_inflater *inflater)
{
    return inflater->room;
}

size_t gw_inflater_next_room(const struct gw_inflater *inflater)
{
    return min(2 * inflater->room, inflater->most);
}

void gw_inflater_grow(struct gw_inflater *inflater)
{
    inflater->room = gw_inflater_next_room(inflater);
}

static int done(struct gw_inflater *inflater)
{
    stop(inflater);
    gw_grpc_prefix_write(inflater->out.base, (uint32_t)(inflater->out.len - GW_GRPC_PREFIX_BYTES));
    return GW_INFLATE_DONE;
}

static void spend(size_t *work, size_t amount)
{
    *work -= min(*work, amount);
}

/* A gzip file is one member or several, one behind the other (RFC 1952 section 2.2). */
static int end_member(struct gw_inflater *inflater, size_t *work)
{
    struct gw_slice left = inflater->in;
    if (left.len == 0)
        return done(inflater);
    if (inflater->format != GZIP_FORMAT || !gw_slice_starts_with(left, GW_SLICE("\x1f\x8b")))
        return GW_INFLATE_BROKEN;
    spend(work, WORK_OF_MEMBER);
    inflateReset(&inflater->zlib);
    return GW_INFLATE_MORE;
}

/* One step of zlib's. Where all of the room is taken, one byte more tells a message that goes on
 * from one that has ended. */
static int step(struct gw_inflater *inflater, size_t *work)
{
    z_stream *zlib = &inflater->zlib;
    char beyond;
    size_t room = inflater->room - inflater->out.len;
    size_t in = min(inflater->in.len, IN_PIECE);
    size_t out = room > 0 ? min(room, min(OUT_PIECE, LEAST_OUT + 4 * in)) : 1;
    zlib->next_in = (Bytef *)(uintptr_t)inflater->in.base;
    zlib->avail_in = (uInt)in;
    zlib->next_out = (Bytef *)(room > 0 ? gw_buf_reserve(&inflater->out, out) : &beyond);
    zlib->avail_out = (uInt)out;

    int rc = inflate(zlib, Z_NO_FLUSH);
    size_t read = in - zlib->avail_in, made = out - zlib->avail_out;
    inflater->in = gw_slice_from(inflater->in, read);
    spend(work, made + WORK_OF_INPUT * read);
    if (room == 0 && made > 0)
        return GW_INFLATE_TOO_LARGE;
    inflater->out.len += made;
    if (rc == Z_STREAM_END)
        return end_member(inflater, work);
    return rc == Z_OK ? GW_INFLATE_MORE : GW_INFLATE_BROKEN;
}

int gw_inflater_run(struct gw_inflater *inflater, size_t *work)
{
    int rc = GW_INFLATE_MORE;
    if (inflater->in.len == 0 && inflater->zlib.total_in == 0)
        return done(inflater);
    while (*work > 0 && rc == GW_INFLATE_MORE) {
        if (inflater->out.len == inflater->room && inflater->room < inflater->most)
            return GW_INFLATE_ROOM;
        rc = step(inflater, work);
    }
    return rc;
}

struct gw_slice gw_inflater_framed(const struct gw_inflater *inflater)
{
    return gw_buf_slice(&inflater->out);
}
