/* Scalars and the well-known types that are written as strings: from a number or a string to what
 * stands on the wire. JSON and plain text (query parameters) share it. */
#ifndef GW_TRANSCODE_SCALAR_H
#define GW_TRANSCODE_SCALAR_H

#include "base/buf.h"
#include "schema/schema.h"
#include "transcode/phrase.h"
#include "transcode/number.h"
#include "transcode/wire_format.h"

struct gw_scalar {
    uint64_t bits;         /* of the numeric kinds and bool: the varint, or the fixed value */
    struct gw_slice bytes; /* of string and bytes */
};

/* What the kind of field takes, whatever was found. */
void gw_scalar_expected(const struct gw_field *field, struct gw_phrase *ret_expected);

/* A JSON number for a numeric or enum field. -1 with what was expected. */
int gw_scalar_from_number(const struct gw_field *field, const struct gw_number *number,
                          struct gw_scalar *ret_scalar, struct gw_phrase *ret_expected);
/* A JSON string, decoded and valid UTF-8, for any scalar field but bool. -1 with what was expected.
 * Bytes are decoded into the pool. */
int gw_scalar_from_string(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                          struct gw_scalar *ret_scalar, struct gw_phrase *ret_expected);

/* For a double or float field; a float takes the nearest value. */
struct gw_scalar gw_scalar_of_real(const struct gw_field *field, double value);

/* Whether it is the value that a field without presence has when it is absent. */
static inline bool gw_scalar_is_default(const struct gw_scalar *scalar)
{
    return scalar->bits == 0 && scalar->bytes.len == 0;
}

/* Key and value. */
void gw_scalar_append_field(struct gw_buf *out, const struct gw_field *field,
                            const struct gw_scalar *scalar);

/* Whether the JSON form of the message is a string: Timestamp, Duration, FieldMask. */
bool gw_is_string_message(const struct gw_message_type *type);
void gw_string_message_expected(const struct gw_message_type *type, struct gw_phrase *ret_expected);
/* Appends the contents of such a message. -1 with what was expected. */
int gw_string_message_to_wire(const struct gw_message_type *type, struct gw_slice text,
                              struct gw_buf *out, struct gw_phrase *ret_expected);

/* The message type behind the last slash of a google.protobuf.Any's type URL; NULL where the schema
 * lacks it. */
const struct gw_message_type *gw_any_type(const struct gw_schema *schema, struct gw_slice url);

#endif
