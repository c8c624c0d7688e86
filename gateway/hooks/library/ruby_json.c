#include "hooks/library/ruby_json.h"

#include <math.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include "base/json_text.h"
#include "hooks/library/message_source.h"
#include "hooks/library/ruby_text.h"
#include "transcode/json_reader.h"

#define DEPTH_MAX 100

static struct RClass *error_class(mrb_state *mrb, const char *name)
{
    return mrb_class_get_under(mrb, mrb_module_get(mrb, "JSON"), name);
}

struct parse {
    struct gw_json_reader reader;
    struct gw_error error;
    mrb_state *mrb;
    int depth;
    bool symbolizes_names;
};

static mrb_noreturn void raise_parser_error(struct parse *p)
{
    mrb_raise(p->mrb, error_class(p->mrb, "ParserError"), p->error.message);
}

static mrb_value parse_value(struct parse *p);

static mrb_value parse_string(struct parse *p)
{
    size_t length, room = gw_json_string_room(&p->reader);
    mrb_value string = gw_hook_text_of_room(p->mrb, room);
    if (gw_json_read_string_into(&p->reader, RSTRING_PTR(string), &length) != 0)
        raise_parser_error(p);
    gw_hook_text_set_length(string, length);
    return string;
}

static mrb_value parse_number(struct parse *p)
{
    struct gw_number number;
    if (gw_json_read_number(&p->reader, "a value", &number) != 0)
        raise_parser_error(p);
    int64_t integer;
    bool is_written_as_integer = true;
    for (size_t i = 0; i < number.text.len; i++)
        is_written_as_integer &= memchr(".eE", number.text.base[i], 3) == NULL;
    if (is_written_as_integer &&
        gw_number_to_i64(&number, INT64_MIN, INT64_MAX, &integer) == GW_NUMBER_OK)
        return mrb_int_value(p->mrb, integer);
    double value;
    if (gw_number_to_double(&number, &value) != GW_NUMBER_OK) {
        gw_json_fail(&p->reader, number.text.base, "the number is out of range");
        raise_parser_error(p);
    }
    return mrb_float_value(p->mrb, value);
}

static void enter(struct parse *p)
{
    if (++p->depth > DEPTH_MAX) {
        gw_json_fail(&p->reader, p->reader.at, "nested deeper than %d", DEPTH_MAX);
        mrb_raise(p->mrb, error_class(p->mrb, "NestingError"), p->error.message);
    }
    p->reader.at++;
}

static mrb_value parse_array(struct parse *p)
{
    mrb_state *mrb = p->mrb;
    mrb_value array = mrb_ary_new(mrb);
    int arena = mrb_gc_arena_save(mrb);
    int more;
    enter(p);
    for (bool is_first = true; (more = gw_json_next(&p->reader, ']', is_first)) > 0;
         is_first = false) {
        mrb_ary_push(mrb, array, parse_value(p));
        mrb_gc_arena_restore(mrb, arena);
    }
    if (more < 0)
        raise_parser_error(p);
    p->depth--;
    return array;
}

static mrb_value parse_object(struct parse *p)
{
    mrb_state *mrb = p->mrb;
    mrb_value object = mrb_hash_new(mrb);
    int arena = mrb_gc_arena_save(mrb);
    int more;
    enter(p);
    for (bool is_first = true; (more = gw_json_next(&p->reader, '}', is_first)) > 0;
         is_first = false) {
        mrb_value key = parse_string(p);
        if (gw_json_colon(&p->reader) != 0)
            raise_parser_error(p);
        if (p->symbolizes_names)
            key = mrb_symbol_value(mrb_intern_str(mrb, key));
        mrb_hash_set(mrb, object, key, parse_value(p));
        mrb_gc_arena_restore(mrb, arena);
    }
    if (more < 0)
        raise_parser_error(p);
    p->depth--;
    return object;
}

static mrb_value parse_value(struct parse *p)
{
    switch (gw_json_peek(&p->reader)) {
    case '{':
        return parse_object(p);
    case '[':
        return parse_array(p);
    case '"':
        return parse_string(p);
    default:
        if (gw_json_take_word(&p->reader, GW_SLICE("true")))
            return mrb_true_value();
        if (gw_json_take_word(&p->reader, GW_SLICE("false")))
            return mrb_false_value();
        if (gw_json_take_word(&p->reader, GW_SLICE("null")))
            return mrb_nil_value();
        return parse_number(p);
    }
}

static mrb_value json_parse(mrb_state *mrb, mrb_value self)
{
    mrb_value text;
    mrb_sym names[] = {mrb_intern_lit(mrb, "symbolize_names")};
    mrb_value options[1];
    mrb_kwargs keywords = {.num = 1, .table = names, .values = options};
    mrb_get_args(mrb, "S:", &text, &keywords);
    (void)self;

    const char *from = RSTRING_PTR(text);
    struct parse p = {
        .reader = {.at = from, .end = from + RSTRING_LEN(text), .text = from},
        .mrb = mrb,
        .symbolizes_names = !mrb_undef_p(options[0]) && mrb_test(options[0]),
    };
    p.reader.error = &p.error;
    mrb_value value = parse_value(&p);
    gw_json_peek(&p.reader);
    if (p.reader.at != p.reader.end) {
        gw_json_fail_expected(&p.reader, p.reader.at, "the end of the text");
        raise_parser_error(&p);
    }
    return value;
}

struct generate {
    mrb_state *mrb;
    mrb_value out;
    int depth;
};

static void append_value(struct generate *g, mrb_value value);

static void append(struct generate *g, struct gw_slice s)
{
    gw_hook_text_append(g->mrb, g->out, s);
}

static void append_string(struct generate *g, mrb_value string)
{
    struct gw_slice s = gw_hook_slice_of(string);
    size_t escaped = 0; /* bytes that may need an escape, of five more */
    for (size_t i = 0; i < s.len; i++)
        escaped += (unsigned char)s.base[i] < 0x20 || s.base[i] == '"' || s.base[i] == '\\';
    size_t length = (size_t)RSTRING_LEN(g->out);
    gw_hook_text_reserve(g->mrb, g->out, s.len + 5 * escaped + 16);
    /* Not grown: it has room for the longest form. */
    struct gw_buf out = {RSTRING_PTR(g->out), length, (size_t)RSTRING_CAPA(g->out), NULL};
    if (gw_json_append_string(&out, s) != 0)
        mrb_raise(g->mrb, error_class(g->mrb, "GeneratorError"), "the string is not UTF-8");
    gw_hook_text_set_length(g->out, out.len);
}

static void append_float(struct generate *g, double value)
{
    char text[GW_NUMBER_TEXT_MAX + 2];
    if (!isfinite(value))
        mrb_raisef(g->mrb, error_class(g->mrb, "GeneratorError"), "%s is no JSON number",
                   isnan(value) ? "NaN" : "Infinity");
    char *end = gw_number_put_double(text, gw_hook_real(value));
    struct gw_slice digits = gw_slice(text, (size_t)(end - text));
    append(g, digits);
    if (memchr(text, '.', digits.len) == NULL && memchr(text, 'e', digits.len) == NULL)
        append(g, GW_SLICE(".0"));
}

static void append_integer(struct generate *g, mrb_int value)
{
    char text[GW_NUMBER_TEXT_MAX];
    append(g, gw_slice(text, (size_t)(gw_number_put_i64(text, value) - text)));
}

static void enter_generated(struct generate *g)
{
    if (++g->depth > DEPTH_MAX)
        mrb_raisef(g->mrb, error_class(g->mrb, "NestingError"), "nested deeper than %d", DEPTH_MAX);
}

static void append_array(struct generate *g, mrb_value array)
{
    enter_generated(g);
    append(g, GW_SLICE("["));
    for (mrb_int i = 0; i < RARRAY_LEN(array); i++) {
        if (i > 0)
            append(g, GW_SLICE(","));
        append_value(g, mrb_ary_entry(array, i));
    }
    append(g, GW_SLICE("]"));
    g->depth--;
}

static void append_hash(struct generate *g, mrb_value hash)
{
    mrb_state *mrb = g->mrb;
    mrb_value keys = mrb_hash_keys(mrb, hash);
    enter_generated(g);
    append(g, GW_SLICE("{"));
    for (mrb_int i = 0; i < RARRAY_LEN(keys); i++) {
        mrb_value key = mrb_ary_entry(keys, i);
        if (i > 0)
            append(g, GW_SLICE(","));
        append_string(g, mrb_obj_as_string(mrb, key));
        append(g, GW_SLICE(":"));
        append_value(g, mrb_hash_get(mrb, hash, key));
    }
    append(g, GW_SLICE("}"));
    g->depth--;
}

static void append_value(struct generate *g, mrb_value value)
{
    mrb_state *mrb = g->mrb;
    int arena = mrb_gc_arena_save(mrb);
    if (mrb_hash_p(value))
        append_hash(g, value);
    else if (mrb_array_p(value))
        append_array(g, value);
    else if (mrb_string_p(value))
        append_string(g, value);
    else if (mrb_integer_p(value))
        append_integer(g, mrb_integer(value));
    else if (mrb_float_p(value))
        append_float(g, mrb_float(value));
    else if (mrb_nil_p(value))
        append(g, GW_SLICE("null"));
    else if (mrb_true_p(value))
        append(g, GW_SLICE("true"));
    else if (mrb_false_p(value))
        append(g, GW_SLICE("false"));
    else if (mrb_symbol_p(value))
        append_string(g, mrb_sym_str(mrb, mrb_symbol(value)));
    else
        append(g, gw_hook_slice_of(
                      mrb_ensure_string_type(mrb, mrb_funcall(mrb, value, "to_json", 0))));
    mrb_gc_arena_restore(mrb, arena);
}

static mrb_value generate(mrb_state *mrb, mrb_value value)
{
    struct generate g = {.mrb = mrb, .out = gw_hook_text_of_room(mrb, 64)};
    gw_hook_text_set_length(g.out, 0);
    append_value(&g, value);
    return g.out;
}

static mrb_value json_generate(mrb_state *mrb, mrb_value self)
{
    mrb_value value;
    (void)self;
    mrb_get_args(mrb, "o", &value);
    return generate(mrb, value);
}

static mrb_value to_json(mrb_state *mrb, mrb_value self)
{
    return generate(mrb, self);
}

/* Of objects without a form of their own: as text. */
static mrb_value object_to_json(mrb_state *mrb, mrb_value self)
{
    return generate(mrb, mrb_obj_as_string(mrb, self));
}

void gw_hook_json_define(mrb_state *mrb)
{
    struct RClass *json = mrb_define_module(mrb, "JSON");
    struct RClass *error =
        mrb_define_class_under(mrb, json, "JSONError", mrb->eStandardError_class);
    struct RClass *parser_error = mrb_define_class_under(mrb, json, "ParserError", error);
    mrb_define_class_under(mrb, json, "NestingError", parser_error);
    mrb_define_class_under(mrb, json, "GeneratorError", error);
    mrb_define_module_function(mrb, json, "parse", json_parse,
                               MRB_ARGS_REQ(1) | MRB_ARGS_KEY(1, 0));
    mrb_define_module_function(mrb, json, "generate", json_generate, MRB_ARGS_REQ(1));

    mrb_define_method(mrb, mrb->kernel_module, "to_json", object_to_json, MRB_ARGS_NONE());
    struct RClass *const classes[] = {mrb->hash_class,    mrb->array_class, mrb->string_class,
                                      mrb->integer_class, mrb->float_class, mrb->symbol_class,
                                      mrb->nil_class,     mrb->true_class,  mrb->false_class};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        mrb_define_method(mrb, classes[i], "to_json", to_json, MRB_ARGS_NONE());
}
