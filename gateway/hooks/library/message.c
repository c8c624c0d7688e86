#include "hooks/library/message.h"

#include <assert.h>
#include <math.h>
#include <mruby/array.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include "base/digits.h"
#include "hooks/library/library.h"
#include "transcode/value.h"

/* Builds Hashes and Arrays. What is open can be reached from the root, so that the arena needs to
 * hold no more than that and a key. */
struct builder {
    struct gw_value_sink sink;
    mrb_state *mrb;
    int arena;
    mrb_value root;
    mrb_value key; /* of the member whose value comes next */
    bool is_key;   /* what comes next is a key */
    mrb_value open[GW_VALUE_DEPTH_MAX];
};

static struct builder *builder_of(struct gw_value_sink *sink)
{
    return H2O_STRUCT_FROM_MEMBER(struct builder, sink, sink);
}

static mrb_value innermost(const struct builder *b)
{
    return b->open[b->sink.depth - 1];
}

static void add(struct builder *b, mrb_value value)
{
    if (b->is_key) {
        b->key = value;
        b->is_key = false;
        return;
    }
    if (b->sink.depth == 0) {
        b->root = value;
        b->arena = mrb_gc_arena_save(b->mrb);
        return;
    }
    if (mrb_array_p(innermost(b)))
        mrb_ary_push(b->mrb, innermost(b), value);
    else
        mrb_hash_set(b->mrb, innermost(b), b->key, value);
    mrb_gc_arena_restore(b->mrb, b->arena);
}

static void begin(struct builder *b, mrb_value container)
{
    add(b, container);
    assert(b->sink.depth < GW_VALUE_DEPTH_MAX);
    b->open[b->sink.depth++] = container;
}

static void begin_object(struct gw_value_sink *sink)
{
    struct builder *b = builder_of(sink);
    begin(b, mrb_hash_new(b->mrb));
}

static void begin_array(struct gw_value_sink *sink)
{
    struct builder *b = builder_of(sink);
    begin(b, mrb_ary_new(b->mrb));
}

static void end(struct gw_value_sink *sink)
{
    sink->depth--;
}

/* Frozen, a Hash takes it without a copy. */
static mrb_value new_key(mrb_state *mrb, struct gw_slice text)
{
    mrb_value key = mrb_str_new(mrb, text.base, (mrb_int)text.len);
    MRB_SET_FROZEN_FLAG(mrb_basic_ptr(key));
    return key;
}

/* Only an Any has a member that no field gave. */
static void restart(struct gw_value_sink *sink, size_t depth)
{
    struct builder *b = builder_of(sink);
    sink->depth = depth;
    mrb_value type = new_key(b->mrb, GW_SLICE("@type"));
    mrb_value url = mrb_hash_delete_key(b->mrb, innermost(b), type);
    mrb_hash_clear(b->mrb, innermost(b));
    if (!mrb_nil_p(url))
        mrb_hash_set(b->mrb, innermost(b), type, url);
    mrb_gc_arena_restore(b->mrb, b->arena);
}

static void begin_field(struct gw_value_sink *sink, const struct gw_field *field)
{
    struct builder *b = builder_of(sink);
    b->key = new_key(b->mrb, field->name);
}

static void begin_key(struct gw_value_sink *sink)
{
    builder_of(sink)->is_key = true;
}

static mrb_value new_digits(mrb_state *mrb, uint64_t n)
{
    char text[GW_DIGITS_MAX];
    return mrb_str_new(mrb, text, gw_digits_put(text, n) - text);
}

static mrb_value new_text(struct builder *b, struct gw_slice text)
{
    return b->is_key ? new_key(b->mrb, text) : mrb_str_new(b->mrb, text.base, (mrb_int)text.len);
}

static mrb_value new_value(struct builder *b, const struct gw_value *value)
{
    switch (value->kind) {
    case GW_VALUE_FALSE:
        return mrb_false_value();
    case GW_VALUE_TRUE:
        return mrb_true_value();
    case GW_VALUE_INTEGER:
        return mrb_int_value(b->mrb, value->integer);
    case GW_VALUE_UNSIGNED:
        return new_digits(b->mrb, value->unsigned_integer);
    case GW_VALUE_REAL:
        /* A NaN may not lose the bits that make it one. */
        return mrb_float_value(b->mrb, isnan(value->real) ? NAN : value->real);
    case GW_VALUE_STRING:
    case GW_VALUE_BYTES:
        return new_text(b, value->text);
    default:
        return mrb_nil_value();
    }
}

static void take_value(struct gw_value_sink *sink, const struct gw_value *value)
{
    struct builder *b = builder_of(sink);
    add(b, new_value(b, value));
}

static const struct gw_value_sink_ops builder_ops = {
    .begin_object = begin_object,
    .begin_array = begin_array,
    .end = end,
    .restart = restart,
    .field = begin_field,
    .key = begin_key,
    .value = take_value,
};

/* What is to be built. */
struct job {
    const struct gw_schema *schema;
    const struct gw_message_type *type; /* NULL: the details of a status */
    struct gw_slice wire;
    struct gw_error *error;
    gw_pool pool;
};

static mrb_value build(mrb_state *mrb, void *arg)
{
    struct job *job = arg;
    struct builder b;
    b.sink = (struct gw_value_sink){.ops = &builder_ops};
    b.mrb = mrb;
    b.is_key = false;
    b.root = mrb_nil_value();
    if (job->type == NULL)
        gw_status_details_to_value(job->schema, job->wire, &job->pool, &b.sink);
    else if (gw_wire_to_value(job->schema, job->type, job->wire, &job->pool, &b.sink, job->error) !=
             0)
        return mrb_undef_value();
    return b.root;
}

/* An exception passes through the transcoder: what that has allocated is in the pool. */
static mrb_value run(mrb_state *mrb, struct job *job)
{
    mrb_bool is_raised;
    gw_hook_hold(mrb);
    h2o_mem_init_pool(&job->pool);
    mrb_value result = mrb_protect_error(mrb, build, job, &is_raised);
    h2o_mem_clear_pool(&job->pool);
    gw_hook_release(mrb);
    if (is_raised)
        mrb_exc_raise(mrb, result);
    return result;
}

mrb_value gw_hook_message_to_hash(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  struct gw_error *error)
{
    struct job job = {.schema = schema, .type = type, .wire = wire, .error = error};
    return run(mrb, &job);
}

mrb_value gw_hook_status_details(mrb_state *mrb, const struct gw_schema *schema,
                                 struct gw_slice status)
{
    struct job job = {.schema = schema, .wire = status};
    return run(mrb, &job);
}
