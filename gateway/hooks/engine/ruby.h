/* One Ruby VM: opened, rid of what blocks, with an instance of each file. Internal to hooks/. */
#ifndef GW_HOOKS_ENGINE_RUBY_H
#define GW_HOOKS_ENGINE_RUBY_H

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/string.h>

#include "hooks/engine/heap.h"
#include "hooks/engine/set.h"
#include "hooks/library/library.h"

/* Procs of the prelude, each called with two arguments. */
enum gw_hook_step {
    GW_HOOK_STEP_REQUEST,  /* hook, request */
    GW_HOOK_STEP_RESPONSE, /* hook, request */
    GW_HOOK_STEP_ERROR,    /* hook, request */
    GW_HOOK_STEP_RACK,     /* app, request */
    GW_HOOK_STEP_PROC,     /* a Proc of Sluice.all, its position */
};

/* From opening to the first thing that makes it unusable; the worker then makes another. */
struct gw_hook_ruby {
    struct gw_hook_heap heap;
    mrb_state *mrb; /* whose `ud` is this */
    struct gw_hook_set *set;
    struct gw_hook_vm *vm; /* NULL: for trial */
    /* Registered with the garbage collector. */
    mrb_value steps;     /* by enum gw_hook_step */
    mrb_value new_fiber; /* Proc */
    mrb_value done;      /* what a fiber yields when its step is over */
    mrb_value hooks;     /* the last values of the files */
    mrb_value fibers;    /* and nil where one is gone */
    mrb_value matches;   /* of each fiber that waits, what $~ was */
    mrb_value seats;     /* an Array for each request */
    struct RClass *request_class, *response_class, *error_class, *fields_class, *rpc_error_class,
        *halt_class;
    GW_VEC(uint32_t) idle_fibers;
    GW_VEC(uint32_t) no_fibers; /* places in `fibers` to be filled */
    GW_VEC(uint32_t) free_seats;
    h2o_linklist_t guests; /* that have a seat */
};

static inline struct gw_hook_ruby *gw_hook_ruby_of(mrb_state *mrb)
{
    return mrb->ud;
}

/* Without hooks; never NULL, but raising what the library or the prelude raise ends the process:
 * they are ours. */
struct gw_hook_ruby *gw_hook_ruby_create(struct gw_hook_set *set, struct gw_hook_vm *vm);
/* is_sound: finalizers run. NULL is allowed. */
void gw_hook_ruby_destroy(struct gw_hook_ruby *ruby, bool is_sound);
/* Runs a file's code and keeps its last value. False with the exception. */
bool gw_hook_ruby_load(struct gw_hook_ruby *ruby, uint32_t file, mrb_value *ret_exception);
/* "FILE:LINE", where the exception was raised; empty: not known. */
struct gw_slice gw_hook_exception_place(mrb_state *mrb, mrb_value exception);

#endif
