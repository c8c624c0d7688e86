#include "base/digits.h"
#include "hooks/library/library.h"
#include "hooks/library/message.h"
#include "hooks/library/message_source.h"
#include "transcode/value.h"

/* Goes through the message and, beside it, through the Hash that was made of it: what nobody
 * changed has everything in the same order. */
struct comparison {
    struct gw_value_sink sink;
    struct gw_hook_source tree;
    bool differs;
    bool is_key;                       /* what comes next is a key */
    bool differed[GW_VALUE_DEPTH_MAX]; /* before what is open there was begun */
};

static struct comparison *comparison_of(struct gw_value_sink *sink)
{
    return H2O_STRUCT_FROM_MEMBER(struct comparison, sink, sink);
}

static void advance(struct comparison *c)
{
    c->differs = c->differs || !c->tree.source.ops->next(&c->tree.source);
}

static bool is_in_array(const struct comparison *c)
{
    return c->tree.depth > 0 && !mrb_nil_p(c->tree.frames[c->tree.depth - 1].array);
}

static void begin(struct gw_value_sink *sink, enum gw_value_kind kind)
{
    struct comparison *c = comparison_of(sink);
    if (!c->differs && is_in_array(c))
        advance(c);
    c->differed[sink->depth++] = c->differs;
    c->differs = c->differs || c->tree.source.current.kind != kind;
    if (!c->differs)
        c->tree.source.ops->open(&c->tree.source);
}

static void begin_object(struct gw_value_sink *sink)
{
    begin(sink, GW_VALUE_OBJECT);
}

static void begin_array(struct gw_value_sink *sink)
{
    begin(sink, GW_VALUE_ARRAY);
}

/* Nothing may be left. */
static void end(struct gw_value_sink *sink)
{
    struct comparison *c = comparison_of(sink);
    c->differs = c->differs || c->tree.source.ops->next(&c->tree.source);
    sink->depth--;
}

/* The member of an Any that no field gave is the first. */
static void restart(struct gw_value_sink *sink, size_t depth)
{
    struct comparison *c = comparison_of(sink);
    sink->depth = depth;
    c->differs = c->differed[depth - 1];
    if (c->differs)
        return;
    struct gw_hook_source_frame *frame = &c->tree.frames[depth - 1];
    c->tree.depth = depth;
    frame->next = frame->count > 0 && mrb_string_p(frame->pairs[0]) &&
                  gw_slice_eq(gw_hook_slice_of(frame->pairs[0]), GW_SLICE("@type"));
}

static bool is_same(const struct gw_value *a, const struct gw_value *b)
{
    char digits[GW_DIGITS_MAX];
    switch (a->kind) {
    case GW_VALUE_INTEGER:
        return b->kind == GW_VALUE_INTEGER && a->integer == b->integer;
    case GW_VALUE_REAL:
        return b->kind == GW_VALUE_REAL && gw_hook_same_real(a->real, b->real);
    case GW_VALUE_UNSIGNED:
        return b->kind == GW_VALUE_STRING &&
               gw_slice_eq(
                   b->text,
                   gw_slice(digits, (size_t)(gw_digits_put(digits, a->unsigned_integer) - digits)));
    case GW_VALUE_STRING:
    case GW_VALUE_BYTES:
        return b->kind == GW_VALUE_STRING && gw_slice_eq(a->text, b->text);
    default:
        return a->kind == b->kind;
    }
}

static void compare_key(struct comparison *c, const struct gw_value *key)
{
    advance(c);
    c->differs = c->differs || !is_same(key, &c->tree.source.current);
    if (!c->differs)
        c->tree.source.ops->member(&c->tree.source);
}

static void begin_field(struct gw_value_sink *sink, const struct gw_field *field)
{
    compare_key(comparison_of(sink),
                &(struct gw_value){.kind = GW_VALUE_STRING, .text = field->name});
}

static void begin_key(struct gw_value_sink *sink)
{
    comparison_of(sink)->is_key = true;
}

static void take_value(struct gw_value_sink *sink, const struct gw_value *value)
{
    struct comparison *c = comparison_of(sink);
    if (c->is_key) {
        c->is_key = false;
        compare_key(c, value);
        return;
    }
    if (!c->differs && is_in_array(c))
        advance(c);
    c->differs = c->differs || !is_same(value, &c->tree.source.current);
}

static const struct gw_value_sink_ops comparison_ops = {
    .begin_object = begin_object,
    .begin_array = begin_array,
    .end = end,
    .restart = restart,
    .field = begin_field,
    .key = begin_key,
    .value = take_value,
};

bool gw_hook_message_is_unchanged(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  mrb_value hash)
{
    struct comparison c;
    gw_pool pool;
    gw_hook_hold(mrb);
    h2o_mem_init_pool(&pool);
    c.sink = (struct gw_value_sink){.ops = &comparison_ops};
    c.differs = c.is_key = false;
    gw_hook_source_init(&c.tree, mrb, &pool, hash);
    bool is_message = gw_wire_to_value(schema, type, wire, &pool, &c.sink, NULL) == 0;
    h2o_mem_clear_pool(&pool);
    gw_hook_release(mrb);
    return is_message && !c.differs;
}
