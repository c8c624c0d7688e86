/* A Ruby with one module of the library, and what its code makes. */
#ifndef TESTS_UNIT_HOOKS_RUBY_H
#define TESTS_UNIT_HOOKS_RUBY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mruby.h>
#include <mruby/compile.h>
#include <mruby/error.h>
#include <mruby/string.h>

/* For cmocka's setup: *state is a VM with what `define` defines. */
static inline int open_ruby(void **state, void (*define)(mrb_state *mrb))
{
    mrb_state *mrb = mrb_open();
    assert_non_null(mrb);
    define(mrb);
    *state = mrb;
    return 0;
}

static inline int close_ruby(void **state)
{
    mrb_close(*state);
    return 0;
}

/* What the code makes, as `inspect` shows it; of an exception its class and message. Valid until
 * the VM's next collection of garbage. */
static inline const char *ruby(mrb_state *mrb, const char *code)
{
    mrb_value value = mrb_load_string(mrb, code);
    if (mrb->exc != NULL) {
        value = mrb_obj_value(mrb->exc);
        mrb->exc = NULL;
        return mrb_str_to_cstr(mrb, mrb_format(mrb, "%C: %v", mrb_obj_class(mrb, value), value));
    }
    return mrb_str_to_cstr(mrb, mrb_inspect(mrb, value));
}

#define assert_ruby(mrb, code, expected) assert_string_equal(ruby(mrb, code), expected)

#endif
