/* A binding is one HTTP rule linked with its method: which field each path variable, the body and
 * the response body mean. Immutable; any thread. */
#ifndef GW_TRANSCODE_BINDING_H
#define GW_TRANSCODE_BINDING_H

#include "base/error.h"
#include "schema/schema.h"
#include "transcode/template.h"

struct gw_json_options {
    bool preserve_proto_names;
    bool always_print_defaults;
    bool enums_as_ints;
    bool ignore_unknown_fields;
    uint64_t max_bytes; /* of the JSON of one message, when it is written; 0: no limit */
};

/* Deepest nesting of messages, in JSON and on the wire (as protobuf's own default). */
#define GW_MAX_DEPTH 100

/* A field reached from the request message: path[0] is a field of it, path[count - 1] the field
 * meant. */
struct gw_field_path {
    const struct gw_field **fields;
    size_t count;
};

enum gw_body_kind { GW_BODY_NONE, GW_BODY_MESSAGE /* "*" */, GW_BODY_FIELD };

struct gw_binding {
    const struct gw_schema *schema; /* for Any */
    const struct gw_method *method;
    struct gw_template template;
    struct gw_slice http_method;
    struct gw_field_path *variables; /* as template.variables */
    enum gw_body_kind body_kind;
    const struct gw_field *body_field;          /* GW_BODY_FIELD */
    const struct gw_field *response_body_field; /* NULL: the whole message */
    struct gw_json_options json;
};

/* What of a rule is wrong. */
enum gw_rule_part { GW_RULE_PATH, GW_RULE_BODY, GW_RULE_RESPONSE_BODY };

/* `rule` is copied; schema and method are borrowed for life. NULL with an error, and the part of
 * the rule that it is about, for a template that does not parse (error->position is then an offset
 * into it), a variable that is no field or a repeated, map or message field (but a well-known type
 * whose JSON form is a string, or a wrapper), two variables for one field or one oneof, a body or
 * response body that is no field of the message; with the nearest field's name. */
struct gw_binding *gw_binding_create(const struct gw_schema *schema, const struct gw_method *method,
                                     const struct gw_http_rule *rule,
                                     const struct gw_json_options *json,
                                     enum gw_rule_part *ret_part, struct gw_error *error);
/* NULL is allowed. */
void gw_binding_destroy(struct gw_binding *binding);

#endif
