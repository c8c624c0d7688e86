/* JSON text to wire bytes: the entry points that the request's transcoding builds on. Straight from
 * text to bytes in one pass; transcode.h has gw_json_to_wire for a whole text.
 *
 * All of them append to `out` and leave it as it was on failure. Errors are GW_INVALID_ARGUMENT,
 * begin with the path of the field as the client spelt it (`user.age: `, `items[2].price: `,
 * `labels["a"]: `; nothing where the fault is not inside a field) and end with the place, ` (line
 * 1, column 14)`; error->position is the byte offset into `json`. */
#ifndef GW_TRANSCODE_JSON_TO_WIRE_H
#define GW_TRANSCODE_JSON_TO_WIRE_H

#include "transcode/transcode.h"

/* As gw_json_to_wire, for a message that stands under the field path `prefix` ("user" or
 * "order.user"; empty for the request itself), with which the paths in error messages begin. */
int gw_json_to_wire_under(const struct gw_schema *schema, const struct gw_message_type *type,
                          const struct gw_json_options *options, struct gw_slice prefix,
                          struct gw_slice json, struct gw_text_place begins, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error);

/* Reads `json`, one JSON value, into `field` (`body: "field"`): appends its key and value, or
 * several of them, or nothing where the value is null, an empty array or a default without
 * presence. Paths in error messages begin with the field's JSON name. */
int gw_json_field_to_wire(const struct gw_schema *schema, const struct gw_field *field,
                          const struct gw_json_options *options, struct gw_slice json,
                          struct gw_text_place begins, gw_pool *pool, struct gw_buf *out,
                          struct gw_error *error);

#endif
