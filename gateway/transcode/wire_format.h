/* The protobuf wire format (protobuf.dev/programming-guides/encoding): what both directions share.
 */
#ifndef GW_TRANSCODE_WIRE_FORMAT_H
#define GW_TRANSCODE_WIRE_FORMAT_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "schema/schema.h"

enum gw_wire_type {
    GW_WIRE_VARINT = 0,
    GW_WIRE_FIXED64 = 1,
    GW_WIRE_BYTES = 2,
    GW_WIRE_GROUP = 3,
    GW_WIRE_GROUP_END = 4,
    GW_WIRE_FIXED32 = 5,
};

#define GW_VARINT_MAX 10

/* How one value of the type stands on the wire, unless packed. */
static inline enum gw_wire_type gw_wire_type_of(enum gw_type type)
{
    static const uint8_t wire_types[] = {
        [GW_TYPE_DOUBLE] = GW_WIRE_FIXED64,   [GW_TYPE_FLOAT] = GW_WIRE_FIXED32,
        [GW_TYPE_INT64] = GW_WIRE_VARINT,     [GW_TYPE_UINT64] = GW_WIRE_VARINT,
        [GW_TYPE_INT32] = GW_WIRE_VARINT,     [GW_TYPE_FIXED64] = GW_WIRE_FIXED64,
        [GW_TYPE_FIXED32] = GW_WIRE_FIXED32,  [GW_TYPE_BOOL] = GW_WIRE_VARINT,
        [GW_TYPE_STRING] = GW_WIRE_BYTES,     [GW_TYPE_GROUP] = GW_WIRE_GROUP,
        [GW_TYPE_MESSAGE] = GW_WIRE_BYTES,    [GW_TYPE_BYTES] = GW_WIRE_BYTES,
        [GW_TYPE_UINT32] = GW_WIRE_VARINT,    [GW_TYPE_ENUM] = GW_WIRE_VARINT,
        [GW_TYPE_SFIXED32] = GW_WIRE_FIXED32, [GW_TYPE_SFIXED64] = GW_WIRE_FIXED64,
        [GW_TYPE_SINT32] = GW_WIRE_VARINT,    [GW_TYPE_SINT64] = GW_WIRE_VARINT,
    };
    return (enum gw_wire_type)wire_types[type];
}

static inline uint64_t gw_zigzag(int64_t n)
{
    return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static inline int64_t gw_unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

/* The functions below that take `to` need room there and return where what they wrote ends. */

static inline char *gw_wire_put_varint(char *to, uint64_t n)
{
    while (n >= 0x80) {
        *to++ = (char)(n | 0x80);
        n >>= 7;
    }
    *to++ = (char)n;
    return to;
}

static inline char *gw_wire_put_key(char *to, uint32_t number, enum gw_wire_type wire_type)
{
    return gw_wire_put_varint(to, (uint64_t)number << 3 | wire_type);
}

/* `bits` as gw_scalar has them; wire_type is not GW_WIRE_BYTES. */
static inline char *gw_wire_put_bits(char *to, enum gw_wire_type wire_type, uint64_t bits)
{
    if (wire_type == GW_WIRE_VARINT)
        return gw_wire_put_varint(to, bits);
    uint64_t little = htole64(bits);
    size_t size = wire_type == GW_WIRE_FIXED64 ? 8 : 4;
    memcpy(to, &little, size);
    return to + size;
}

static inline void gw_wire_append_key(struct gw_buf *out, uint32_t number,
                                      enum gw_wire_type wire_type)
{
    char *to = gw_buf_reserve(out, GW_VARINT_MAX);
    out->len = (size_t)(gw_wire_put_key(to, number, wire_type) - out->base);
}

static inline void gw_wire_append_varint_field(struct gw_buf *out, uint32_t number, uint64_t n)
{
    char *to = gw_wire_put_key(gw_buf_reserve(out, 2 * GW_VARINT_MAX), number, GW_WIRE_VARINT);
    out->len = (size_t)(gw_wire_put_varint(to, n) - out->base);
}

static inline void gw_wire_append_bytes_field(struct gw_buf *out, uint32_t number,
                                              struct gw_slice bytes)
{
    char *to = gw_buf_reserve(out, 2 * GW_VARINT_MAX + bytes.len);
    to = gw_wire_put_varint(gw_wire_put_key(to, number, GW_WIRE_BYTES), bytes.len);
    if (bytes.len != 0)
        memcpy(to, bytes.base, bytes.len);
    out->len = (size_t)(to - out->base) + bytes.len;
}

/* What stands between begin and end gets its length written before it. One byte is kept free for
 * that; longer contents are moved. Returns what `end` needs. */
static inline size_t gw_wire_begin_length(struct gw_buf *out)
{
    gw_buf_reserve(out, 1);
    return ++out->len;
}

void gw_wire_end_long_length(struct gw_buf *out, size_t begin);

static inline void gw_wire_end_length(struct gw_buf *out, size_t begin)
{
    size_t length = out->len - begin;
    if (length < 0x80)
        out->base[begin - 1] = (char)length;
    else
        gw_wire_end_long_length(out, begin);
}

/* NULL where the varint is cut off or longer than 10 bytes. */
const char *gw_wire_get_long_varint(const char *at, const char *end, uint64_t *ret_n);

static inline const char *gw_wire_get_varint(const char *at, const char *end, uint64_t *ret_n)
{
    if (at < end && (unsigned char)*at < 0x80) {
        *ret_n = (unsigned char)*at;
        return at + 1;
    }
    return gw_wire_get_long_varint(at, end, ret_n);
}

/* NULL where it is cut off. wire_type is one of the three with `bits`. */
static inline const char *gw_wire_get_bits(const char *at, const char *end,
                                           enum gw_wire_type wire_type, uint64_t *ret_bits)
{
    if (wire_type == GW_WIRE_VARINT)
        return gw_wire_get_varint(at, end, ret_bits);
    size_t size = wire_type == GW_WIRE_FIXED64 ? 8 : 4;
    if ((size_t)(end - at) < size)
        return NULL;
    uint64_t little = 0;
    memcpy(&little, at, size);
    *ret_bits = le64toh(little);
    return at + size;
}

/* One field as it stands on the wire. */
struct gw_wire_value {
    uint32_t number;
    enum gw_wire_type wire_type; /* never GW_WIRE_GROUP_END */
    uint64_t bits;               /* the varint or fixed value */
    struct gw_slice bytes;       /* of GW_WIRE_BYTES and GW_WIRE_GROUP: what is inside */
};

/* Reads key and value. NULL for what no message can hold: a key or value that is cut off, an
 * unknown wire type, field number 0, a varint of more than 10 bytes, an end of a group that did not
 * begin, groups nested deeper than `depth`. */
const char *gw_wire_get_value(const char *at, const char *end, int depth,
                              struct gw_wire_value *ret_value);

#endif
