#include "hooks/library/message_source.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <mruby/array.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include "hooks/library/library.h"
#include "hooks/library/message.h"
#include "transcode/number.h"

/* mruby keeps a Float in a word and has its last two bits for itself. */
#ifdef MRB_WORDBOX_NO_FLOAT_TRUNCATE
#define LOST_BITS 0
#else
#define LOST_BITS UINT64_C(3)
#endif

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

bool gw_hook_same_real(double a, double b)
{
    return (bits_of(a) | LOST_BITS) == (bits_of(b) | LOST_BITS) || (isnan(a) && isnan(b));
}

static int significant_digits(double value)
{
    char text[GW_NUMBER_TEXT_MAX], *end = gw_number_put_double(text, value);
    int seen = 0, significant = 0;
    for (const char *at = text; at < end && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && (*at > '0' || seen > 0))
            seen++;
        if (*at > '0' && *at <= '9')
            significant = seen;
    }
    return significant;
}

double gw_hook_real(double kept)
{
    double best = kept;
    int fewest = isfinite(kept) ? significant_digits(kept) : 0;
    for (uint64_t lost = 1; lost <= LOST_BITS && fewest > DBL_DIG; lost++) {
        double candidate = of_bits(bits_of(kept) | lost);
        int digits = significant_digits(candidate);
        if (digits < fewest) {
            fewest = digits;
            best = candidate;
        }
    }
    return best;
}

static struct gw_slice symbol_name(struct gw_hook_source *s, mrb_sym symbol)
{
    mrb_int length;
    const char *name = mrb_sym_name_len(s->mrb, symbol, &length);
    return gw_pool_dup(s->pool, gw_slice(name, (size_t)length));
}

static struct gw_value classify(struct gw_hook_source *s, mrb_value value)
{
    switch (mrb_type(value)) {
    case MRB_TT_FALSE:
        return (struct gw_value){.kind = mrb_nil_p(value) ? GW_VALUE_NULL : GW_VALUE_FALSE};
    case MRB_TT_TRUE:
        return (struct gw_value){.kind = GW_VALUE_TRUE};
    case MRB_TT_INTEGER:
        return (struct gw_value){.kind = GW_VALUE_INTEGER, .integer = mrb_integer(value)};
    case MRB_TT_FLOAT:
        return (struct gw_value){.kind = GW_VALUE_REAL, .real = gw_hook_real(mrb_float(value))};
    case MRB_TT_STRING:
        return (struct gw_value){.kind = GW_VALUE_STRING, .text = gw_hook_slice_of(value)};
    case MRB_TT_SYMBOL:
        return (struct gw_value){.kind = GW_VALUE_STRING,
                                 .text = symbol_name(s, mrb_symbol(value))};
    case MRB_TT_ARRAY:
        return (struct gw_value){.kind = GW_VALUE_ARRAY};
    case MRB_TT_HASH:
        return (struct gw_value){.kind = GW_VALUE_OBJECT};
    default:
        return (struct gw_value){.kind = GW_VALUE_OTHER, .text = GW_SLICE("a Ruby object")};
    }
}

static void set_current(struct gw_hook_source *s, mrb_value value)
{
    s->value = value;
    s->source.current = classify(s, value);
}

static struct gw_hook_source *source_of(struct gw_value_source *source)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_hook_source, source, source);
}

static int add_pair(mrb_state *mrb, mrb_value key, mrb_value value, void *arg)
{
    struct gw_hook_source_frame *frame = arg;
    (void)mrb;
    frame->pairs[2 * frame->count] = key;
    frame->pairs[2 * frame->count + 1] = value;
    frame->count++;
    return 0;
}

static void open_hash(struct gw_hook_source *s, struct gw_hook_source_frame *frame)
{
    size_t size = (size_t)mrb_hash_size(s->mrb, s->value);
    if (size > frame->capacity) {
        frame->capacity = 2 * size;
        frame->pairs = h2o_mem_alloc_pool(s->pool, 2 * frame->capacity * sizeof(*frame->pairs));
    }
    frame->count = 0;
    mrb_hash_foreach(s->mrb, mrb_hash_ptr(s->value), add_pair, frame);
}

static void open_current(struct gw_value_source *source)
{
    struct gw_hook_source *s = source_of(source);
    assert(s->depth < GW_VALUE_DEPTH_MAX);
    struct gw_hook_source_frame *frame = &s->frames[s->depth++];
    if (s->frames_begun < s->depth) {
        s->frames_begun = s->depth;
        *frame = (struct gw_hook_source_frame){.capacity = 0};
    }
    frame->next = 0;
    frame->array = mrb_nil_value();
    if (source->current.kind == GW_VALUE_OBJECT) {
        open_hash(s, frame);
    } else {
        frame->array = s->value;
        frame->count = (size_t)RARRAY_LEN(s->value);
    }
}

static bool next(struct gw_value_source *source)
{
    struct gw_hook_source *s = source_of(source);
    struct gw_hook_source_frame *frame = &s->frames[s->depth - 1];
    if (frame->next == frame->count) {
        s->depth--;
        return false;
    }
    size_t i = frame->next++;
    set_current(s, mrb_nil_p(frame->array) ? frame->pairs[2 * i] : RARRAY_PTR(frame->array)[i]);
    return true;
}

static void member(struct gw_value_source *source)
{
    struct gw_hook_source *s = source_of(source);
    const struct gw_hook_source_frame *frame = &s->frames[s->depth - 1];
    set_current(s, frame->pairs[2 * frame->next - 1]);
}

static void again(struct gw_value_source *source)
{
    struct gw_hook_source *s = source_of(source);
    s->frames[s->depth++].next = 0;
}

static const struct gw_value_source_ops source_ops = {
    .open = open_current,
    .next = next,
    .member = member,
    .again = again,
};

void gw_hook_source_init(struct gw_hook_source *s, mrb_state *mrb, gw_pool *pool, mrb_value root)
{
    s->source.ops = &source_ops;
    s->mrb = mrb;
    s->pool = pool;
    s->depth = s->frames_begun = 0;
    set_current(s, root);
}

int gw_hook_hash_to_wire(mrb_state *mrb, const struct gw_schema *schema,
                         const struct gw_message_type *type, mrb_value hash, gw_pool *pool,
                         struct gw_buf *out, struct gw_error *error)
{
    struct gw_hook_source s;
    gw_hook_hold(mrb);
    gw_hook_source_init(&s, mrb, pool, hash);
    int rc = gw_value_to_wire(schema, type, &s.source, GW_HOOK_MESSAGE_BYTES_MAX, pool, out, error);
    gw_hook_release(mrb);
    return rc;
}
