/* The fields of a serialised message one at a time, nothing copied
 * (protobuf.dev/programming-guides/encoding). For what protobuf-c cannot do: see how deep a message
 * nests before it recurses into it, and merge a submessage that comes in parts. */
#ifndef GW_SCHEMA_RAW_H
#define GW_SCHEMA_RAW_H

#include <stdint.h>

#include "base/slice.h"

enum gw_raw_type { GW_RAW_VARINT = 0, GW_RAW_I64 = 1, GW_RAW_LEN = 2, GW_RAW_I32 = 5 };

struct gw_raw_field {
    uint32_t number;
    enum gw_raw_type type;
    struct gw_slice payload; /* without the tag, and GW_RAW_LEN without the length */
    struct gw_slice whole;   /* with both */
};

/* Takes the first field off *rest. 1: here it is; 0: nothing is left; -1: malformed, or a group. */
int gw_raw_next(struct gw_slice *rest, struct gw_raw_field *ret_field);

#endif
