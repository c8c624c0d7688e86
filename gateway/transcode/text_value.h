/* Values written as plain text, outside JSON: query parameters and path variables. */
#ifndef GW_TRANSCODE_TEXT_VALUE_H
#define GW_TRANSCODE_TEXT_VALUE_H

#include "base/buf.h"
#include "schema/schema.h"

/* Whether a field of this kind can be given as text: scalars, enums, wrappers, Timestamp, Duration,
 * FieldMask. */
bool gw_text_value_is_possible(const struct gw_field *field);

/* Appends one value of `field` (of one element, where it is repeated): key and value, as wire
 * bytes. `text` is decoded, e.g. `ten`, and read as its JSON string form would be. The error says
 * what was expected and found, `expected an integer, found "ten"`, and leaves the name of the
 * parameter to the caller. */
int gw_text_value_to_wire(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error);

#endif
