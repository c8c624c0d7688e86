#include "hooks/library/ruby_counter.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/hash.h>
#include <mruby/variable.h>

#include "hooks/library/ruby_text.h"

#define LABELS_MAX 8

/* What the labels borrow is kept alive by the arena. */
static size_t labels_of(mrb_state *mrb, mrb_value hash,
                        struct gw_metric_label ret_labels[LABELS_MAX])
{
    mrb_value names = mrb_hash_keys(mrb, hash);
    mrb_int count = RARRAY_LEN(names);
    if (count > LABELS_MAX)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%i labels, expected at most %d", count, LABELS_MAX);
    for (mrb_int i = 0; i < count; i++) {
        mrb_value name = mrb_ary_entry(names, i);
        mrb_value value = mrb_obj_as_string(mrb, mrb_hash_get(mrb, hash, name));
        ret_labels[i].name = mrb_str_to_cstr(mrb, mrb_obj_as_string(mrb, name));
        ret_labels[i].value = gw_hook_slice_of(value);
    }
    return (size_t)count;
}

static mrb_value sluice_counter(mrb_state *mrb, mrb_value self)
{
    mrb_value name, hash = mrb_undef_value(), help[1];
    mrb_sym keys[] = {mrb_intern_lit(mrb, "help")};
    mrb_kwargs keywords = {.num = 1, .table = keys, .values = help};
    mrb_get_args(mrb, "S|H:", &name, &hash, &keywords);
    struct gw_metric_label labels[LABELS_MAX];
    size_t label_count = mrb_undef_p(hash) ? 0 : labels_of(mrb, hash, labels);
    struct gw_slice text = GW_SLICE("Counted by a hook.");
    if (!mrb_undef_p(help[0]))
        text = gw_hook_slice_of(mrb_ensure_string_type(mrb, help[0]));

    struct gw_error error;
    int number =
        gw_hook_counter_find(mrb, gw_hook_slice_of(name), text, labels, label_count, &error);
    if (number < 0)
        mrb_raise(mrb, E_ARGUMENT_ERROR, error.message);
    struct RClass *class = mrb_class_get_under(mrb, mrb_class_ptr(self), "Counter");
    mrb_value counter = mrb_obj_value(mrb_obj_alloc(mrb, MRB_TT_OBJECT, class));
    mrb_iv_set(mrb, counter, mrb_intern_lit(mrb, "number"), mrb_int_value(mrb, number));
    return counter;
}

static mrb_value counter_increment(mrb_state *mrb, mrb_value self)
{
    mrb_int by = 1;
    mrb_get_args(mrb, "|i", &by);
    if (by < 0)
        mrb_raise(mrb, E_ARGUMENT_ERROR, "a counter cannot go down");
    mrb_value number = mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "number"));
    gw_hook_counter_add(mrb, (int)mrb_integer(number), (uint64_t)by);
    return self;
}

void gw_hook_counter_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_define_module(mrb, "Sluice");
    struct RClass *class = mrb_define_class_under(mrb, sluice, "Counter", mrb->object_class);
    mrb_undef_class_method(mrb, class, "new");
    mrb_undef_class_method(mrb, class, "allocate");
    mrb_define_method(mrb, class, "increment", counter_increment, MRB_ARGS_OPT(1));
    mrb_define_class_method(mrb, sluice, "counter", sluice_counter,
                            MRB_ARGS_ARG(1, 1) | MRB_ARGS_KEY(1, 0));
}
