#include "hooks/library/ruby_env.h"

#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <stdlib.h>

static mrb_value value_of(mrb_state *mrb, const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? mrb_str_new_cstr(mrb, value) : mrb_nil_value();
}

static mrb_value env_aref(mrb_state *mrb, mrb_value self)
{
    const char *name;
    (void)self;
    mrb_get_args(mrb, "z", &name);
    return value_of(mrb, name);
}

static mrb_value env_has_key(mrb_state *mrb, mrb_value self)
{
    const char *name;
    (void)self;
    mrb_get_args(mrb, "z", &name);
    return mrb_bool_value(getenv(name) != NULL);
}

static mrb_value env_fetch(mrb_state *mrb, mrb_value self)
{
    const char *name;
    mrb_value otherwise = mrb_undef_value(), block;
    (void)self;
    mrb_get_args(mrb, "z|o&", &name, &otherwise, &block);
    mrb_value value = value_of(mrb, name);
    if (!mrb_nil_p(value))
        return value;
    if (!mrb_nil_p(block))
        return mrb_yield(mrb, block, mrb_str_new_cstr(mrb, name));
    if (mrb_undef_p(otherwise))
        mrb_raisef(mrb, E_KEY_ERROR, "key not found: \"%s\"", name);
    return otherwise;
}

static mrb_value sluice_env(mrb_state *mrb, mrb_value self)
{
    return mrb_iv_get(mrb, self, mrb_intern_lit(mrb, "env"));
}

void gw_hook_env_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_define_module(mrb, "Sluice");
    struct RClass *class = mrb_define_class_under(mrb, sluice, "Env", mrb->object_class);
    mrb_define_method(mrb, class, "[]", env_aref, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "fetch", env_fetch, MRB_ARGS_ARG(1, 1) | MRB_ARGS_BLOCK());
    mrb_define_method(mrb, class, "key?", env_has_key, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, class, "include?", env_has_key, MRB_ARGS_REQ(1));
    mrb_value env = mrb_obj_new(mrb, class, 0, NULL);
    mrb_iv_set(mrb, mrb_obj_value(sluice), mrb_intern_lit(mrb, "env"), env);
    mrb_define_class_method(mrb, sluice, "env", sluice_env, MRB_ARGS_NONE());
    mrb_define_global_const(mrb, "ENV", env);
}
