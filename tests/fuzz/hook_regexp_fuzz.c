/* A byte of flags, a pattern up to a zero byte, a text: whatever matches, replacing every match by
 * itself leaves the text, and so does putting together what split has taken apart. */
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/string.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/library/ruby_regexp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *pattern, *text;
    size_t pattern_length, text_length;
    uint8_t flags;
};

static mrb_value search(mrb_state *mrb, void *arg)
{
    const struct input *input = arg;
    mrb_value args[2] = {mrb_str_new(mrb, input->pattern, input->pattern_length),
                         mrb_fixnum_value(input->flags)};
    mrb_value text = mrb_str_new(mrb, input->text, input->text_length);
    mrb_value regexp = mrb_obj_new(mrb, mrb_class_get(mrb, "Regexp"), 2, args);
    mrb_value same = mrb_funcall(mrb, text, "gsub", 2, regexp, mrb_str_new_lit(mrb, "\\0"));
    if (!mrb_str_equal(mrb, same, text))
        abort();
    mrb_value found = mrb_funcall(mrb, text, "scan", 1, regexp);
    mrb_value parts = mrb_funcall(mrb, text, "split", 2, regexp, mrb_fixnum_value(-1));
    if (RARRAY_LEN(found) == 0 && RARRAY_LEN(parts) > 1)
        abort();
    mrb_funcall(mrb, regexp, "inspect", 0);
    mrb_value match = mrb_funcall(mrb, regexp, "match", 1, text);
    return mrb_nil_p(match) ? match : mrb_funcall(mrb, match, "inspect", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mrb_state *mrb;
    if (mrb == NULL) {
        mrb = mrb_open();
        gw_hook_regexp_define(mrb);
    }
    if (size < 1)
        return 0;
    struct input input = {.flags = data[0], .pattern = (const char *)data + 1};
    const char *zero = memchr(input.pattern, '\0', size - 1);
    input.pattern_length = zero != NULL ? (size_t)(zero - input.pattern) : size - 1;
    input.text = input.pattern + input.pattern_length + (zero != NULL);
    input.text_length = (size_t)((const char *)data + size - input.text);

    mrb_bool raised;
    int arena = mrb_gc_arena_save(mrb);
    mrb_value result = mrb_protect_error(mrb, search, &input, &raised);
    if (raised && !mrb_obj_is_kind_of(mrb, result, mrb_class_get(mrb, "RegexpError")))
        abort();
    mrb->exc = NULL;
    mrb_gc_arena_restore(mrb, arena);
    return 0;
}
