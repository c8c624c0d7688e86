#include "hooks/library/ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include "base/utf8.h"
#include "hooks/library/regexp_pattern.h"
#include "hooks/library/regexp_search.h"
#include "hooks/library/ruby_text.h"

/* For each place where a match may begin. Some ten nanoseconds each. */
#define MATCH_LIMIT 200000
#define MATCH_MEMORY_KIB 4096
/* Patterns that are kept for each set of flags. */
#define CACHE_MAX 256
#define PAIRS_MIN 10

static void *allocate(size_t size, void *mrb)
{
    return mrb_malloc_simple(mrb, size);
}

static void release(void *block, void *mrb)
{
    mrb_free(mrb, block);
}

static void free_matcher(mrb_state *mrb, void *matcher)
{
    struct gw_hook_matcher *m = matcher;
    if (m == NULL)
        return;
    pcre2_match_data_free(m->match);
    pcre2_match_context_free(m->context);
    mrb_free(mrb, m);
}

static void free_regexp(mrb_state *mrb, void *regexp)
{
    struct gw_hook_regexp *re = regexp;
    if (re == NULL)
        return;
    pcre2_code_free(re->by_characters);
    pcre2_code_free(re->by_bytes);
    mrb_free(mrb, re);
}

static const mrb_data_type matcher_type = {"Regexp matcher", free_matcher};
static const mrb_data_type regexp_type = {"Regexp", free_regexp};

static struct RClass *regexp_class(mrb_state *mrb)
{
    return mrb_class_get(mrb, "Regexp");
}

static pcre2_general_context *memory(mrb_state *mrb)
{
    pcre2_general_context *general = pcre2_general_context_create(allocate, release, mrb);
    if (general == NULL)
        mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    return general;
}

static void create_matcher(mrb_state *mrb)
{
    struct RClass *class = regexp_class(mrb);
    struct RData *data = mrb_data_object_alloc(mrb, mrb->object_class, NULL, &matcher_type);
    struct gw_hook_matcher *matcher = mrb_calloc(mrb, 1, sizeof(*matcher));
    data->data = matcher;
    mrb_iv_set(mrb, mrb_obj_value(class), mrb_intern_lit(mrb, "matcher"), mrb_obj_value(data));

    pcre2_general_context *general = memory(mrb);
    matcher->pair_count = PAIRS_MIN;
    matcher->match = pcre2_match_data_create(PAIRS_MIN, general);
    matcher->context = pcre2_match_context_create(general);
    pcre2_general_context_free(general);
    if (matcher->match == NULL || matcher->context == NULL)
        mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_heap_limit(matcher->context, MATCH_MEMORY_KIB);

    matcher->match_class = mrb_class_get(mrb, "MatchData");
    matcher->last_match = mrb_intern_lit(mrb, "$~");
    for (int i = 0; i < 9; i++) {
        char name[] = {'$', (char)('1' + i)};
        matcher->numbered[i] = mrb_intern(mrb, name, sizeof(name));
    }
}

struct gw_hook_matcher *gw_hook_matcher(mrb_state *mrb)
{
    mrb_value data =
        mrb_iv_get(mrb, mrb_obj_value(regexp_class(mrb)), mrb_intern_lit(mrb, "matcher"));
    return mrb_data_get_ptr(mrb, data, &matcher_type);
}

static void make_room_for_groups(mrb_state *mrb, struct gw_hook_matcher *matcher, uint32_t count)
{
    if (count + 1 <= matcher->pair_count)
        return;
    pcre2_general_context *general = memory(mrb);
    pcre2_match_data *match = pcre2_match_data_create(count + 1, general);
    pcre2_general_context_free(general);
    if (match == NULL)
        mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    pcre2_match_data_free(matcher->match);
    matcher->match = match;
    matcher->pair_count = count + 1;
}

static mrb_noreturn void raise_pattern_error(mrb_state *mrb, const char *wrong, mrb_value source)
{
    mrb_raisef(mrb, mrb_class_get(mrb, "RegexpError"), "%s: /%v/", wrong, source);
}

/* NULL with a code in *ret_error. */
static pcre2_code *compile_once(mrb_state *mrb, struct gw_slice pattern, uint32_t options,
                                int *ret_error)
{
    size_t position;
    pcre2_general_context *general = memory(mrb);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    pcre2_code *code = NULL;
    *ret_error = PCRE2_ERROR_NOMEMORY;
    if (context != NULL) {
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
        code = pcre2_compile((PCRE2_SPTR)pattern.base, pattern.len, options, ret_error, &position,
                             context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    return code;
}

static uint32_t name_count(const pcre2_code *code)
{
    uint32_t count;
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
    return count;
}

static pcre2_code *compile(mrb_state *mrb, mrb_value source, mrb_value pattern, uint32_t flags,
                           uint32_t encoding)
{
    struct gw_slice text = gw_hook_slice_of(pattern);
    uint32_t options = encoding | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    int error;
    if (flags & GW_REGEXP_IGNORECASE)
        options |= PCRE2_CASELESS;
    if (flags & GW_REGEXP_EXTENDED)
        options |= PCRE2_EXTENDED;
    if (flags & GW_REGEXP_MULTILINE)
        options |= PCRE2_DOTALL;
    pcre2_code *code = compile_once(mrb, text, options, &error);
    if (code != NULL && name_count(code) > 0) {
        /* Beside named groups, Ruby's plain ones capture nothing. */
        pcre2_code_free(code);
        code = compile_once(mrb, text, options | PCRE2_NO_AUTO_CAPTURE, &error);
    }
    if (code != NULL)
        return code;
    if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
        mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    unsigned char message[128];
    pcre2_get_error_message(error, message, sizeof(message));
    raise_pattern_error(mrb, (char *)message, source);
}

static mrb_value translate(mrb_state *mrb, mrb_value source, uint32_t flags)
{
    struct gw_slice text = gw_hook_slice_of(source);
    size_t length;
    size_t room = text.len <= GW_HOOK_PATTERN_MAX ? text.len * GW_HOOK_PATTERN_GROWTH : 0;
    mrb_value pattern = gw_hook_text_of_room(mrb, room);
    const char *wrong = gw_hook_pattern_translate(text, (flags & GW_REGEXP_EXTENDED) != 0,
                                                  RSTRING_PTR(pattern), &length);
    if (wrong != NULL)
        raise_pattern_error(mrb, wrong, source);
    gw_hook_text_set_length(pattern, length);
    return pattern;
}

const pcre2_code *gw_hook_regexp_by_bytes(mrb_state *mrb, mrb_value regexp)
{
    struct gw_hook_regexp *re = gw_hook_regexp_of(mrb, regexp);
    if (re->by_bytes == NULL) {
        mrb_value source = mrb_iv_get(mrb, regexp, mrb_intern_lit(mrb, "source"));
        mrb_value pattern = translate(mrb, source, re->flags);
        re->by_bytes = compile(mrb, source, pattern, re->flags, 0);
    }
    return re->by_bytes;
}

static uint32_t flags_of_letters(mrb_state *mrb, mrb_value letters)
{
    uint32_t flags = 0;
    for (mrb_int i = 0; i < RSTRING_LEN(letters); i++) {
        switch (RSTRING_PTR(letters)[i]) {
        case 'i':
            flags |= GW_REGEXP_IGNORECASE;
            break;
        case 'x':
            flags |= GW_REGEXP_EXTENDED;
            break;
        case 'm':
            flags |= GW_REGEXP_MULTILINE;
            break;
        case 'o':
            break;
        default:
            mrb_raisef(mrb, E_ARGUMENT_ERROR, "unknown regexp option: %v", letters);
        }
    }
    return flags;
}

static uint32_t flags_of(mrb_state *mrb, mrb_value options, mrb_value encoding)
{
    uint32_t flags;
    if (mrb_string_p(options))
        flags = flags_of_letters(mrb, options);
    else if (mrb_integer_p(options))
        flags = (uint32_t)mrb_integer(options) & (GW_REGEXP_IGNORECASE | GW_REGEXP_EXTENDED |
                                                  GW_REGEXP_MULTILINE | GW_REGEXP_NOENCODING);
    else
        flags = mrb_test(options) ? GW_REGEXP_IGNORECASE : 0;
    if (mrb_string_p(encoding) && RSTRING_LEN(encoding) > 0 && *RSTRING_PTR(encoding) == 'n')
        flags |= GW_REGEXP_NOENCODING;
    return flags;
}

bool gw_hook_is_regexp(mrb_value value)
{
    return mrb_data_p(value) && DATA_TYPE(value) == &regexp_type;
}

struct gw_hook_regexp *gw_hook_regexp_of(mrb_state *mrb, mrb_value value)
{
    if (!gw_hook_is_regexp(value) || DATA_PTR(value) == NULL)
        mrb_raisef(mrb, E_TYPE_ERROR, "wrong argument type %C (expected Regexp)",
                   mrb_obj_class(mrb, value));
    return DATA_PTR(value);
}

static mrb_value regexp_initialize(mrb_state *mrb, mrb_value self)
{
    mrb_value source, options = mrb_nil_value(), encoding = mrb_nil_value();
    mrb_get_args(mrb, "o|oo", &source, &options, &encoding);
    if (DATA_PTR(self) != NULL)
        mrb_raise(mrb, E_TYPE_ERROR, "already initialized regexp");
    uint32_t flags;
    if (gw_hook_is_regexp(source)) {
        flags = gw_hook_regexp_of(mrb, source)->flags;
        source = mrb_iv_get(mrb, source, mrb_intern_lit(mrb, "source"));
    } else {
        flags = flags_of(mrb, options, encoding);
        source = gw_hook_text_frozen(mrb, mrb_ensure_string_type(mrb, source));
    }

    struct gw_hook_regexp *re = mrb_calloc(mrb, 1, sizeof(*re));
    mrb_data_init(self, re, &regexp_type);
    re->flags = flags;
    re->matcher = gw_hook_matcher(mrb);
    mrb_iv_set(mrb, self, mrb_intern_lit(mrb, "source"), source);
    struct gw_slice text = gw_hook_slice_of(source);
    mrb_value pattern = translate(mrb, source, flags);
    if ((flags & GW_REGEXP_NOENCODING) == 0 && gw_utf8_check(text) == text.len)
        re->by_characters = compile(mrb, source, pattern, flags, PCRE2_UTF);
    else
        re->by_bytes = compile(mrb, source, pattern, flags, 0);
    pcre2_pattern_info(re->by_characters != NULL ? re->by_characters : re->by_bytes,
                       PCRE2_INFO_CAPTURECOUNT, &re->group_count);
    make_room_for_groups(mrb, re->matcher, re->group_count);
    return self;
}

/* Those of one set of flags, by source. */
static mrb_value cache_for(mrb_state *mrb, mrb_value class, uint32_t flags)
{
    mrb_sym name = mrb_intern_lit(mrb, "cache");
    mrb_value caches = mrb_iv_get(mrb, class, name);
    if (mrb_nil_p(caches)) {
        caches = mrb_ary_new(mrb);
        mrb_iv_set(mrb, class, name, caches);
    }
    mrb_value cache = mrb_ary_entry(caches, flags);
    if (mrb_nil_p(cache)) {
        cache = mrb_hash_new(mrb);
        mrb_ary_set(mrb, caches, flags, cache);
    }
    return cache;
}

/* What literals call: `pattern`, letters, encoding. */
static mrb_value regexp_compile(mrb_state *mrb, mrb_value class)
{
    const mrb_value *args;
    mrb_int count;
    mrb_get_args(mrb, "*", &args, &count);
    if (count < 1 || count > 3 || !mrb_string_p(args[0]))
        return mrb_obj_new(mrb, mrb_class_ptr(class), count, args);
    uint32_t flags =
        flags_of(mrb, count > 1 ? args[1] : mrb_nil_value(), count > 2 ? args[2] : mrb_nil_value());
    mrb_value cache = cache_for(mrb, class, flags);
    mrb_value regexp = mrb_hash_get(mrb, cache, args[0]);
    if (!mrb_nil_p(regexp))
        return regexp;
    regexp = mrb_obj_new(mrb, mrb_class_ptr(class), count, args);
    if (mrb_hash_size(mrb, cache) >= CACHE_MAX)
        mrb_hash_clear(mrb, cache);
    mrb_hash_set(mrb, cache, args[0], regexp);
    return regexp;
}

mrb_value gw_hook_regexp_from(mrb_state *mrb, mrb_value pattern)
{
    if (gw_hook_is_regexp(pattern))
        return pattern;
    pattern = mrb_ensure_string_type(mrb, pattern);
    return mrb_funcall(mrb, mrb_obj_value(regexp_class(mrb)), "compile", 1, pattern);
}

static mrb_value source_of(mrb_state *mrb, mrb_value regexp)
{
    gw_hook_regexp_of(mrb, regexp);
    return mrb_iv_get(mrb, regexp, mrb_intern_lit(mrb, "source"));
}

static mrb_value regexp_flags(mrb_state *mrb, mrb_value self)
{
    return mrb_int_value(mrb, gw_hook_regexp_of(mrb, self)->flags);
}

static mrb_value regexp_is_casefold(mrb_state *mrb, mrb_value self)
{
    return mrb_bool_value((gw_hook_regexp_of(mrb, self)->flags & GW_REGEXP_IGNORECASE) != 0);
}

/* Appends those of "mix" that are set, or those that are not. */
static void append_letters(mrb_state *mrb, mrb_value text, uint32_t flags)
{
    if (flags & GW_REGEXP_MULTILINE)
        gw_hook_text_append(mrb, text, GW_SLICE("m"));
    if (flags & GW_REGEXP_IGNORECASE)
        gw_hook_text_append(mrb, text, GW_SLICE("i"));
    if (flags & GW_REGEXP_EXTENDED)
        gw_hook_text_append(mrb, text, GW_SLICE("x"));
}

/* The source with slashes escaped. */
static void append_source(mrb_state *mrb, mrb_value text, mrb_value regexp)
{
    struct gw_slice s = gw_hook_slice_of(source_of(mrb, regexp));
    for (size_t i = 0; i < s.len; i++) {
        size_t taken = s.base[i] == '\\' && i + 1 < s.len ? 2 : 1;
        if (s.base[i] == '/')
            gw_hook_text_append(mrb, text, GW_SLICE("\\"));
        gw_hook_text_append(mrb, text, gw_slice(s.base + i, taken));
        i += taken - 1;
    }
}

static mrb_value regexp_to_s(mrb_state *mrb, mrb_value self)
{
    const uint32_t all = GW_REGEXP_MULTILINE | GW_REGEXP_IGNORECASE | GW_REGEXP_EXTENDED;
    uint32_t flags = gw_hook_regexp_of(mrb, self)->flags;
    mrb_value text = mrb_str_new_lit(mrb, "(?");
    append_letters(mrb, text, flags);
    if ((flags & all) != all)
        gw_hook_text_append(mrb, text, GW_SLICE("-"));
    append_letters(mrb, text, ~flags);
    gw_hook_text_append(mrb, text, GW_SLICE(":"));
    append_source(mrb, text, self);
    gw_hook_text_append(mrb, text, GW_SLICE(")"));
    return text;
}

static mrb_value regexp_inspect(mrb_state *mrb, mrb_value self)
{
    uint32_t flags = gw_hook_regexp_of(mrb, self)->flags;
    mrb_value text = mrb_str_new_lit(mrb, "/");
    append_source(mrb, text, self);
    gw_hook_text_append(mrb, text, GW_SLICE("/"));
    append_letters(mrb, text, flags);
    if (flags & GW_REGEXP_NOENCODING)
        gw_hook_text_append(mrb, text, GW_SLICE("n"));
    return text;
}

static mrb_value regexp_is_equal(mrb_state *mrb, mrb_value self)
{
    mrb_value other;
    mrb_get_args(mrb, "o", &other);
    if (!gw_hook_is_regexp(other))
        return mrb_false_value();
    return mrb_bool_value(gw_hook_regexp_of(mrb, self)->flags ==
                              gw_hook_regexp_of(mrb, other)->flags &&
                          mrb_str_equal(mrb, source_of(mrb, self), source_of(mrb, other)));
}

static mrb_value regexp_hash(mrb_state *mrb, mrb_value self)
{
    return mrb_int_value(mrb, (mrb_int)mrb_str_hash(mrb, source_of(mrb, self)));
}

uint32_t gw_hook_regexp_group(mrb_state *mrb, struct gw_hook_regexp *re, struct gw_slice name)
{
    const pcre2_code *code = re->by_characters != NULL ? re->by_characters : re->by_bytes;
    mrb_value terminated = gw_hook_text(mrb, name);
    int number = pcre2_substring_number_from_name(code, (PCRE2_SPTR)RSTRING_PTR(terminated));
    if (number < 0)
        mrb_raisef(mrb, E_INDEX_ERROR, "undefined group name reference: %v", terminated);
    return (uint32_t)number;
}

mrb_value gw_hook_regexp_names(mrb_state *mrb, struct gw_hook_regexp *re)
{
    const pcre2_code *code = re->by_characters != NULL ? re->by_characters : re->by_bytes;
    uint32_t entry_size;
    PCRE2_SPTR table;
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
    uint32_t count = name_count(code);
    mrb_value names = mrb_ary_new_capa(mrb, count);
    for (uint32_t i = 0; i < count; i++) {
        /* Two bytes of the group's number, then its name; sorted by name. */
        PCRE2_SPTR entry = table + (size_t)i * entry_size;
        mrb_int number = entry[0] << 8 | entry[1];
        mrb_ary_set(mrb, names, number - 1, mrb_str_new_cstr(mrb, (const char *)entry + 2));
    }
    return names;
}

static mrb_value regexp_names(mrb_state *mrb, mrb_value self)
{
    return gw_hook_regexp_names(mrb, gw_hook_regexp_of(mrb, self));
}

static mrb_value regexp_match(mrb_state *mrb, mrb_value self)
{
    mrb_value string, block;
    mrb_int position = 0;
    mrb_get_args(mrb, "o|i&", &string, &position, &block);
    if (mrb_nil_p(string)) {
        gw_hook_regexp_set_last_match(mrb, string);
        return string;
    }
    if (mrb_symbol_p(string))
        string = mrb_sym_str(mrb, mrb_symbol(string));
    struct gw_hook_search search = gw_hook_search(mrb, self, string);
    mrb_value match = gw_hook_match_find(&search, position);
    return mrb_nil_p(match) || mrb_nil_p(block) ? match : mrb_yield(mrb, block, match);
}

/* Position of the match, or -1; sets $~. */
static mrb_int find(mrb_state *mrb, mrb_value regexp, mrb_value string)
{
    struct gw_hook_search search = gw_hook_search(mrb, regexp, string);
    const size_t *pairs = gw_hook_search_from(&search, 0, 0);
    mrb_int position = pairs != NULL ? (mrb_int)pairs[0] : -1;
    mrb_value match = pairs != NULL ? gw_hook_match(&search, pairs) : mrb_nil_value();
    gw_hook_match_set_last(mrb, search.re->matcher, match);
    return position;
}

static mrb_value regexp_position(mrb_state *mrb, mrb_value self)
{
    mrb_value string;
    mrb_get_args(mrb, "o", &string);
    if (mrb_nil_p(string)) {
        gw_hook_regexp_set_last_match(mrb, string);
        return string;
    }
    if (mrb_symbol_p(string))
        string = mrb_sym_str(mrb, mrb_symbol(string));
    mrb_int position = find(mrb, self, string);
    return position >= 0 ? mrb_int_value(mrb, position) : mrb_nil_value();
}

static mrb_value regexp_is_case(mrb_state *mrb, mrb_value self)
{
    mrb_value string;
    mrb_get_args(mrb, "o", &string);
    if (mrb_symbol_p(string))
        string = mrb_sym_str(mrb, mrb_symbol(string));
    if (!mrb_string_p(string)) {
        gw_hook_regexp_set_last_match(mrb, mrb_nil_value());
        return mrb_false_value();
    }
    return mrb_bool_value(find(mrb, self, string) >= 0);
}

static mrb_value regexp_is_match(mrb_state *mrb, mrb_value self)
{
    mrb_value string;
    mrb_int position = 0;
    mrb_get_args(mrb, "o|i", &string, &position);
    if (mrb_nil_p(string))
        return mrb_false_value();
    if (mrb_symbol_p(string))
        string = mrb_sym_str(mrb, mrb_symbol(string));
    struct gw_hook_search search = gw_hook_search(mrb, self, string);
    if (position < 0)
        position += RSTRING_LEN(search.string);
    return mrb_bool_value(position >= 0 &&
                          gw_hook_search_from(&search, (size_t)position, 0) != NULL);
}

static mrb_value regexp_escape(mrb_state *mrb, mrb_value self)
{
    static const char letters[128] = {
        ['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r', ['\f'] = 'f', ['\v'] = 'v',  [' '] = ' ',
        ['#'] = '#',  ['$'] = '$',  ['('] = '(',  [')'] = ')',  ['*'] = '*',   ['+'] = '+',
        ['-'] = '-',  ['.'] = '.',  ['?'] = '?',  ['['] = '[',  ['\\'] = '\\', [']'] = ']',
        ['^'] = '^',  ['{'] = '{',  ['|'] = '|',  ['}'] = '}',
    };
    mrb_value string;
    (void)self;
    mrb_get_args(mrb, "S", &string);
    struct gw_slice s = gw_hook_slice_of(string);
    mrb_value escaped = gw_hook_text_of_room(mrb, s.len * 2);
    char *to = RSTRING_PTR(escaped);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.base[i];
        char letter = c < 128 ? letters[c] : '\0';
        if (letter != '\0')
            *to++ = '\\';
        *to++ = letter != '\0' ? letter : s.base[i];
    }
    gw_hook_text_set_length(escaped, (size_t)(to - RSTRING_PTR(escaped)));
    return escaped;
}

static mrb_value regexp_union(mrb_state *mrb, mrb_value class)
{
    const mrb_value *args;
    mrb_int count;
    mrb_get_args(mrb, "*", &args, &count);
    mrb_value parts =
        count == 1 && mrb_array_p(args[0]) ? args[0] : mrb_ary_new_from_values(mrb, count, args);
    count = RARRAY_LEN(parts);
    if (count == 1 && gw_hook_is_regexp(mrb_ary_entry(parts, 0)))
        return mrb_ary_entry(parts, 0);
    mrb_value source = count == 0 ? mrb_str_new_lit(mrb, "(?!)") : mrb_str_new_lit(mrb, "");
    for (mrb_int i = 0; i < count; i++) {
        mrb_value part = mrb_ary_entry(parts, i);
        bool is_regexp = gw_hook_is_regexp(part);
        if (i > 0)
            gw_hook_text_append(mrb, source, GW_SLICE("|"));
        mrb_str_concat(mrb, source,
                       is_regexp ? regexp_to_s(mrb, part)
                                 : mrb_funcall(mrb, class, "escape", 1, part));
    }
    return mrb_obj_new(mrb, mrb_class_ptr(class), 1, &source);
}

mrb_value gw_hook_regexp_last_match(mrb_state *mrb)
{
    return mrb_gv_get(mrb, mrb_intern_lit(mrb, "$~"));
}

void gw_hook_regexp_set_last_match(mrb_state *mrb, mrb_value match)
{
    if (mrb_nil_p(match) && mrb_nil_p(gw_hook_regexp_last_match(mrb)))
        return;
    gw_hook_match_set_last(mrb, gw_hook_matcher(mrb), match);
}

static mrb_value regexp_last_match(mrb_state *mrb, mrb_value class)
{
    mrb_value group = mrb_undef_value();
    (void)class;
    mrb_get_args(mrb, "|o", &group);
    mrb_value match = gw_hook_regexp_last_match(mrb);
    return mrb_undef_p(group) || mrb_nil_p(match) ? match : mrb_funcall(mrb, match, "[]", 1, group);
}

static mrb_value nothing_matches(mrb_state *mrb, mrb_value self)
{
    (void)mrb;
    (void)self;
    return mrb_nil_value();
}

static void define_constants(mrb_state *mrb, struct RClass *class)
{
    mrb_define_const(mrb, class, "IGNORECASE", mrb_int_value(mrb, GW_REGEXP_IGNORECASE));
    mrb_define_const(mrb, class, "EXTENDED", mrb_int_value(mrb, GW_REGEXP_EXTENDED));
    mrb_define_const(mrb, class, "MULTILINE", mrb_int_value(mrb, GW_REGEXP_MULTILINE));
    mrb_define_const(mrb, class, "NOENCODING", mrb_int_value(mrb, GW_REGEXP_NOENCODING));
}

void gw_hook_regexp_define(mrb_state *mrb)
{
    struct RClass *class = mrb_define_class(mrb, "Regexp", mrb->object_class);
    MRB_SET_INSTANCE_TT(class, MRB_TT_DATA);
    mrb_define_class(mrb, "RegexpError", mrb->eStandardError_class);
    gw_hook_match_define(mrb);
    create_matcher(mrb);
    define_constants(mrb, class);
    mrb_define_class_method(mrb, class, "compile", regexp_compile, MRB_ARGS_ARG(1, 2));
    mrb_define_class_method(mrb, class, "escape", regexp_escape, MRB_ARGS_REQ(1));
    mrb_define_class_method(mrb, class, "quote", regexp_escape, MRB_ARGS_REQ(1));
    mrb_define_class_method(mrb, class, "union", regexp_union, MRB_ARGS_ANY());
    mrb_define_class_method(mrb, class, "last_match", regexp_last_match, MRB_ARGS_OPT(1));
    mrb_define_method(mrb, class, "initialize", regexp_initialize, MRB_ARGS_ARG(1, 2));
    mrb_define_method(mrb, class, "initialize_copy", regexp_initialize, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "=~", regexp_position, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "===", regexp_is_case, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "match", regexp_match, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK());
    mrb_define_method(mrb, class, "match?", regexp_is_match, MRB_ARGS_ARG(1, 1));
    mrb_define_method(mrb, class, "source", source_of, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "options", regexp_flags, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "casefold?", regexp_is_casefold, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "names", regexp_names, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "to_s", regexp_to_s, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "inspect", regexp_inspect, MRB_ARGS_NONE());
    mrb_define_method(mrb, class, "==", regexp_is_equal, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "eql?", regexp_is_equal, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "hash", regexp_hash, MRB_ARGS_NONE());
    mrb_define_method(mrb, mrb->kernel_module, "=~", nothing_matches, MRB_ARGS_REQ(1));
    gw_hook_string_regexp_define(mrb);
}
