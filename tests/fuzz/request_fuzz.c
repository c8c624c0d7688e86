/* The first line of the input is a query, the second what a path variable captured, the rest a
 * body; they go through several rules of library.proto. */
#include <stdint.h>
#include <stdlib.h>

#include "transcode/transcode.h"
#include "../unit/transcode/library.h"

static const struct {
    const char *method, *path, *body;
} rules[] = {
    {"library.v1.Library/Search", "/{author.given_name}", ""},
    {"library.v1.Library/Search", "/{text=**}", "*"},
    {"library.v1.Library/CreateBook", "/{book.id}", "book"},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static const struct gw_json_options json;
static struct gw_schema *schema;
static struct gw_binding *bindings[RULE_COUNT];

static void load(void)
{
    schema = load_library(GW_BUILD_ROOT);
    for (size_t i = 0; i < RULE_COUNT; i++) {
        struct gw_http_rule rule = {GW_SLICE("POST"), gw_slice_str(rules[i].path),
                                    gw_slice_str(rules[i].body), gw_slice(NULL, 0)};
        enum gw_rule_part part;
        bindings[i] =
            gw_binding_create(schema, gw_schema_method(schema, gw_slice_str(rules[i].method)),
                              &rule, &json, &part, NULL);
        if (bindings[i] == NULL)
            abort();
    }
}

static struct gw_slice next_line(struct gw_slice *rest)
{
    const char *end = rest->len ? memchr(rest->base, '\n', rest->len) : NULL;
    struct gw_slice line = gw_slice(rest->base, end ? (size_t)(end - rest->base) : rest->len);
    *rest = gw_slice_from(*rest, end ? line.len + 1 : line.len);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (schema == NULL)
        load();
    struct gw_slice body = gw_slice(data, size);
    struct gw_slice query = next_line(&body), capture = next_line(&body);
    struct gw_transcode_request request = {&capture, query, body};
    for (size_t i = 0; i < RULE_COUNT; i++) {
        gw_pool pool;
        h2o_mem_init_pool(&pool);
        struct gw_buf out = gw_buf_in_pool(&pool), text = gw_buf_in_pool(&pool);
        struct gw_error error;
        if (gw_transcode_request(bindings[i], &request, &pool, &out, &error) != 0) {
            if (error.message[0] == '\0' || out.len != 0)
                abort();
        } else if (gw_wire_to_json(schema, bindings[i]->method->input, &json, gw_buf_slice(&out),
                                   &pool, &text, &error) != 0) {
            abort();
        }
        h2o_mem_clear_pool(&pool);
    }
    return 0;
}
