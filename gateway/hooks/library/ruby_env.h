/* The environment for hooks, to be read only: Sluice.env["NAME"] (nil where it is not set),
 * Sluice.env.fetch("NAME", default), Sluice.env.key?("NAME"). ENV is the same. */
#ifndef GW_HOOKS_LIBRARY_RUBY_ENV_H
#define GW_HOOKS_LIBRARY_RUBY_ENV_H

#include <mruby.h>

void gw_hook_env_define(mrb_state *mrb);

#endif
