#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include "hooks/library/regexp_search.h"
#include "hooks/library/ruby_text.h"

struct match {
    size_t pair_count; /* that of the whole match, then one for each group */
    size_t offsets[];
};

static const mrb_data_type match_type = {"MatchData", mrb_free};

static struct match *match_of(mrb_state *mrb, mrb_value self)
{
    struct match *match = mrb_data_get_ptr(mrb, self, &match_type);
    if (match == NULL)
        mrb_raise(mrb, E_TYPE_ERROR, "uninitialized MatchData");
    return match;
}

static mrb_value match_string(mrb_state *mrb, mrb_value self)
{
    return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "string"));
}

static mrb_value match_regexp(mrb_state *mrb, mrb_value self)
{
    return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "regexp"));
}

void gw_hook_match_assign(mrb_state *mrb, mrb_value self, const size_t *pairs)
{
    struct match *match = match_of(mrb, self);
    memcpy(match->offsets, pairs, match->pair_count * 2 * sizeof(pairs[0]));
}

mrb_value gw_hook_match(struct gw_hook_search *search, const size_t *pairs)
{
    mrb_state *mrb = search->mrb;
    size_t pair_count = search->re->group_count + 1;
    size_t bytes = pair_count * 2 * sizeof(pairs[0]);
    struct RData *data =
        mrb_data_object_alloc(mrb, search->re->matcher->match_class, NULL, &match_type);
    struct match *match = mrb_malloc(mrb, sizeof(*match) + bytes);
    data->data = match;
    match->pair_count = pair_count;
    memcpy(match->offsets, pairs, bytes);
    mrb_value self = mrb_obj_value(data);
    mrb_iv_set(mrb, self, mrb_intern_lit(mrb, "string"), search->string);
    mrb_iv_set(mrb, self, mrb_intern_lit(mrb, "regexp"), search->regexp);
    return self;
}

/* Of group `index`, from 0; nil where it did not match. */
static mrb_value group_at(mrb_state *mrb, mrb_value self, size_t index)
{
    const size_t *pair = match_of(mrb, self)->offsets + 2 * index;
    if (pair[0] == GW_HOOK_UNMATCHED)
        return mrb_nil_value();
    return mrb_str_substr(mrb, match_string(mrb, self), (mrb_int)pair[0],
                          (mrb_int)(pair[1] - pair[0]));
}

void gw_hook_match_set_last(mrb_state *mrb, struct gw_hook_matcher *matcher, mrb_value match)
{
    size_t groups = mrb_nil_p(match) ? 0 : match_of(mrb, match)->pair_count - 1;
    size_t count = groups < 9 ? groups : 9;
    int arena = mrb_gc_arena_save(mrb);
    mrb_gv_set(mrb, matcher->last_match, match);
    for (size_t i = 0; i < count || i < matcher->numbered_count; i++) {
        mrb_gv_set(mrb, matcher->numbered[i],
                   i < count ? group_at(mrb, match, i + 1) : mrb_nil_value());
        mrb_gc_arena_restore(mrb, arena);
    }
    matcher->numbered_count = count;
}

mrb_value gw_hook_match_find(struct gw_hook_search *search, mrb_int position)
{
    const size_t *pairs = NULL;
    if (position < 0)
        position += (mrb_int)search->text.len;
    if (position >= 0)
        pairs = gw_hook_search_from(search, (size_t)position, 0);
    mrb_value match = pairs != NULL ? gw_hook_match(search, pairs) : mrb_nil_value();
    gw_hook_match_set_last(search->mrb, search->re->matcher, match);
    return match;
}

/* Index of the group that an Integer, a String or a Symbol means; it may be out of range. */
static mrb_int index_of(mrb_state *mrb, mrb_value self, mrb_value group)
{
    if (mrb_symbol_p(group))
        group = mrb_sym_str(mrb, mrb_symbol(group));
    if (!mrb_string_p(group))
        return mrb_as_int(mrb, group);
    struct gw_hook_regexp *re = gw_hook_regexp_of(mrb, match_regexp(mrb, self));
    return gw_hook_regexp_group(mrb, re, gw_hook_slice_of(group));
}

static mrb_value match_to_a(mrb_state *mrb, mrb_value self)
{
    size_t count = match_of(mrb, self)->pair_count;
    mrb_value groups = mrb_ary_new_capa(mrb, (mrb_int)count);
    int arena = mrb_gc_arena_save(mrb);
    for (size_t i = 0; i < count; i++) {
        mrb_ary_push(mrb, groups, group_at(mrb, self, i));
        mrb_gc_arena_restore(mrb, arena);
    }
    return groups;
}

static mrb_value match_aref(mrb_state *mrb, mrb_value self)
{
    mrb_value group, length = mrb_undef_value();
    mrb_get_args(mrb, "o|o", &group, &length);
    if (!mrb_undef_p(length))
        return mrb_funcall(mrb, match_to_a(mrb, self), "[]", 2, group, length);
    if (mrb_range_p(group))
        return mrb_funcall(mrb, match_to_a(mrb, self), "[]", 1, group);
    mrb_int count = (mrb_int)match_of(mrb, self)->pair_count;
    mrb_int index = index_of(mrb, self, group);
    if (index < 0)
        index += count;
    return index >= 0 && index < count ? group_at(mrb, self, (size_t)index) : mrb_nil_value();
}

static mrb_value match_captures(mrb_state *mrb, mrb_value self)
{
    mrb_value groups = match_to_a(mrb, self);
    mrb_ary_shift(mrb, groups);
    return groups;
}

static mrb_value match_names(mrb_state *mrb, mrb_value self)
{
    return gw_hook_regexp_names(mrb, gw_hook_regexp_of(mrb, match_regexp(mrb, self)));
}

static mrb_value match_named_captures(mrb_state *mrb, mrb_value self)
{
    mrb_value names = match_names(mrb, self), named = mrb_hash_new(mrb);
    for (mrb_int i = 0; i < RARRAY_LEN(names); i++) {
        mrb_value name = mrb_ary_entry(names, i);
        mrb_hash_set(mrb, named, name, group_at(mrb, self, (size_t)index_of(mrb, self, name)));
    }
    return named;
}

static mrb_value match_values_at(mrb_state *mrb, mrb_value self)
{
    const mrb_value *groups;
    mrb_int count;
    mrb_get_args(mrb, "*", &groups, &count);
    mrb_value values = mrb_ary_new_capa(mrb, count);
    for (mrb_int i = 0; i < count; i++)
        mrb_ary_push(mrb, values, mrb_funcall(mrb, self, "[]", 1, groups[i]));
    return values;
}

/* The pair of the method's argument. */
static const size_t *pair_of_argument(mrb_state *mrb, mrb_value self)
{
    mrb_value group;
    mrb_get_args(mrb, "o", &group);
    struct match *match = match_of(mrb, self);
    mrb_int index = index_of(mrb, self, group);
    if (index < 0 || (size_t)index >= match->pair_count)
        mrb_raisef(mrb, E_INDEX_ERROR, "index %i out of matches", index);
    return match->offsets + 2 * index;
}

static mrb_value offset_value(mrb_state *mrb, size_t offset)
{
    return offset == GW_HOOK_UNMATCHED ? mrb_nil_value() : mrb_int_value(mrb, (mrb_int)offset);
}

static mrb_value match_begin(mrb_state *mrb, mrb_value self)
{
    return offset_value(mrb, pair_of_argument(mrb, self)[0]);
}

static mrb_value match_end(mrb_state *mrb, mrb_value self)
{
    return offset_value(mrb, pair_of_argument(mrb, self)[1]);
}

static mrb_value match_offset(mrb_state *mrb, mrb_value self)
{
    const size_t *pair = pair_of_argument(mrb, self);
    return mrb_assoc_new(mrb, offset_value(mrb, pair[0]), offset_value(mrb, pair[1]));
}

static mrb_value match_pre_match(mrb_state *mrb, mrb_value self)
{
    return mrb_str_substr(mrb, match_string(mrb, self), 0,
                          (mrb_int)match_of(mrb, self)->offsets[0]);
}

static mrb_value match_post_match(mrb_state *mrb, mrb_value self)
{
    mrb_value string = match_string(mrb, self);
    mrb_int end = (mrb_int)match_of(mrb, self)->offsets[1];
    return mrb_str_substr(mrb, string, end, RSTRING_LEN(string) - end);
}

static mrb_value match_to_s(mrb_state *mrb, mrb_value self)
{
    return group_at(mrb, self, 0);
}

static mrb_value match_size(mrb_state *mrb, mrb_value self)
{
    return mrb_int_value(mrb, (mrb_int)match_of(mrb, self)->pair_count);
}

static mrb_value match_is_equal(mrb_state *mrb, mrb_value self)
{
    mrb_value other;
    mrb_get_args(mrb, "o", &other);
    if (!mrb_data_p(other) || DATA_TYPE(other) != &match_type)
        return mrb_false_value();
    const struct match *a = match_of(mrb, self), *b = match_of(mrb, other);
    return mrb_bool_value(
        a->pair_count == b->pair_count &&
        memcmp(a->offsets, b->offsets, a->pair_count * 2 * sizeof(a->offsets[0])) == 0 &&
        mrb_equal(mrb, match_regexp(mrb, self), match_regexp(mrb, other)) &&
        mrb_equal(mrb, match_string(mrb, self), match_string(mrb, other)));
}

/* #<MatchData "ab" 1:"a" name:"b"> */
static mrb_value match_inspect(mrb_state *mrb, mrb_value self)
{
    mrb_value names = match_names(mrb, self), text = mrb_str_new_lit(mrb, "#<MatchData ");
    size_t count = match_of(mrb, self)->pair_count;
    mrb_str_concat(mrb, text, mrb_inspect(mrb, group_at(mrb, self, 0)));
    for (size_t i = 1; i < count; i++) {
        mrb_value name = mrb_ary_entry(names, (mrb_int)i - 1);
        if (mrb_nil_p(name))
            name = mrb_int_value(mrb, (mrb_int)i);
        mrb_str_concat(mrb, text,
                       mrb_format(mrb, " %v:%v", name, mrb_inspect(mrb, group_at(mrb, self, i))));
    }
    gw_hook_text_append(mrb, text, GW_SLICE(">"));
    return text;
}

void gw_hook_match_define(mrb_state *mrb)
{
    struct RClass *class = mrb_define_class(mrb, "MatchData", mrb->object_class);
    MRB_SET_INSTANCE_TT(class, MRB_TT_DATA);
    mrb_undef_class_method(mrb, class, "new");
    mrb_undef_method(mrb, class, "initialize_copy");
    mrb_define_method(mrb, class, "[]", match_aref, MRB_ARGS_ARG(1, 1));
    mrb_define_method(mrb, class, "to_a", match_to_a, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "captures", match_captures, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "names", match_names, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "named_captures", match_named_captures, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "values_at", match_values_at, MRB_ARGS_ANY());
    mrb_define_method(mrb, class, "begin", match_begin, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "end", match_end, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "offset", match_offset, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "pre_match", match_pre_match, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "post_match", match_post_match, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "to_s", match_to_s, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "size", match_size, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "length", match_size, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "string", match_string, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "regexp", match_regexp, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "==", match_is_equal, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "inspect", match_inspect, MRB_ARGS_NONE());
}
