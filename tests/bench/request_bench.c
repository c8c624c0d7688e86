/* What it costs to turn a request into a message, with what the pool costs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "transcode/transcode.h"
#include "../unit/transcode/library.h"

#define ROUNDS 200000

static const struct gw_json_options json;

static void run(const struct gw_schema *schema, const char *what, const char *method,
                const char *path, const char *rule_body, const char *query, const char *body)
{
    struct gw_http_rule rule = {GW_SLICE("POST"), gw_slice_str(path), gw_slice_str(rule_body),
                                gw_slice(NULL, 0)};
    enum gw_rule_part part;
    struct gw_binding *binding = gw_binding_create(
        schema, gw_schema_method(schema, gw_slice_str(method)), &rule, &json, &part, NULL);
    struct gw_slice captures[] = {GW_SLICE("0b7a1f6e-5d1c-4b0e-9f5e-1d2c3b4a5968")};
    struct gw_transcode_request request = {captures, gw_slice_str(query), gw_slice_str(body)};
    double best = 1e9;
    for (int k = 0; k < 5; k++) {
        uint64_t begin = gw_clock_ns();
        for (int i = 0; i < ROUNDS; i++) {
            gw_pool pool;
            h2o_mem_init_pool(&pool);
            struct gw_buf out = gw_buf_in_pool(&pool);
            if (gw_transcode_request(binding, &request, &pool, &out, NULL) != 0)
                abort();
            h2o_mem_clear_pool(&pool);
        }
        double ns = (double)(gw_clock_ns() - begin) / ROUNDS;
        best = ns < best ? ns : best;
    }
    printf("%-40s %6.1f ns\n", what, best);
    gw_binding_destroy(binding);
}

int main(void)
{
    struct gw_schema *schema = load_library(GW_BUILD_ROOT);
    if (schema == NULL)
        return 1;
    run(schema, "one path variable", "library.v1.Library/GetBook", "/{name}", "", "", "");
    run(schema, "three query parameters", "library.v1.Library/Search", "/s", "",
        "text=x&pageSize=20&author.given_name=a", "");
    run(schema, "path variable and body", "library.v1.Library/UpdateBook", "/{id}", "*", "",
        "{\"title\":\"x\",\"author\":{\"givenName\":\"y\"},\"pages\":300}");
    gw_schema_destroy(schema);
    return 0;
}
