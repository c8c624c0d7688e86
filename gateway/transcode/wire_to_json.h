/* Wire bytes to JSON text: what the answer's transcoding builds on. transcode.h has gw_wire_to_json
 * for a whole message. */
#ifndef GW_TRANSCODE_WIRE_TO_JSON_H
#define GW_TRANSCODE_WIRE_TO_JSON_H

#include "transcode/transcode.h"

/* Finds `field`, a field of `type`, in the message `wire` and appends its JSON value
 * (`response_body: "field"`). Where it is absent: `[]` or `{}` for a repeated field or a map, null
 * for one with presence, else the default. The rest of `wire` is checked for being well-formed, but
 * is not read. -1 (GW_INTERNAL) for bytes that are not such a message; `out` is then as it was. */
int gw_wire_field_to_json(const struct gw_schema *schema, const struct gw_message_type *type,
                          const struct gw_field *field, const struct gw_json_options *options,
                          struct gw_slice wire, gw_pool *pool, struct gw_buf *out,
                          struct gw_error *error);

#endif
