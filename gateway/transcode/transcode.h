/* REST to protobuf and back, straight from text to wire bytes in one pass, with memory from a pool.
 * The JSON form is the proto3 JSON mapping (protobuf.dev/programming-guides/json). Pure: no I/O.
 * Any thread. */
#ifndef GW_TRANSCODE_TRANSCODE_H
#define GW_TRANSCODE_TRANSCODE_H

#include "base/buf.h"
#include "transcode/binding.h"

/* A place in a text, from 1 on; zero: at its beginning. Columns are code points. */
struct gw_text_place {
    size_t line, column;
};

struct gw_transcode_request {
    const struct gw_slice *captures; /* as binding->template.variables; raw */
    struct gw_slice query;           /* raw, without '?' */
    struct gw_slice body;            /* JSON text */
    struct gw_text_place body_place; /* where the body begins in a longer text, for errors */
};

/* Appends the request message's wire bytes to `out`. -1 with an error that names the field and the
 * place: `user.age: expected an integer, found "ten" (line 1, column 14)`, `query parameter "x":
 * ...`, `path variable "id": ...`. */
int gw_transcode_request(const struct gw_binding *binding,
                         const struct gw_transcode_request *request, gw_pool *pool,
                         struct gw_buf *out, struct gw_error *error);

/* Appends the answer's JSON (of binding->response_body_field, or of the whole message). -1
 * (GW_INTERNAL) for bytes that are not such a message; `out` is then as it was. */
int gw_transcode_response(const struct gw_binding *binding, struct gw_slice message, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error);

/* The two directions for one message, without a binding. */
int gw_json_to_wire(const struct gw_schema *schema, const struct gw_message_type *type,
                    const struct gw_json_options *options, struct gw_slice json, gw_pool *pool,
                    struct gw_buf *out, struct gw_error *error);
int gw_wire_to_json(const struct gw_schema *schema, const struct gw_message_type *type,
                    const struct gw_json_options *options, struct gw_slice wire, gw_pool *pool,
                    struct gw_buf *out, struct gw_error *error);

/* Appends the one error form, {"code": 5, "message": "...", "details": [...]}. `details` is a
 * serialised google.rpc.Status (grpc-status-details-bin, decoded) or empty; a detail whose type the
 * schema lacks is
 * {"@type": "...", "value": "<base64>"}, and details that are no such message are left out. */
void gw_status_to_json(const struct gw_schema *schema, int code, struct gw_slice message,
                       struct gw_slice details, const struct gw_json_options *options,
                       gw_pool *pool, struct gw_buf *out);
/* The other way: whether `json` is that form, with a code of an error. Its details, and whatever
 * else it has, are passed over. *ret_message is borrowed from the text, or in the pool. */
bool gw_status_from_json(struct gw_slice json, gw_pool *pool, int *ret_code,
                         struct gw_slice *ret_message);

#endif
