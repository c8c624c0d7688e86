/* Searching a text for a Regexp: what Regexp, MatchData and the methods of strings share. */
#ifndef GW_HOOKS_LIBRARY_REGEXP_SEARCH_H
#define GW_HOOKS_LIBRARY_REGEXP_SEARCH_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <mruby.h>
#include <pcre2.h>

#include "base/slice.h"

/* Of one VM. */
struct gw_hook_matcher {
    pcre2_match_data *match;      /* of the last search, with its working memory */
    uint32_t pair_count;          /* it has room for */
    pcre2_match_context *context; /* the limits */
    struct RClass *match_class;   /* MatchData */
    mrb_sym last_match;           /* $~ */
    mrb_sym numbered[9];          /* $1 to $9 */
    size_t numbered_count;        /* that are set */
};

/* Behind a Regexp. */
struct gw_hook_regexp {
    struct gw_hook_matcher *matcher;
    pcre2_code *by_characters; /* NULL: the pattern is not UTF-8, or Ruby's flag n says so */
    pcre2_code *by_bytes;      /* made when needed; NULL before */
    uint32_t group_count;
    uint32_t flags; /* enum gw_hook_regexp_flags */
};

enum gw_hook_regexp_flags {
    GW_REGEXP_IGNORECASE = 1,
    GW_REGEXP_EXTENDED = 2,
    GW_REGEXP_MULTILINE = 4,
    GW_REGEXP_NOENCODING = 32,
};

/* Offsets of pairs that no group matched. */
#define GW_HOOK_UNMATCHED PCRE2_UNSET

struct gw_hook_search {
    mrb_state *mrb;
    mrb_value regexp, string; /* string is frozen: it stays as it is while blocks run */
    struct gw_hook_regexp *re;
    struct gw_slice text;
    bool is_utf8;
};

bool gw_hook_is_regexp(mrb_value value);
/* Raises TypeError where it is none. */
struct gw_hook_regexp *gw_hook_regexp_of(mrb_state *mrb, mrb_value value);
/* What Regexp.compile makes of a String; a Regexp itself. */
mrb_value gw_hook_regexp_from(mrb_state *mrb, mrb_value pattern);
struct gw_hook_matcher *gw_hook_matcher(mrb_state *mrb);
/* Compiled to match bytes. */
const pcre2_code *gw_hook_regexp_by_bytes(mrb_state *mrb, mrb_value regexp);

/* Raises TypeError where regexp or string are none. */
struct gw_hook_search gw_hook_search(mrb_state *mrb, mrb_value regexp, mrb_value string);
/* The first match that begins at `from` or later: beginning and end of it and of each group, until
 * the VM's next search. NULL: there is none. `options` are pcre2_match's. */
const size_t *gw_hook_search_from(struct gw_hook_search *search, size_t from, uint32_t options);
/* Length of the character at `at`, 1 past the end. */
size_t gw_hook_search_step(const struct gw_hook_search *search, size_t at);
/* Part of the text: nil where it is unmatched. */
mrb_value gw_hook_search_part(const struct gw_hook_search *search, const size_t pair[2]);
/* Number of the group that has the name; raises IndexError where none has. */
uint32_t gw_hook_regexp_group(mrb_state *mrb, struct gw_hook_regexp *re, struct gw_slice name);
/* Names in their order, as an Array. */
mrb_value gw_hook_regexp_names(mrb_state *mrb, struct gw_hook_regexp *re);

/* ruby_match.c */
void gw_hook_match_define(mrb_state *mrb);
/* A MatchData that tells of `pairs`, and the same anew. */
mrb_value gw_hook_match(struct gw_hook_search *search, const size_t *pairs);
void gw_hook_match_assign(mrb_state *mrb, mrb_value match, const size_t *pairs);
/* Sets $~ and $1 to $9: of a MatchData, or nil. */
void gw_hook_match_set_last(mrb_state *mrb, struct gw_hook_matcher *matcher, mrb_value match);
/* Searches, sets $~ and returns it: MatchData or nil. A negative position counts from the end. */
mrb_value gw_hook_match_find(struct gw_hook_search *search, mrb_int position);

/* ruby_string_regexp.c */
void gw_hook_string_regexp_define(mrb_state *mrb);

#endif
