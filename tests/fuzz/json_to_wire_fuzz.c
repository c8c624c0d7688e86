/* JSON that is taken becomes bytes that can be written as JSON, which is taken again and means the
 * same from then on. */
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int condition, const struct gw_error *error)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", error->message);
    abort();
}

static bool is_written(const struct codec_case *c, struct gw_slice wire, gw_pool *pool,
                       struct gw_buf *out, struct gw_error *error)
{
    return gw_wire_to_json(c->schema, c->type, &c->options, wire, pool, out, error) == 0;
}

static bool is_read(const struct codec_case *c, struct gw_slice json, gw_pool *pool,
                    struct gw_buf *out, struct gw_error *error)
{
    return gw_json_to_wire(c->schema, c->type, &c->options, json, pool, out, error) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_case c;
    if (!codec_case_read(data, size, &c))
        return 0;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_buf wire = gw_buf_in_pool(&pool), json = gw_buf_in_pool(&pool),
                  wire_again = gw_buf_in_pool(&pool), json_again = gw_buf_in_pool(&pool);
    struct gw_error error = {.message = "the texts differ"};
    if (is_read(&c, c.input, &pool, &wire, &error)) {
        expect(is_written(&c, gw_buf_slice(&wire), &pool, &json, &error), &error);
        expect(is_read(&c, gw_buf_slice(&json), &pool, &wire_again, &error), &error);
        expect(is_written(&c, gw_buf_slice(&wire_again), &pool, &json_again, &error), &error);
        expect(gw_slice_eq(gw_buf_slice(&json), gw_buf_slice(&json_again)), &error);
    } else {
        expect(wire.len == 0 && error.message[0] != '\0' && error.position <= c.input.len, &error);
    }
    h2o_mem_clear_pool(&pool);
    return 0;
}
