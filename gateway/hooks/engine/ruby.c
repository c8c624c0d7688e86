/* A Ruby VM with the library of hooks, and without what blocks or reaches outside. */
#include "hooks/engine/ruby.h"

#include <assert.h>
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/irep.h>
#include <mruby/proc.h>
#include <mruby/variable.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

static void *allocate(mrb_state *mrb, void *block, size_t bytes, void *heap)
{
    (void)mrb;
    return gw_hook_heap_realloc(heap, block, bytes);
}

/* --- what is withheld --- */

/* Of these, files, sockets and pipes would hold up the worker, ObjectSpace would find them again,
 * and Time takes a lock of libc, in which it must not be interrupted. */
static const char *const withheld_constants[] = {
    "Addrinfo",  "BasicSocket", "Dir",       "File",       "FileTest",   "GC",     "IO",
    "IPSocket",  "ObjectSpace", "STDERR",    "STDIN",      "STDOUT",     "Socket", "TCPServer",
    "TCPSocket", "Time",        "UDPSocket", "UNIXServer", "UNIXSocket",
};

static const char *const withheld_functions[] = {"`", "eval", "gets", "open"};

static void withhold(mrb_state *mrb)
{
    mrb_value object = mrb_obj_value(mrb->object_class);
    for (size_t i = 0; i < sizeof(withheld_constants) / sizeof(*withheld_constants); i++) {
        mrb_sym name = mrb_intern_cstr(mrb, withheld_constants[i]);
        if (mrb_const_defined(mrb, object, name))
            mrb_const_remove(mrb, object, name);
    }
    mrb_gv_set(mrb, mrb_intern_lit(mrb, "$stdin"), mrb_nil_value());
    for (size_t i = 0; i < sizeof(withheld_functions) / sizeof(*withheld_functions); i++)
        mrb_undef_method(mrb, mrb->kernel_module, withheld_functions[i]);
    mrb_undef_class_method(mrb, mrb->kernel_module, "eval");
}

/* --- opening --- */

static mrb_value keep(mrb_state *mrb, mrb_value value)
{
    mrb_gc_register(mrb, value);
    return value;
}

/* What file-level closures hold of the file's local variables must not lie on the stack, where the
 * next file has its own. */
static mrb_value run_code(mrb_state *mrb, struct gw_slice code)
{
    mrb_value value = mrb_load_irep_buf(mrb, code.base, code.len);
    struct REnv *env = mrb_vm_ci_env(mrb->c->cibase);
    mrb_vm_ci_env_set(mrb->c->cibase, NULL);
    mrb_env_unshare(mrb, env);
    mrb->c->cibase->proc = NULL; /* no handler of the file is looked for in it any more */
    return value;
}

/* mruby's own seed is the time: the same for workers that start together. */
static void seed(mrb_state *mrb)
{
    mrb_value number = mrb_fixnum_value(gw_random_below(INT32_MAX));
    mrb_funcall(mrb, mrb_obj_value(mrb_class_get(mrb, "Random")), "srand", 1, number);
}

static mrb_value set_up(mrb_state *mrb, void *arg)
{
    struct gw_hook_ruby *ruby = arg;
    struct RClass *sluice = mrb_define_module(mrb, "Sluice");
    for (const gw_hook_define_fn *define = gw_hook_library; *define != NULL; define++)
        (*define)(mrb);
    run_code(mrb, gw_buf_slice(&ruby->set->prelude));
    if (mrb->exc != NULL)
        return mrb_nil_value();
    withhold(mrb);
    seed(mrb);

    mrb_value self = mrb_obj_value(sluice);
    ruby->done = keep(mrb, mrb_obj_new(mrb, mrb->object_class, 0, NULL));
    ruby->steps = keep(mrb, mrb_funcall(mrb, self, "__steps", 0));
    ruby->new_fiber = keep(mrb, mrb_funcall(mrb, self, "__new_fiber", 1, ruby->done));
    ruby->hooks = keep(mrb, mrb_ary_new(mrb));
    ruby->fibers = keep(mrb, mrb_ary_new(mrb));
    ruby->matches = keep(mrb, mrb_ary_new(mrb));
    ruby->seats = keep(mrb, mrb_ary_new(mrb));
    ruby->request_class = mrb_class_get_under(mrb, sluice, "Request");
    ruby->response_class = mrb_class_get_under(mrb, sluice, "Response");
    ruby->error_class = mrb_class_get_under(mrb, sluice, "Error");
    ruby->fields_class = mrb_class_get_under(mrb, sluice, "Fields");
    ruby->rpc_error_class = mrb_class_get_under(mrb, sluice, "RPCError");
    ruby->halt_class = mrb_class_get_under(mrb, sluice, "Halt");
    return mrb_nil_value();
}

/* The library itself does not load: that is our own bug. */
static void give_up(mrb_state *mrb, mrb_value exception)
{
    struct gw_slice place = gw_hook_exception_place(mrb, exception);
    mrb_value text = mrb_inspect(mrb, exception);
    fprintf(stderr, "sluice: the library of hooks: %.*s: %.*s\n", GW_SLICE_ARG(place),
            GW_SLICE_ARG(gw_hook_slice_of(text)));
    abort();
}

struct gw_hook_ruby *gw_hook_ruby_create(struct gw_hook_set *set, struct gw_hook_vm *vm)
{
    struct gw_hook_ruby *ruby = gw_alloc(sizeof(*ruby));
    ruby->set = set;
    ruby->vm = vm;
    h2o_linklist_init_anchor(&ruby->guests);
    gw_hook_heap_init(&ruby->heap, set->config->hook_limits.memory_bytes);
    ruby->mrb = mrb_open_allocf(allocate, &ruby->heap);
    assert(ruby->mrb != NULL);
    ruby->mrb->ud = ruby;
    mrb_bool raised;
    mrb_value exception = mrb_protect_error(ruby->mrb, set_up, ruby, &raised);
    if (ruby->mrb->exc != NULL)
        exception = mrb_obj_value(ruby->mrb->exc);
    if (raised || ruby->mrb->exc != NULL)
        give_up(ruby->mrb, exception);
    mrb_gc_arena_restore(ruby->mrb, 0);
    return ruby;
}

void gw_hook_ruby_destroy(struct gw_hook_ruby *ruby, bool is_sound)
{
    if (ruby == NULL)
        return;
    if (is_sound)
        mrb_close(ruby->mrb);
    gw_hook_heap_dispose(&ruby->heap);
    gw_vec_dispose(&ruby->idle_fibers);
    gw_vec_dispose(&ruby->no_fibers);
    gw_vec_dispose(&ruby->free_seats);
    free(ruby);
}

/* --- files --- */

static mrb_value wrong_kind(mrb_state *mrb, mrb_value value)
{
    mrb_value text = mrb_format(mrb,
                                "the file's last value is of class %s, expected a Proc, or an "
                                "object with on_request, on_response or on_error",
                                mrb_obj_classname(mrb, value));
    return mrb_exc_new_str(mrb, E_TYPE_ERROR, text);
}

bool gw_hook_ruby_load(struct gw_hook_ruby *ruby, uint32_t file, mrb_value *ret_exception)
{
    mrb_state *mrb = ruby->mrb;
    struct gw_hook_file *f = &ruby->set->files.items[file];
    mrb_value hook = run_code(mrb, gw_buf_slice(&f->code));
    if (mrb->exc != NULL) {
        *ret_exception = mrb_obj_value(mrb->exc);
        mrb_gc_protect(mrb, *ret_exception);
        mrb->exc = NULL;
        return false;
    }
    mrb_value sluice = mrb_obj_value(mrb_module_get(mrb, "Sluice"));
    mrb_int kind = mrb_integer(mrb_funcall(mrb, sluice, "__kind", 1, hook));
    if (kind == 0) {
        *ret_exception = wrong_kind(mrb, hook);
        return false;
    }
    if (ruby->vm == NULL) {
        f->is_rack = kind < 0;
        f->phases = kind < 0 ? GW_HOOK_REQUEST : (unsigned)kind;
    }
    mrb_ary_set(mrb, ruby->hooks, (mrb_int)file, hook);
    return true;
}

struct gw_slice gw_hook_exception_place(mrb_state *mrb, mrb_value exception)
{
    mrb_value backtrace = mrb_exc_backtrace(mrb, exception);
    if (!mrb_array_p(backtrace) || RARRAY_LEN(backtrace) == 0)
        return (struct gw_slice){0};
    struct gw_slice frame = gw_hook_slice_of(RARRAY_PTR(backtrace)[0]);
    for (size_t i = 0, colons = 0; i < frame.len; i++) {
        if (frame.base[i] == ':' && ++colons == 2)
            return gw_slice(frame.base, i);
    }
    return frame;
}
