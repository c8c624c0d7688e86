/* The codec of hooks for transcode/codec_differential.py: on its way each message becomes a Hash,
 * and wire bytes again. */
#include "../../transcode/codec_driver.h"

#include <mruby.h>

#include "../hold.h"
#include "hooks/library/message.h"

static mrb_state *mrb;

static int through_hash(const struct gw_schema *schema, const struct gw_message_type *type,
                        struct gw_slice wire, gw_pool *pool, struct gw_buf *out,
                        struct gw_error *error)
{
    int arena = mrb_gc_arena_save(mrb);
    mrb_value hash = gw_hook_message_to_hash(mrb, schema, type, wire, error);
    int rc = -1;
    if (!mrb_undef_p(hash))
        rc = gw_hook_hash_to_wire(mrb, schema, type, hash, pool, out, error);
    if (rc == 0 && !gw_hook_message_is_unchanged(mrb, schema, type, wire, hash))
        rc = gw_error_set(error, GW_INTERNAL, GW_NO_POSITION, "the Hash is not what it was");
    mrb_gc_arena_restore(mrb, arena);
    return rc;
}

static int json_to_wire(const struct gw_schema *schema, const struct gw_message_type *type,
                        const struct gw_json_options *options, struct gw_slice in, gw_pool *pool,
                        struct gw_buf *out, struct gw_error *error)
{
    struct gw_buf wire = gw_buf_in_pool(pool);
    if (gw_json_to_wire(schema, type, options, in, pool, &wire, error) != 0)
        return -1;
    return through_hash(schema, type, gw_buf_slice(&wire), pool, out, error);
}

static int wire_to_json(const struct gw_schema *schema, const struct gw_message_type *type,
                        const struct gw_json_options *options, struct gw_slice in, gw_pool *pool,
                        struct gw_buf *out, struct gw_error *error)
{
    struct gw_buf wire = gw_buf_in_pool(pool);
    if (through_hash(schema, type, in, pool, &wire, error) != 0)
        return -1;
    return gw_wire_to_json(schema, type, options, gw_buf_slice(&wire), pool, out, error);
}

int main(int argc, char **argv)
{
    mrb = mrb_open();
    int rc = codec_drive(argc, argv, json_to_wire, wire_to_json);
    mrb_close(mrb);
    return held == 0 ? rc : 1;
}
