/* Messages, given as bytes or as JSON, that become Hashes: the JSON writer takes and refuses the
 * same ones, and the Hash is the same message. mruby drops bits of doubles, so that bytes differ
 * there, but not in number. */
#include "codec.h"

#include <mruby.h>
#include <mruby/compile.h>
#include <mruby/string.h>

#include "../unit/hooks/hold.h"
#include "hooks/library/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mrb_state *mrb;

static void expect(int condition, const struct gw_error *error)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", error->message);
    abort();
}

/* A required field may be missing in what a backend sends. */
static bool is_tolerated(const struct gw_error *error)
{
    return strstr(error->message, "required field") != NULL;
}

static mrb_value to_hash(const struct codec_case *c, struct gw_slice wire, struct gw_error *error)
{
    mrb_value hash = gw_hook_message_to_hash(mrb, c->schema, c->type, wire, error);
    if (mrb->exc != NULL || held != 0)
        abort();
    return hash;
}

/* Whatever the order of its members. */
static mrb_value text_of(mrb_value hash)
{
    return mrb_funcall(mrb, mrb_top_self(mrb), "text_of", 1, hash);
}

static void check_hash(const struct codec_case *c, struct gw_slice wire, struct gw_slice json,
                       mrb_value hash, gw_pool *pool)
{
    struct gw_error error = {.message = "the messages differ"};
    struct gw_buf by_hash = gw_buf_in_pool(pool), by_json = gw_buf_in_pool(pool);
    expect(gw_hook_message_is_unchanged(mrb, c->schema, c->type, wire, hash), &error);
    int rc = gw_hook_hash_to_wire(mrb, c->schema, c->type, hash, pool, &by_hash, &error);
    expect(rc == 0 || is_tolerated(&error), &error);
    if (rc != 0)
        return;
    mrb_value again = to_hash(c, gw_buf_slice(&by_hash), &error);
    expect(!mrb_undef_p(again), &error);
    expect(mrb_str_equal(mrb, text_of(hash), text_of(again)), &error);
    if (gw_json_to_wire(c->schema, c->type, &c->options, json, pool, &by_json, &error) == 0)
        expect(by_json.len == by_hash.len, &error);
    else
        expect(strstr(error.message, "unknown type") != NULL, &error);
}

static void check(const struct codec_case *c, struct gw_slice wire, gw_pool *pool)
{
    struct gw_error error = {.message = "only one of them refuses it"}, json_error = {0};
    struct gw_buf json = gw_buf_in_pool(pool);
    int arena = mrb_gc_arena_save(mrb);
    int rc = gw_wire_to_json(c->schema, c->type, &c->options, wire, pool, &json, &json_error);
    mrb_value hash = to_hash(c, wire, &error);
    expect((rc != 0) == mrb_undef_p(hash), &error);
    if (rc == 0)
        check_hash(c, wire, gw_buf_slice(&json), hash, pool);
    mrb_gc_arena_restore(mrb, arena);
}

static void open_vm(void)
{
    mrb = mrb_open();
    mrb_load_string(mrb, "def text_of(v)\n"
                         "  case v\n"
                         "  when Hash then v.map { |k, e| k.inspect + text_of(e) }.sort.inspect\n"
                         "  when Array then v.map { |e| text_of(e) }.inspect\n"
                         "  else v.inspect\n"
                         "  end\n"
                         "end\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_case c;
    gw_pool pool;
    if (!codec_case_read(data, size, &c))
        return 0;
    if (mrb == NULL)
        open_vm();
    h2o_mem_init_pool(&pool);
    struct gw_buf wire = gw_buf_in_pool(&pool);
    check(&c, c.input, &pool);
    if (gw_json_to_wire(c.schema, c.type, &c.options, c.input, &pool, &wire, NULL) == 0)
        check(&c, gw_buf_slice(&wire), &pool);
    h2o_mem_clear_pool(&pool);
    return 0;
}
