/* Base64 for hooks, as in Ruby's standard library: encode64 (in lines of 60), strict_encode64,
 * urlsafe_encode64(bytes, padding: true), decode64 (skips what is no digit), strict_decode64 and
 * urlsafe_decode64, which raise ArgumentError. */
#ifndef GW_HOOKS_LIBRARY_RUBY_BASE64_H
#define GW_HOOKS_LIBRARY_RUBY_BASE64_H

#include <mruby.h>

void gw_hook_base64_define(mrb_state *mrb);

#endif
