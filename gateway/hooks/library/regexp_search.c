#include "hooks/library/regexp_search.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/string.h>

#include "base/utf8.h"
#include "hooks/library/ruby_text.h"

static mrb_noreturn void raise_match_error(struct gw_hook_search *search, int code)
{
    mrb_state *mrb = search->mrb;
    struct RClass *error = mrb_class_get(mrb, "RegexpError");
    unsigned char message[128];
    switch (code) {
    case PCRE2_ERROR_NOMEMORY:
        mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        mrb_raisef(mrb, error, "gave up matching: too many ways to try: %v", search->regexp);
    default:
        pcre2_get_error_message(code, message, sizeof(message));
        mrb_raisef(mrb, error, "%s: %v", (char *)message, search->regexp);
    }
}

struct gw_hook_search gw_hook_search(mrb_state *mrb, mrb_value regexp, mrb_value string)
{
    struct gw_hook_search search = {.mrb = mrb, .regexp = regexp};
    search.re = gw_hook_regexp_of(mrb, regexp);
    search.string = gw_hook_text_frozen(mrb, mrb_ensure_string_type(mrb, string));
    search.text = gw_hook_slice_of(search.string);
    search.is_utf8 =
        search.re->by_characters != NULL && gw_utf8_check(search.text) == search.text.len;
    return search;
}

const size_t *gw_hook_search_from(struct gw_hook_search *search, size_t from, uint32_t options)
{
    struct gw_hook_matcher *matcher = search->re->matcher;
    const pcre2_code *code = search->re->by_characters;
    if (from > search->text.len)
        return NULL;
    if (!search->is_utf8)
        code = gw_hook_regexp_by_bytes(search->mrb, search->regexp);
    while (search->is_utf8 && from < search->text.len && (search->text.base[from] & 0xc0) == 0x80)
        from++;
    int rc = pcre2_match(code, (PCRE2_SPTR)search->text.base, search->text.len, from,
                         options | PCRE2_NO_UTF_CHECK, matcher->match, matcher->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return NULL;
    if (rc < 0)
        raise_match_error(search, rc);
    return pcre2_get_ovector_pointer(matcher->match);
}

size_t gw_hook_search_step(const struct gw_hook_search *search, size_t at)
{
    if (!search->is_utf8 || at >= search->text.len)
        return 1;
    return gw_utf8_step(gw_slice_from(search->text, at));
}

mrb_value gw_hook_search_part(const struct gw_hook_search *search, const size_t pair[2])
{
    if (pair[0] == GW_HOOK_UNMATCHED)
        return mrb_nil_value();
    return mrb_str_substr(search->mrb, search->string, (mrb_int)pair[0],
                          (mrb_int)(pair[1] - pair[0]));
}
