#include "transcode/wire_format.h"

void gw_wire_end_long_length(struct gw_buf *out, size_t begin)
{
    size_t length = out->len - begin;
    char digits[GW_VARINT_MAX];
    size_t size = (size_t)(gw_wire_put_varint(digits, length) - digits);
    gw_buf_reserve(out, size - 1);
    memmove(out->base + begin - 1 + size, out->base + begin, length);
    memcpy(out->base + begin - 1, digits, size);
    out->len += size - 1;
}

const char *gw_wire_get_long_varint(const char *at, const char *end, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 7 * GW_VARINT_MAX && at < end; shift += 7) {
        unsigned char byte = (unsigned char)*at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_n = n;
            return at;
        }
    }
    return NULL;
}

static const char *get_key(const char *at, const char *end, uint32_t *ret_number,
                           enum gw_wire_type *ret_type)
{
    uint64_t key;
    at = gw_wire_get_varint(at, end, &key);
    if (at == NULL || key > UINT32_MAX || key >> 3 == 0)
        return NULL;
    *ret_number = (uint32_t)(key >> 3);
    *ret_type = (enum gw_wire_type)(key & 7);
    return at;
}

/* Finds the end of the group `number` whose start key is behind us. */
static const char *get_group(const char *at, const char *end, int depth, uint32_t number,
                             struct gw_slice *ret_inside)
{
    const char *inside = at;
    if (depth <= 0)
        return NULL;
    while (at != NULL && at < end) {
        const char *key = at;
        struct gw_wire_value value;
        at = get_key(at, end, &value.number, &value.wire_type);
        if (at != NULL && value.wire_type == GW_WIRE_GROUP_END) {
            *ret_inside = gw_slice(inside, (size_t)(key - inside));
            return value.number == number ? at : NULL;
        }
        if (at != NULL)
            at = gw_wire_get_value(key, end, depth - 1, &value);
    }
    return NULL;
}

const char *gw_wire_get_value(const char *at, const char *end, int depth,
                              struct gw_wire_value *ret_value)
{
    at = get_key(at, end, &ret_value->number, &ret_value->wire_type);
    if (at == NULL)
        return NULL;
    switch (ret_value->wire_type) {
    case GW_WIRE_VARINT:
    case GW_WIRE_FIXED64:
    case GW_WIRE_FIXED32:
        return gw_wire_get_bits(at, end, ret_value->wire_type, &ret_value->bits);
    case GW_WIRE_BYTES: {
        uint64_t length;
        at = gw_wire_get_varint(at, end, &length);
        if (at == NULL || length > (uint64_t)(end - at))
            return NULL;
        ret_value->bytes = gw_slice(at, (size_t)length);
        return at + length;
    }
    case GW_WIRE_GROUP:
        return get_group(at, end, depth, ret_value->number, &ret_value->bytes);
    default:
        return NULL;
    }
}
