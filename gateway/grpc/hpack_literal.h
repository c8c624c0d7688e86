/* Header fields as plain literals of HPACK (RFC 7541 sections 6.2.2 and 6.2.3): the name and the
 * value as they are. They neither use nor change HPACK's tables, so they may stand behind whatever
 * an encoder has made of the other fields of a block. */
#ifndef GW_GRPC_HPACK_LITERAL_H
#define GW_GRPC_HPACK_LITERAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The most bytes of a field, for names and values of less than 2 MiB. */
static inline size_t gw_hpack_literal_bound(struct gw_slice name, struct gw_slice value)
{
    return 1 + 4 + name.len + 4 + value.len;
}

/* A string that is not coded in Huffman's way: its length, with 7 bits in the first byte, and its
 * bytes (RFC 7541 sections 5.1 and 5.2). */
static inline char *gw_hpack_put_string(char *to, struct gw_slice s)
{
    if (s.len < 0x7f) {
        *to++ = (char)s.len;
    } else {
        *to++ = 0x7f;
        size_t rest = s.len - 0x7f;
        for (; rest >= 0x80; rest >>= 7)
            *to++ = (char)(rest | 0x80);
        *to++ = (char)rest;
    }
    if (s.len > 0)
        memcpy(to, s.base, s.len);
    return to + s.len;
}

/* Writes to `to`, which has room for gw_hpack_literal_bound bytes, and returns where the field
 * ends. `is_sensitive`: no intermediary may put it into a table either. */
static inline char *gw_hpack_put_literal(char *to, struct gw_slice name, struct gw_slice value,
                                         bool is_sensitive)
{
    *to++ = is_sensitive ? 0x10 : 0;
    return gw_hpack_put_string(gw_hpack_put_string(to, name), value);
}

#endif
