#include "transcode/binding.h"

#include <stdlib.h>

#include "base/mem.h"
#include "transcode/field_path.h"
#include "transcode/text_value.h"

#define FAIL(error, ...) gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, __VA_ARGS__)

static int check_variable(const struct gw_binding *b, const struct gw_field *field,
                          struct gw_error *error)
{
    if (field->is_repeated)
        return FAIL(error, "a %s field cannot be a path variable",
                    field->is_map ? "map" : "repeated");
    if (!gw_text_value_is_possible(field))
        return FAIL(error, "a message cannot be a path variable; name a field in it");
    /* What the path and the body say of such a message would be merged, and the path not win. */
    if (field->message != NULL && field->message->well_known != GW_WKT_WRAPPER &&
        b->body_kind != GW_BODY_NONE)
        return FAIL(error, "a %.*s cannot be a path variable of a method with a body",
                    GW_SLICE_ARG(field->message->full_name));
    return 0;
}

static int check_against_others(const struct gw_binding *b, size_t index, struct gw_error *error)
{
    const struct gw_field_path *path = &b->variables[index];
    for (size_t i = 0; i < index; i++) {
        const struct gw_field_path *other = &b->variables[i];
        struct gw_slice name = b->template.variables[i].field_path;
        if (gw_field_path_common(path, other) == path->count)
            return FAIL(error, "the same field as path variable \"%.*s\"", GW_SLICE_ARG(name));
        if (gw_field_paths_exclude(path, other))
            return FAIL(error, "excludes path variable \"%.*s\" by their oneof",
                        GW_SLICE_ARG(name));
    }
    return 0;
}

static int bind_variable(struct gw_binding *b, size_t index, struct gw_error *error)
{
    const struct gw_field *fields[GW_MAX_DEPTH];
    struct gw_field_path *path = &b->variables[index];
    size_t count;
    if (gw_field_path_resolve(b->method->input, b->template.variables[index].field_path, fields,
                              &count, error) != 0)
        return -1;
    if (check_variable(b, fields[count - 1], error) != 0)
        return -1;
    path->fields = gw_alloc(count * sizeof(*path->fields));
    path->count = count;
    memcpy(path->fields, fields, count * sizeof(*path->fields));
    return check_against_others(b, index, error);
}

static int bind_variables(struct gw_binding *b, struct gw_error *error)
{
    b->variables = gw_alloc(b->template.variable_count * sizeof(*b->variables));
    for (size_t i = 0; i < b->template.variable_count; i++) {
        if (bind_variable(b, i, error) != 0)
            return gw_error_prefix(
                error, "path variable \"%.*s\": ",
                GW_SLICE_ARG(gw_name_shown(b->template.variables[i].field_path)));
    }
    return 0;
}

static int bind_body(struct gw_binding *b, struct gw_slice body, struct gw_error *error)
{
    if (body.len == 0) {
        b->body_kind = GW_BODY_NONE;
        return 0;
    }
    if (gw_slice_eq(body, GW_SLICE("*"))) {
        b->body_kind = GW_BODY_MESSAGE;
        return 0;
    }
    b->body_kind = GW_BODY_FIELD;
    b->body_field = gw_field_find(b->method->input, body, error);
    return b->body_field != NULL ? 0 : gw_error_prefix(error, "body: ");
}

static int bind_response_body(struct gw_binding *b, struct gw_slice name, struct gw_error *error)
{
    if (name.len == 0)
        return 0;
    b->response_body_field = gw_field_find(b->method->output, name, error);
    return b->response_body_field != NULL ? 0 : gw_error_prefix(error, "response_body: ");
}

static int parse_template(struct gw_binding *b, struct gw_slice path, struct gw_error *error)
{
    if (gw_template_parse(&b->template, path, error) == 0)
        return 0;
    return gw_error_prefix(error, "path template \"%.*s\", character %zu: ",
                           GW_SLICE_ARG(gw_name_shown(path)), error ? error->position + 1 : 0);
}

/* 0, or -1 and the part that is wrong. */
static int bind_rule(struct gw_binding *b, const struct gw_http_rule *rule,
                     enum gw_rule_part *ret_part, struct gw_error *error)
{
    enum gw_rule_part part = GW_RULE_PATH;
    int failed = parse_template(b, rule->path, error);
    if (failed == 0) {
        part = GW_RULE_BODY;
        failed = bind_body(b, rule->body, error);
    }
    if (failed == 0) {
        part = GW_RULE_RESPONSE_BODY;
        failed = bind_response_body(b, rule->response_body, error);
    }
    if (failed == 0) {
        part = GW_RULE_PATH;
        failed = bind_variables(b, error);
    }
    if (failed != 0)
        *ret_part = part;
    return failed;
}

struct gw_binding *gw_binding_create(const struct gw_schema *schema, const struct gw_method *method,
                                     const struct gw_http_rule *rule,
                                     const struct gw_json_options *json,
                                     enum gw_rule_part *ret_part, struct gw_error *error)
{
    struct gw_binding *b = gw_alloc(sizeof(*b));
    b->schema = schema;
    b->method = method;
    b->json = *json;
    b->http_method = gw_slice(gw_strdup(rule->method), rule->method.len);
    if (bind_rule(b, rule, ret_part, error) != 0) {
        gw_binding_destroy(b);
        return NULL;
    }
    return b;
}

void gw_binding_destroy(struct gw_binding *binding)
{
    if (binding == NULL)
        return;
    for (size_t i = 0; binding->variables != NULL && i < binding->template.variable_count; i++)
        free(binding->variables[i].fields);
    free(binding->variables);
    gw_template_dispose(&binding->template);
    free((char *)binding->http_method.base);
    free(binding);
}
