/* What methods of String do with a Regexp. With anything else they go on to mruby's own, which
 * stay under other names. */
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include "hooks/library/regexp_search.h"
#include "hooks/library/ruby_text.h"

struct arguments {
    const mrb_value *values;
    mrb_int count;
    mrb_value block;
};

static struct arguments arguments_of(mrb_state *mrb)
{
    struct arguments args;
    mrb_get_args(mrb, "*&", &args.values, &args.count, &args.block);
    return args;
}

static bool begins_with_regexp(const struct arguments *args)
{
    return args->count > 0 && gw_hook_is_regexp(args->values[0]);
}

static mrb_value call_plain(mrb_state *mrb, mrb_value self, const char *name,
                            const struct arguments *args)
{
    return mrb_funcall_with_block(mrb, self, mrb_intern_cstr(mrb, name), args->count, args->values,
                                  args->block);
}

static void check_count(mrb_state *mrb, const struct arguments *args, mrb_int max)
{
    if (args->count > max)
        mrb_argnum_error(mrb, args->count, 1, (int)max);
}

static mrb_value string_position(mrb_state *mrb, mrb_value self)
{
    mrb_value other;
    mrb_get_args(mrb, "o", &other);
    if (mrb_string_p(other))
        mrb_raise(mrb, E_TYPE_ERROR, "wrong argument type String (expected Regexp)");
    return mrb_funcall(mrb, other, "=~", 1, self);
}

/* Calls a method of the Regexp that the first argument is, or stands for. */
static mrb_value turn_around(mrb_state *mrb, mrb_value self, const char *name)
{
    struct arguments args = arguments_of(mrb);
    if (args.count < 1 || args.count > 2)
        mrb_argnum_error(mrb, args.count, 1, 2);
    mrb_value turned[2] = {self, args.count > 1 ? args.values[1] : mrb_int_value(mrb, 0)};
    return mrb_funcall_with_block(mrb, gw_hook_regexp_from(mrb, args.values[0]),
                                  mrb_intern_cstr(mrb, name), 2, turned, args.block);
}

static mrb_value string_match(mrb_state *mrb, mrb_value self)
{
    return turn_around(mrb, self, "match");
}

static mrb_value string_is_match(mrb_state *mrb, mrb_value self)
{
    return turn_around(mrb, self, "match?");
}

/* The part of the text that the escape at `at` stands for; taken: 0 where it is none. */
struct reference {
    size_t begin, end, taken;
};

static struct reference group_reference(struct gw_hook_search *search, const size_t *pairs,
                                        size_t group, size_t taken)
{
    if (group > search->re->group_count || pairs[2 * group] == GW_HOOK_UNMATCHED)
        return (struct reference){0, 0, taken};
    return (struct reference){pairs[2 * group], pairs[2 * group + 1], taken};
}

static struct reference reference_at(struct gw_hook_search *search, const size_t *pairs,
                                     const char *at, const char *end)
{
    const char *close;
    switch (end - at < 2 ? '\0' : at[1]) {
    case '&':
        return group_reference(search, pairs, 0, 2);
    case '`':
        return (struct reference){0, pairs[0], 2};
    case '\'':
        return (struct reference){pairs[1], search->text.len, 2};
    case 'k':
        close = memchr(at, '>', (size_t)(end - at));
        if (close == NULL || at[2] != '<')
            return (struct reference){0};
        uint32_t group = gw_hook_regexp_group(search->mrb, search->re,
                                              gw_slice(at + 3, (size_t)(close - at - 3)));
        return group_reference(search, pairs, group, (size_t)(close + 1 - at));
    default:
        if (end - at < 2 || at[1] < '0' || at[1] > '9')
            return (struct reference){0};
        return group_reference(search, pairs, (size_t)(at[1] - '0'), 2);
    }
}

/* Appends the replacement with what \0, \1, \k<name>, \&, \`, \' and \\ stand for. */
static void expand(struct gw_hook_search *search, struct gw_slice replacement, const size_t *pairs,
                   mrb_value out)
{
    mrb_state *mrb = search->mrb;
    const char *at = replacement.base, *end = at + replacement.len;
    for (;;) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        gw_hook_text_append(mrb, out, gw_slice(at, (size_t)((escape != NULL ? escape : end) - at)));
        if (escape == NULL)
            return;
        struct reference reference = reference_at(search, pairs, escape, end);
        gw_hook_text_append(
            mrb, out,
            gw_slice(search->text.base + reference.begin, reference.end - reference.begin));
        if (reference.taken == 0)
            gw_hook_text_append(mrb, out, GW_SLICE("\\"));
        at = escape + (reference.taken > 0 ? reference.taken : 1);
        if (reference.taken == 0 && at < end && *at == '\\')
            at++;
    }
}

/* What a match becomes: by a Hash, by a block, or a text. */
static void append_replacement(struct gw_hook_search *search, const struct arguments *args,
                               mrb_value match, const size_t *pairs, mrb_value out)
{
    mrb_state *mrb = search->mrb;
    mrb_value value;
    if (args->count == 1) {
        gw_hook_match_set_last(mrb, search->re->matcher, match);
        value = mrb_yield(mrb, args->block, gw_hook_search_part(search, pairs));
    } else if (mrb_hash_p(args->values[1])) {
        value = mrb_hash_get(mrb, args->values[1], gw_hook_search_part(search, pairs));
    } else {
        expand(search, gw_hook_slice_of(args->values[1]), pairs, out);
        return;
    }
    mrb_str_concat(mrb, out, mrb_obj_as_string(mrb, value));
}

/* `self` with one match or all replaced; undef where there is none. */
static mrb_value substitute(mrb_state *mrb, mrb_value self, const struct arguments *args,
                            bool is_global)
{
    check_count(mrb, args, 2);
    if (args->count == 1 && mrb_nil_p(args->block))
        mrb_raise(mrb, E_ARGUMENT_ERROR, "neither a replacement nor a block given");
    if (args->count == 2 && !mrb_hash_p(args->values[1]))
        mrb_ensure_string_type(mrb, args->values[1]);
    struct gw_hook_search search = gw_hook_search(mrb, args->values[0], self);
    mrb_value out = mrb_undef_value(), match = mrb_nil_value();
    size_t copied = 0, from = 0;
    const size_t *pairs;
    int arena = mrb_gc_arena_save(mrb);
    do {
        pairs = gw_hook_search_from(&search, from, 0);
        if (pairs == NULL)
            break;
        if (mrb_undef_p(out)) {
            out = gw_hook_text_of_room(mrb, search.text.len);
            gw_hook_text_set_length(out, 0);
        }
        /* A block may search, too, and keep the MatchData: nobody else can. */
        if (mrb_nil_p(match) || args->count == 1)
            match = gw_hook_match(&search, pairs);
        else
            gw_hook_match_assign(mrb, match, pairs);
        size_t begin = pairs[0], end = pairs[1];
        gw_hook_text_append(mrb, out, gw_slice(search.text.base + copied, begin - copied));
        append_replacement(&search, args, match, pairs, out);
        copied = end;
        from = end > begin ? end : end + gw_hook_search_step(&search, end);
        mrb_gc_arena_restore(mrb, arena);
        mrb_gc_protect(mrb, out);
        mrb_gc_protect(mrb, match);
    } while (is_global);
    gw_hook_match_set_last(mrb, search.re->matcher, match);
    if (!mrb_undef_p(out))
        gw_hook_text_append(mrb, out, gw_slice_from(search.text, copied));
    return out;
}

static mrb_value substituted(mrb_state *mrb, mrb_value self, bool is_global, const char *plain)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, plain, &args);
    mrb_value result = substitute(mrb, self, &args, is_global);
    return mrb_undef_p(result) ? mrb_str_dup(mrb, self) : result;
}

static mrb_value substitute_in_place(mrb_state *mrb, mrb_value self, bool is_global,
                                     const char *plain)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, plain, &args);
    mrb_str_modify(mrb, mrb_str_ptr(self));
    mrb_value result = substitute(mrb, self, &args, is_global);
    if (mrb_undef_p(result))
        return mrb_nil_value();
    return mrb_funcall(mrb, self, "replace", 1, result);
}

static mrb_value string_sub(mrb_state *mrb, mrb_value self)
{
    return substituted(mrb, self, false, "__plain_sub");
}

static mrb_value string_gsub(mrb_state *mrb, mrb_value self)
{
    return substituted(mrb, self, true, "__plain_gsub");
}

static mrb_value string_sub_in_place(mrb_state *mrb, mrb_value self)
{
    return substitute_in_place(mrb, self, false, "__plain_sub!");
}

static mrb_value string_gsub_in_place(mrb_state *mrb, mrb_value self)
{
    return substitute_in_place(mrb, self, true, "__plain_gsub!");
}

/* An element of what scan returns: the match, or an Array of its groups. */
static mrb_value scanned(struct gw_hook_search *search, const size_t *pairs)
{
    mrb_state *mrb = search->mrb;
    uint32_t count = search->re->group_count;
    if (count == 0)
        return gw_hook_search_part(search, pairs);
    mrb_value groups = mrb_ary_new_capa(mrb, count);
    for (uint32_t i = 1; i <= count; i++)
        mrb_ary_push(mrb, groups, gw_hook_search_part(search, pairs + 2 * i));
    return groups;
}

static mrb_value pattern_to_scan(mrb_state *mrb, mrb_value pattern)
{
    if (mrb_string_p(pattern))
        pattern =
            mrb_funcall(mrb, mrb_obj_value(mrb_class_get(mrb, "Regexp")), "escape", 1, pattern);
    return gw_hook_regexp_from(mrb, pattern);
}

static mrb_value string_scan(mrb_state *mrb, mrb_value self)
{
    mrb_value pattern, block, match = mrb_nil_value();
    mrb_get_args(mrb, "o&", &pattern, &block);
    struct gw_hook_search search = gw_hook_search(mrb, pattern_to_scan(mrb, pattern), self);
    mrb_value found = mrb_ary_new(mrb);
    const size_t *pairs;
    int arena = mrb_gc_arena_save(mrb);
    for (size_t from = 0; (pairs = gw_hook_search_from(&search, from, 0)) != NULL;) {
        from = pairs[1] > pairs[0] ? pairs[1] : pairs[1] + gw_hook_search_step(&search, pairs[1]);
        if (mrb_nil_p(match) || !mrb_nil_p(block))
            match = gw_hook_match(&search, pairs);
        else
            gw_hook_match_assign(mrb, match, pairs);
        mrb_value element = scanned(&search, pairs);
        if (mrb_nil_p(block)) {
            mrb_ary_push(mrb, found, element);
        } else {
            gw_hook_match_set_last(mrb, search.re->matcher, match);
            mrb_yield(mrb, block, element);
        }
        mrb_gc_arena_restore(mrb, arena);
        mrb_gc_protect(mrb, match);
    }
    gw_hook_match_set_last(mrb, search.re->matcher, match);
    return mrb_nil_p(block) ? found : self;
}

struct split {
    struct gw_hook_search search;
    mrb_value parts;
    mrb_int limit, count; /* of parts but captures; limit 0: none, and no empty ones at the end */
};

static void add_part(struct split *split, size_t begin, size_t end)
{
    mrb_state *mrb = split->search.mrb;
    int arena = mrb_gc_arena_save(mrb);
    size_t pair[2] = {begin, end};
    mrb_ary_push(mrb, split->parts, gw_hook_search_part(&split->search, pair));
    mrb_gc_arena_restore(mrb, arena);
}

/* Where the last part begins. */
static size_t add_parts(struct split *split)
{
    struct gw_hook_search *search = &split->search;
    size_t begin = 0, from = 0;
    const size_t *pairs;
    while ((split->limit <= 0 || split->count < split->limit) &&
           (pairs = gw_hook_search_from(search, from, 0)) != NULL) {
        bool is_empty = pairs[0] == pairs[1];
        if (is_empty && pairs[0] == begin) { /* else parts would be empty, too */
            from = pairs[0] + gw_hook_search_step(search, pairs[0]);
            continue;
        }
        add_part(split, begin, pairs[0]);
        split->count++;
        begin = from = pairs[1];
        for (uint32_t i = 1; i <= search->re->group_count; i++) {
            if (pairs[2 * i] != GW_HOOK_UNMATCHED)
                add_part(split, pairs[2 * i], pairs[2 * i + 1]);
        }
    }
    return begin;
}

static mrb_value string_split(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, "__plain_split", &args);
    check_count(mrb, &args, 2);
    struct split split = {.search = gw_hook_search(mrb, args.values[0], self),
                          .parts = mrb_ary_new(mrb),
                          .limit = args.count > 1 ? mrb_as_int(mrb, args.values[1]) : 0,
                          .count = 1};
    size_t length = split.search.text.len;
    if (length == 0)
        return split.parts;
    add_part(&split, add_parts(&split), length);
    while (split.limit == 0 && RARRAY_LEN(split.parts) > 0 &&
           RSTRING_LEN(mrb_ary_entry(split.parts, -1)) == 0)
        mrb_ary_pop(mrb, split.parts);
    return split.parts;
}

static mrb_value string_index(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, "__plain_index", &args);
    check_count(mrb, &args, 2);
    struct gw_hook_search search = gw_hook_search(mrb, args.values[0], self);
    mrb_value match =
        gw_hook_match_find(&search, args.count > 1 ? mrb_as_int(mrb, args.values[1]) : 0);
    return mrb_nil_p(match) ? match : mrb_funcall(mrb, match, "begin", 1, mrb_int_value(mrb, 0));
}

static mrb_value string_begins_with(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    for (mrb_int i = 0; i < args.count; i++) {
        struct arguments one = {args.values + i, 1, mrb_nil_value()};
        if (!begins_with_regexp(&one)) {
            if (mrb_test(call_plain(mrb, self, "__plain_start_with?", &one)))
                return mrb_true_value();
            continue;
        }
        struct gw_hook_search search = gw_hook_search(mrb, args.values[i], self);
        const size_t *pairs = gw_hook_search_from(&search, 0, PCRE2_ANCHORED);
        mrb_value match = pairs != NULL ? gw_hook_match(&search, pairs) : mrb_nil_value();
        gw_hook_match_set_last(mrb, search.re->matcher, match);
        if (pairs != NULL)
            return mrb_true_value();
    }
    return mrb_false_value();
}

/* The part of `self` that the Regexp, or the group of it that stands behind it, matches. */
static mrb_value matched_part(mrb_state *mrb, mrb_value self, const struct arguments *args)
{
    check_count(mrb, args, 2);
    struct gw_hook_search search = gw_hook_search(mrb, args->values[0], self);
    mrb_value match = gw_hook_match_find(&search, 0);
    if (mrb_nil_p(match))
        return match;
    return mrb_funcall(mrb, match, "[]", 1,
                       args->count > 1 ? args->values[1] : mrb_int_value(mrb, 0));
}

static mrb_value string_aref(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, "__plain_[]", &args);
    return matched_part(mrb, self, &args);
}

static mrb_value string_slice_in_place(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, "__plain_slice!", &args);
    mrb_value part = matched_part(mrb, self, &args);
    if (mrb_nil_p(part))
        return part;
    mrb_value group = args.count > 1 ? args.values[1] : mrb_int_value(mrb, 0);
    mrb_value match = mrb_funcall(mrb, args.values[0], "match", 1, self);
    mrb_value begin = mrb_funcall(mrb, match, "begin", 1, group);
    mrb_funcall(mrb, self, "[]=", 3, begin, mrb_int_value(mrb, RSTRING_LEN(part)),
                mrb_str_new_lit(mrb, ""));
    return part;
}

static mrb_value string_partition(mrb_state *mrb, mrb_value self)
{
    struct arguments args = arguments_of(mrb);
    if (!begins_with_regexp(&args))
        return call_plain(mrb, self, "__plain_partition", &args);
    check_count(mrb, &args, 1);
    struct gw_hook_search search = gw_hook_search(mrb, args.values[0], self);
    mrb_value match = gw_hook_match_find(&search, 0);
    mrb_value parts[3] = {mrb_str_dup(mrb, self), mrb_str_new_lit(mrb, ""),
                          mrb_str_new_lit(mrb, "")};
    if (!mrb_nil_p(match)) {
        parts[0] = mrb_funcall(mrb, match, "pre_match", 0);
        parts[1] = mrb_funcall(mrb, match, "to_s", 0);
        parts[2] = mrb_funcall(mrb, match, "post_match", 0);
    }
    return mrb_ary_new_from_values(mrb, 3, parts);
}

void gw_hook_string_regexp_define(mrb_state *mrb)
{
    static const struct {
        const char *name, *plain; /* plain: mruby's own, NULL where it has none */
        mrb_func_t function;
    } methods[] = {
        {"=~", NULL, string_position},
        {"match", NULL, string_match},
        {"match?", NULL, string_is_match},
        {"sub", "__plain_sub", string_sub},
        {"gsub", "__plain_gsub", string_gsub},
        {"sub!", "__plain_sub!", string_sub_in_place},
        {"gsub!", "__plain_gsub!", string_gsub_in_place},
        {"scan", NULL, string_scan},
        {"split", "__plain_split", string_split},
        {"index", "__plain_index", string_index},
        {"start_with?", "__plain_start_with?", string_begins_with},
        {"[]", "__plain_[]", string_aref},
        {"slice", "__plain_[]", string_aref},
        {"slice!", "__plain_slice!", string_slice_in_place},
        {"partition", "__plain_partition", string_partition},
    };
    struct RClass *class = mrb->string_class;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        mrb_sym name = mrb_intern_cstr(mrb, methods[i].name);
        if (methods[i].plain != NULL)
            mrb_alias_method(mrb, class, mrb_intern_cstr(mrb, methods[i].plain), name);
        mrb_define_method_id(mrb, class, name, methods[i].function, MRB_ARGS_ANY());
    }
}
