/* Counters of hooks: Sluice.counter(name, labels = {}, help: nil), declared while a file is loaded,
 * is a Sluice::Counter, whose increment(by = 1) counts. It stands in /metrics by its name. */
#ifndef GW_HOOKS_LIBRARY_RUBY_COUNTER_H
#define GW_HOOKS_LIBRARY_RUBY_COUNTER_H

#include <mruby.h>

void gw_hook_counter_define(mrb_state *mrb);

#endif
