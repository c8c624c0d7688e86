#include "schema/raw.h"

/* Length of the varint that s begins with, or 0. */
static size_t read_varint(struct gw_slice s, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len && i < 10; i++) {
        uint64_t byte = (unsigned char)s.base[i];
        value |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

/* Bytes before the payload and in it, or -1. */
static int measure(struct gw_slice s, enum gw_raw_type type, size_t *ret_before, uint64_t *ret_len)
{
    uint64_t ignored;
    *ret_before = 0;
    switch (type) {
    case GW_RAW_VARINT:
        *ret_len = read_varint(s, &ignored);
        return *ret_len ? 0 : -1;
    case GW_RAW_I64:
        *ret_len = 8;
        return 0;
    case GW_RAW_I32:
        *ret_len = 4;
        return 0;
    case GW_RAW_LEN:
        *ret_before = read_varint(s, ret_len);
        return *ret_before ? 0 : -1;
    }
    return -1;
}

int gw_raw_next(struct gw_slice *rest, struct gw_raw_field *ret_field)
{
    if (rest->len == 0)
        return 0;
    uint64_t tag, len;
    size_t before, tag_bytes = read_varint(*rest, &tag);
    if (tag_bytes == 0 || tag > UINT32_MAX || tag >> 3 == 0)
        return -1;
    struct gw_slice s = gw_slice_from(*rest, tag_bytes);
    if (measure(s, tag & 7, &before, &len) != 0 || len > s.len - before)
        return -1;
    size_t whole = tag_bytes + before + len;
    *ret_field = (struct gw_raw_field){
        .number = (uint32_t)(tag >> 3),
        .type = tag & 7,
        .payload = gw_slice(s.base + before, len),
        .whole = gw_slice(rest->base, whole),
    };
    *rest = gw_slice_from(*rest, whole);
    return 1;
}
