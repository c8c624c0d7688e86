/* A worker's VM: made, entered, left, interrupted, dropped. Internal to hooks/. */
#ifndef GW_HOOKS_ENGINE_VM_H
#define GW_HOOKS_ENGINE_VM_H

#include <setjmp.h>

#include "hooks/engine/ruby.h"

struct gw_hook_task;

struct gw_hook_vm {
    struct gw_hook_set *set;
    struct gw_hook_vm_options options;
    struct gw_hook_ruby *ruby; /* NULL: to be made before it is next used */
    struct gw_hook_task *task; /* that runs */
    struct gw_hook_vm *next;   /* in set->vms */

    /* Between the worker's thread, its signal handler and the watchdog. */
    pthread_t thread;
    uint64_t turn;   /* atomic; counts up when Ruby is entered, and when it is left: odd is in */
    uint32_t file;   /* atomic; whose hook runs */
    uint64_t wanted; /* atomic; the turn that is to be ended */
    int held;        /* gw_hook_hold */
    struct {
        uint64_t turn, since_ms;
        bool is_told;
    } watched; /* the watchdog's own */
    sigjmp_buf escape;
};

/* Makes the Ruby that is missing. False: a file cannot be loaded, which is logged. */
bool gw_hook_vm_prepare(struct gw_hook_vm *vm);

enum gw_hook_run {
    GW_HOOK_RAN,
    GW_HOOK_RAISED, /* *ret_value is the exception */
    GW_HOOK_LOST,   /* the memory was over its limit: vm->ruby is NULL */
    GW_HOOK_ENDED,  /* interrupted; the same */
};
/* Runs body in Ruby, from outside of it. */
enum gw_hook_run gw_hook_vm_run(struct gw_hook_vm *vm, uint32_t file,
                                mrb_value (*body)(mrb_state *mrb, void *arg), void *arg,
                                mrb_value *ret_value);
/* Asks the turn to end, from another thread. */
void gw_hook_vm_interrupt(struct gw_hook_vm *vm, uint64_t turn);

void gw_hook_vm_count(struct gw_hook_vm *vm, gw_metric metric);

#endif
