/* Bytes that are written as JSON: that JSON is read, unless it holds what only answers may hold,
 * and written again means the same. */
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A required field may be missing in what a backend sends, and an Any's type unknown. */
static bool is_tolerated(const struct gw_error *error)
{
    return strstr(error->message, "required field") != NULL ||
           strstr(error->message, "unknown type") != NULL;
}

static void expect(int condition, const struct gw_error *error)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", error->message);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_case c;
    if (!codec_case_read(data, size, &c))
        return 0;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_buf json = gw_buf_in_pool(&pool), wire = gw_buf_in_pool(&pool),
                  again = gw_buf_in_pool(&pool), wire_again = gw_buf_in_pool(&pool);
    struct gw_error error = {.message = "the bytes differ"};
    int rc = gw_wire_to_json(c.schema, c.type, &c.options, c.input, &pool, &json, &error);
    expect(rc == 0 || (json.len == 0 && error.message[0] != '\0'), &error);
    if (rc == 0) {
        rc = gw_json_to_wire(c.schema, c.type, &c.options, gw_buf_slice(&json), &pool, &wire,
                             &error);
        expect(rc == 0 || is_tolerated(&error), &error);
    }
    if (rc == 0) {
        rc = gw_wire_to_json(c.schema, c.type, &c.options, gw_buf_slice(&wire), &pool, &again,
                             &error);
        expect(rc == 0, &error);
        rc = gw_json_to_wire(c.schema, c.type, &c.options, gw_buf_slice(&again), &pool, &wire_again,
                             &error);
        expect(rc == 0 && wire.len == wire_again.len, &error);
    }
    struct gw_buf status = gw_buf_in_pool(&pool);
    gw_status_to_json(c.schema, 2, GW_SLICE("fuzz"), c.input, &c.options, &pool, &status);
    expect(gw_slice_ends_with(gw_buf_slice(&status), GW_SLICE("]}")), &error);
    h2o_mem_clear_pool(&pool);
    return 0;
}
