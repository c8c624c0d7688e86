/* google.api.http, the extension of MethodOptions that maps a method to REST
 * (google/api/http.proto).
 *
 * An option written field by field in the .proto file arrives in several pieces, which make one
 * HttpRule when concatenated, and submessages in it come in pieces too. protobuf-c replaces a oneof
 * member that comes twice where it should merge, so rules are read here. */
#include "schema/loader.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "schema/raw.h"

#define HTTP_EXTENSION 72295728
#define MAX_RULES 1000

/* Field numbers of HttpRule and CustomHttpPattern. */
enum {
    RULE_GET = 2,
    RULE_PUT = 3,
    RULE_POST = 4,
    RULE_DELETE = 5,
    RULE_PATCH = 6,
    RULE_BODY = 7,
    RULE_CUSTOM = 8,
    RULE_ADDITIONAL_BINDINGS = 11,
    RULE_RESPONSE_BODY = 12,
    CUSTOM_KIND = 1,
    CUSTOM_PATH = 2,
};

static const struct gw_slice pattern_methods[] = {
    [RULE_GET] = {"GET", 3},       [RULE_PUT] = {"PUT", 3},     [RULE_POST] = {"POST", 4},
    [RULE_DELETE] = {"DELETE", 6}, [RULE_PATCH] = {"PATCH", 5},
};

struct reader {
    struct gw_loader *loader;
    const struct gw_schema_file *file;
    const struct gw_method *method;
    GW_VEC(struct gw_http_rule) rules;
};

static int fail(struct reader *reader, const char *what)
{
    return gw_loader_fail(reader->loader, reader->file, "%.*s: its http rule %s",
                          GW_SLICE_ARG(reader->method->full_name), what);
}

static int read_custom(struct reader *reader, struct gw_slice bytes, struct gw_http_rule *rule)
{
    struct gw_raw_field field;
    int got;
    while ((got = gw_raw_next(&bytes, &field)) > 0) {
        if (field.number != CUSTOM_KIND && field.number != CUSTOM_PATH)
            continue;
        if (field.type != GW_RAW_LEN)
            return fail(reader, "is malformed");
        *(field.number == CUSTOM_KIND ? &rule->method : &rule->path) = field.payload;
    }
    return got == 0 ? 0 : fail(reader, "is malformed");
}

static int read_field(struct reader *reader, const struct gw_raw_field *field, uint32_t *pattern,
                      struct gw_http_rule *rule)
{
    switch (field->number) {
    case RULE_GET:
    case RULE_PUT:
    case RULE_POST:
    case RULE_DELETE:
    case RULE_PATCH:
        rule->method = pattern_methods[field->number];
        rule->path = field->payload;
        *pattern = field->number;
        return 0;
    case RULE_CUSTOM:
        if (*pattern != RULE_CUSTOM)
            rule->method = rule->path = gw_slice(NULL, 0);
        *pattern = RULE_CUSTOM;
        return read_custom(reader, field->payload, rule);
    case RULE_BODY:
        rule->body = field->payload;
        return 0;
    case RULE_RESPONSE_BODY:
        rule->response_body = field->payload;
        return 0;
    }
    return 0;
}

static bool is_token(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.base[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool is_utf8(struct gw_slice s)
{
    return gw_utf8_check(s) == s.len;
}

static int add_rule(struct reader *reader, const struct gw_http_rule *rule)
{
    gw_pool *pool = &reader->loader->schema->pool;
    if (rule->path.len == 0)
        return fail(reader, "has no path");
    if (!is_token(rule->method))
        return fail(reader, "has a custom kind that is no HTTP method");
    if (!is_utf8(rule->path) || !is_utf8(rule->body) || !is_utf8(rule->response_body))
        return fail(reader, "is not UTF-8");
    if (reader->rules.count == MAX_RULES)
        return fail(reader, "has more than 1000 bindings");
    *gw_vec_push(&reader->rules) = (struct gw_http_rule){
        .method = gw_pool_dup(pool, rule->method),
        .path = gw_pool_dup(pool, rule->path),
        .body = gw_pool_dup(pool, rule->body),
        .response_body = gw_pool_dup(pool, rule->response_body),
    };
    return 0;
}

/* The rule itself, without its additional_bindings. */
static int read_rule(struct reader *reader, struct gw_slice bytes, bool is_additional)
{
    struct gw_http_rule rule = {0};
    struct gw_raw_field field;
    uint32_t pattern = 0;
    int got;
    while ((got = gw_raw_next(&bytes, &field)) > 0) {
        bool is_known = field.number >= RULE_GET && field.number <= RULE_RESPONSE_BODY;
        if (is_known && field.type != GW_RAW_LEN)
            return fail(reader, "is malformed");
        if (field.number == RULE_ADDITIONAL_BINDINGS && is_additional)
            return fail(reader, "has additional_bindings in additional_bindings");
        if (read_field(reader, &field, &pattern, &rule) != 0)
            return -1;
    }
    if (got != 0)
        return fail(reader, "is malformed");
    return add_rule(reader, &rule);
}

static int read_rules(struct reader *reader, struct gw_slice bytes)
{
    if (read_rule(reader, bytes, false) != 0)
        return -1;
    struct gw_raw_field field;
    while (gw_raw_next(&bytes, &field) > 0) {
        if (field.number == RULE_ADDITIONAL_BINDINGS && read_rule(reader, field.payload, true) != 0)
            return -1;
    }
    return 0;
}

/* The pieces of the extension, concatenated. 1 where there is none. */
static int collect(struct reader *reader, const ProtobufCMessage *options, struct gw_buf *out)
{
    bool is_present = false;
    for (size_t i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &options->unknown_fields[i];
        if (unknown->tag != HTTP_EXTENSION)
            continue;
        /* protobuf-c keeps the length in front of the bytes; a tag makes it a field again. */
        struct gw_buf whole = gw_buf_in_pool(&reader->loader->scratch);
        gw_buf_append_byte(&whole, (char)(1 << 3 | unknown->wire_type));
        gw_buf_append(&whole, gw_slice(unknown->data, unknown->len));
        struct gw_slice rest = gw_buf_slice(&whole);
        struct gw_raw_field field;
        if (gw_raw_next(&rest, &field) <= 0 || field.type != GW_RAW_LEN)
            return fail(reader, "is malformed");
        gw_buf_append(out, field.payload);
        is_present = true;
    }
    return is_present ? 0 : 1;
}

int gw_loader_http_rules(struct gw_loader *loader, const struct gw_schema_file *file,
                         struct gw_method *method, const Google__Protobuf__MethodOptions *options)
{
    if (options == NULL)
        return 0;
    struct reader reader = {.loader = loader, .file = file, .method = method};
    struct gw_buf bytes = gw_buf_in_pool(&loader->scratch);
    int result = collect(&reader, &options->base, &bytes);
    if (result == 0)
        result = read_rules(&reader, gw_buf_slice(&bytes));
    if (result == 0) {
        method->rule_count = reader.rules.count;
        method->rules =
            gw_pool_zeroed(&loader->schema->pool, reader.rules.count, sizeof(*method->rules));
        memcpy(method->rules, reader.rules.items, reader.rules.count * sizeof(*method->rules));
    }
    gw_vec_dispose(&reader.rules);
    return result < 0 ? -1 : 0;
}
