/* Regexp, MatchData and what strings do with them, by PCRE2, as in Ruby: literals, =~, match,
 * match?, ===, $~ and $1 to $9, scan, sub, gsub, split, index, partition, slice and [].
 *
 * Positions are bytes, as elsewhere in this Ruby; characters are UTF-8 but in a text that is not,
 * which is matched as bytes. A match that takes too many steps or too much memory raises
 * RegexpError. A block of sub, gsub and scan cannot wait.
 *
 * Patterns that literals and Regexp.compile make are kept, some hundred of them. */
#ifndef GW_HOOKS_LIBRARY_RUBY_REGEXP_H
#define GW_HOOKS_LIBRARY_RUBY_REGEXP_H

#include <mruby.h>

void gw_hook_regexp_define(mrb_state *mrb);

/* What $~ and $1 to $9 tell of: a MatchData or nil. They are the VM's: whoever has several fibers
 * take turns keeps it for each. */
mrb_value gw_hook_regexp_last_match(mrb_state *mrb);
void gw_hook_regexp_set_last_match(mrb_state *mrb, mrb_value match);

#endif
