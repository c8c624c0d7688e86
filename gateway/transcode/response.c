#include "transcode/transcode.h"

#include "transcode/wire_to_json.h"

int gw_transcode_response(const struct gw_binding *binding, struct gw_slice message, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error)
{
    const struct gw_message_type *type = binding->method->output;
    if (binding->response_body_field == NULL)
        return gw_wire_to_json(binding->schema, type, &binding->json, message, pool, out, error);
    return gw_wire_field_to_json(binding->schema, type, binding->response_body_field,
                                 &binding->json, message, pool, out, error);
}
