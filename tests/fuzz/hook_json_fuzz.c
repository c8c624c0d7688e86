/* JSON of hooks: what is read can be written, and is then read as the same. */
#include <mruby.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/string.h>
#include <stdint.h>
#include <stdlib.h>

#include "hooks/library/ruby_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    const char *base;
    size_t length;
};

static mrb_value read_and_write(mrb_state *mrb, void *arg)
{
    const struct text *text = arg;
    mrb_value json = mrb_obj_value(mrb_module_get(mrb, "JSON"));
    mrb_value value =
        mrb_funcall(mrb, json, "parse", 1, mrb_str_new(mrb, text->base, text->length));
    mrb_value once = mrb_funcall(mrb, json, "generate", 1, value);
    mrb_value again = mrb_funcall(mrb, json, "parse", 1, once);
    mrb_value twice = mrb_funcall(mrb, json, "generate", 1, again);
    if (!mrb_str_equal(mrb, once, twice))
        abort();
    return mrb_nil_value();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mrb_state *mrb;
    if (mrb == NULL) {
        mrb = mrb_open();
        gw_hook_json_define(mrb);
    }
    struct text text = {(const char *)data, size};
    mrb_bool raised;
    int arena = mrb_gc_arena_save(mrb);
    mrb_value result = mrb_protect_error(mrb, read_and_write, &text, &raised);
    struct RClass *error = mrb_class_get_under(mrb, mrb_module_get(mrb, "JSON"), "ParserError");
    if (raised && !mrb_obj_is_kind_of(mrb, result, error))
        abort();
    mrb->exc = NULL;
    mrb_gc_arena_restore(mrb, arena);
    return 0;
}
