/* JSON for hooks, as in Ruby's standard library: JSON.parse(text, symbolize_names: false),
 * JSON.generate(value), and to_json on every object.
 *
 * An integer that does not fit into 64 bits becomes a Float. Of several members with one name the
 * last counts. Values nest up to 100 deep. What is read or written is UTF-8. */
#ifndef GW_HOOKS_LIBRARY_RUBY_JSON_H
#define GW_HOOKS_LIBRARY_RUBY_JSON_H

#include <mruby.h>

void gw_hook_json_define(mrb_state *mrb);

#endif
