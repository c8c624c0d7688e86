#include "transcode/transcode.h"

#include "base/encoding.h"
#include "base/utf8.h"
#include "transcode/field_path.h"
#include "transcode/json_to_wire.h"
#include "transcode/query.h"

#define FAIL(error, ...) gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, __VA_ARGS__)

static int body_to_wire(const struct gw_binding *b, const struct gw_transcode_request *request,
                        gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    struct gw_slice body = request->body;
    if (body.len == 0)
        return 0;
    switch (b->body_kind) {
    case GW_BODY_NONE:
        return FAIL(error, "%.*s %.*s takes no request body", GW_SLICE_ARG(b->http_method),
                    GW_SLICE_ARG(b->template.text));
    case GW_BODY_FIELD:
        return gw_json_field_to_wire(b->schema, b->body_field, &b->json, body, request->body_place,
                                     pool, out, error);
    case GW_BODY_MESSAGE:
        break;
    }
    return gw_json_to_wire_under(b->schema, b->method->input, &b->json, GW_SLICE(""), body,
                                 request->body_place, pool, out, error);
}

/* gen-delims and sub-delims of RFC 3986. */
static bool is_reserved(int byte)
{
    return byte > 0 && strchr(":/?#[]@!$&'()*+,;=", byte) != NULL;
}

/* Of a capture of several segments: escapes of reserved characters stay, so that "a%2Fb/c" keeps
 * its two segments. */
static int decode_unreserved(gw_pool *pool, struct gw_slice raw, struct gw_slice *ret_text,
                             size_t *ret_position)
{
    *ret_text = raw;
    if (raw.len == 0 || memchr(raw.base, '%', raw.len) == NULL)
        return 0;
    char *text = h2o_mem_alloc_pool(pool, raw.len);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        text[n++] = raw.base[i];
        if (raw.base[i] != '%')
            continue;
        int byte = gw_percent_byte(raw, i);
        if (byte < 0) {
            *ret_position = i;
            return -1;
        }
        if (!is_reserved(byte)) {
            text[n - 1] = (char)byte;
            i += 2;
        }
    }
    *ret_text = gw_slice(text, n);
    return 0;
}

static int decode_capture(const struct gw_template *t, const struct gw_template_variable *v,
                          struct gw_slice raw, gw_pool *pool, struct gw_slice *ret_text,
                          struct gw_error *error)
{
    size_t position;
    int broken = gw_template_variable_is_single(t, v)
                     ? gw_percent_decode(pool, raw, false, ret_text, &position)
                     : decode_unreserved(pool, raw, ret_text, &position);
    if (broken != 0)
        return FAIL(error, "expected two hexadecimal digits after '%%' (character %zu)",
                    position + 1);
    if (gw_utf8_check(*ret_text) != ret_text->len)
        return FAIL(error, "expected UTF-8");
    return 0;
}

static int add_variables(const struct gw_binding *b, const struct gw_slice *captures, gw_pool *pool,
                         struct gw_assignment *items, struct gw_error *error)
{
    for (size_t i = 0; i < b->template.variable_count; i++) {
        const struct gw_template_variable *v = &b->template.variables[i];
        struct gw_assignment *a = &items[i];
        a->path = b->variables[i];
        a->name = v->field_path;
        a->source = GW_FROM_PATH;
        a->order = i;
        if (decode_capture(&b->template, v, captures[i], pool, &a->text, error) != 0)
            return gw_assignment_blame(a, error);
    }
    return 0;
}

/* A parameter that says something of the field that the body gives. */
static int check_against_body(const struct gw_binding *b, bool has_body,
                              const struct gw_assignment *a, struct gw_error *error)
{
    const struct gw_field *field = a->path.fields[0];
    if (b->body_field == NULL)
        return 0;
    if (field == b->body_field)
        FAIL(error, "the request body gives this field");
    else if (has_body && field->oneof >= 0 && field->oneof == b->body_field->oneof)
        FAIL(error, "excluded by the request body, a field of the same oneof");
    else
        return 0;
    return gw_assignment_blame(a, error);
}

static int add_parameters(const struct gw_binding *b, const struct gw_transcode_request *request,
                          gw_pool *pool, struct gw_assignment *items, size_t count,
                          struct gw_error *error)
{
    if (gw_query_parse(b->method->input, request->query, pool, items, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        items[i].order = b->template.variable_count + i;
        if (check_against_body(b, request->body.len > 0, &items[i], error) != 0)
            return -1;
    }
    return 0;
}

static int path_and_query_to_wire(const struct gw_binding *b,
                                  const struct gw_transcode_request *request, gw_pool *pool,
                                  struct gw_buf *out, struct gw_error *error)
{
    struct gw_assignment few[GW_TEMPLATE_VARIABLES_MAX], *items = few;
    size_t variables = b->template.variable_count;
    size_t parameters = request->query.len > 0 ? gw_query_count(request->query) : 0;
    if (parameters > 0 && b->body_kind == GW_BODY_MESSAGE)
        return FAIL(error, "%.*s %.*s takes no query parameters: its body is the whole message",
                    GW_SLICE_ARG(b->http_method), GW_SLICE_ARG(b->template.text));
    if (parameters > GW_QUERY_PARAMETERS_MAX)
        return FAIL(error, "more than %d query parameters", GW_QUERY_PARAMETERS_MAX);
    if (parameters > 0)
        items = h2o_mem_alloc_pool(pool, (variables + parameters) * sizeof(*items));
    if (add_variables(b, request->captures, pool, items, error) != 0)
        return -1;
    if (parameters > 0 &&
        add_parameters(b, request, pool, items + variables, parameters, error) != 0)
        return -1;
    return gw_assignments_to_wire(items, variables + parameters, pool, out, error);
}

int gw_transcode_request(const struct gw_binding *binding,
                         const struct gw_transcode_request *request, gw_pool *pool,
                         struct gw_buf *out, struct gw_error *error)
{
    size_t start = out->len;
    /* Path and query behind the body: of a field given twice, the last counts. */
    if (body_to_wire(binding, request, pool, out, error) != 0 ||
        path_and_query_to_wire(binding, request, pool, out, error) != 0) {
        out->len = start;
        return -1;
    }
    return 0;
}
