/* A worker's Ruby: made when it is needed, entered here, and dropped when it cannot be used any
 * more.
 *
 * A hook that never ends is ended from outside. The watchdog sends the worker's thread a signal,
 * whose handler leaves Ruby by siglongjmp, over the frames of the VM and of C methods. That is safe
 * where those hold nothing that others need: not within the allocator (heap.depth), and not between
 * gw_hook_hold and gw_hook_release. The VM is in no state to be used again, or even to be closed:
 * its memory is freed block by block. */
#include "hooks/engine/vm.h"

#include <mruby/error.h>
#include <signal.h>
#include <stdlib.h>

#include "hooks/engine/log.h"
#include "hooks/engine/task.h"

/* Whose Ruby runs on this thread; read by the signal handler. */
static __thread struct gw_hook_vm *volatile running;

static int interrupt_signal(void)
{
    return SIGRTMIN;
}

static void on_interrupt(int number)
{
    struct gw_hook_vm *vm = running;
    (void)number;
    if (vm == NULL || __atomic_load_n(&vm->wanted, __ATOMIC_RELAXED) != vm->turn ||
        __atomic_load_n(&vm->held, __ATOMIC_RELAXED) > 0 ||
        __atomic_load_n(&vm->ruby->heap.depth, __ATOMIC_RELAXED) > 0)
        return; /* it is asked again */
    running = NULL;
    siglongjmp(vm->escape, 1);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | SA_NODEFER};
    sigaction(interrupt_signal(), &action, NULL);
}

void gw_hook_vm_interrupt(struct gw_hook_vm *vm, uint64_t turn)
{
    __atomic_store_n(&vm->wanted, turn, __ATOMIC_RELAXED);
    pthread_kill(vm->thread, interrupt_signal());
}

void gw_hook_hold(mrb_state *mrb)
{
    struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    if (vm != NULL)
        __atomic_store_n(&vm->held, vm->held + 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void gw_hook_release(mrb_state *mrb)
{
    struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (vm != NULL)
        __atomic_store_n(&vm->held, vm->held - 1, __ATOMIC_RELAXED);
}

void gw_hook_vm_count(struct gw_hook_vm *vm, gw_metric metric)
{
    if (vm->options.shard != NULL && vm->set->is_registered)
        gw_count(vm->options.shard, metric, 1);
}

/* Those that were begun in it end: each of them has objects there. */
static void lose(struct gw_hook_vm *vm)
{
    struct gw_hook_ruby *ruby = vm->ruby;
    const struct gw_hook_guest *at_work = vm->task != NULL ? vm->task->guest : NULL;
    vm->ruby = NULL;
    vm->task = NULL; /* it may be gone when its guest is lost */
    vm->held = 0;
    gw_hook_vm_count(vm, vm->set->rebuilds);
    while (!h2o_linklist_is_empty(&ruby->guests)) {
        struct gw_hook_guest *guest =
            H2O_STRUCT_FROM_MEMBER(struct gw_hook_guest, link, ruby->guests.next);
        h2o_linklist_unlink(&guest->link);
        guest->ruby = NULL;
        guest->ops->lost(guest, guest == at_work);
    }
    gw_hook_ruby_destroy(ruby, false);
}

static void enter(struct gw_hook_vm *vm, uint32_t file)
{
    __atomic_store_n(&vm->file, file, __ATOMIC_RELAXED);
    __atomic_store_n(&vm->turn, vm->turn + 1, __ATOMIC_RELEASE);
    running = vm;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void leave(struct gw_hook_vm *vm)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    running = NULL;
    __atomic_store_n(&vm->turn, vm->turn + 1, __ATOMIC_RELEASE);
}

enum gw_hook_run gw_hook_vm_run(struct gw_hook_vm *vm, uint32_t file,
                                mrb_value (*body)(mrb_state *mrb, void *arg), void *arg,
                                mrb_value *ret_value)
{
    if (sigsetjmp(vm->escape, 0) != 0) {
        leave(vm);
        lose(vm);
        return GW_HOOK_ENDED;
    }
    mrb_state *mrb = vm->ruby->mrb;
    int arena = mrb_gc_arena_save(mrb);
    mrb_bool raised;
    enter(vm, file);
    mrb_value value = mrb_protect_error(mrb, body, arg, &raised);
    leave(vm);
    if (vm->ruby->heap.exceeded) {
        lose(vm);
        return GW_HOOK_LOST;
    }
    if (mrb->exc != NULL) { /* of a fiber that ended by it */
        value = mrb_obj_value(mrb->exc);
        mrb->exc = NULL;
        raised = true;
    }
    mrb->c = mrb->root_c;
    mrb_gc_arena_restore(mrb, arena);
    *ret_value = value;
    return raised ? GW_HOOK_RAISED : GW_HOOK_RAN;
}

/* --- life --- */

static mrb_value load_body(mrb_state *mrb, void *arg)
{
    mrb_value exception = mrb_nil_value();
    gw_hook_ruby_load(gw_hook_ruby_of(mrb), *(uint32_t *)arg, &exception);
    return exception;
}

static bool load(struct gw_hook_vm *vm, uint32_t file)
{
    mrb_value exception = mrb_nil_value();
    enum gw_hook_run outcome = gw_hook_vm_run(vm, file, load_body, &file, &exception);
    if (outcome == GW_HOOK_RAN && mrb_nil_p(exception))
        return true;
    if (vm->ruby != NULL)
        gw_hook_log_exception(vm, file, (struct gw_slice){0}, exception);
    return false;
}

bool gw_hook_vm_prepare(struct gw_hook_vm *vm)
{
    if (vm->ruby != NULL)
        return true;
    if (vm->set->files.count == 0)
        return false;
    vm->ruby = gw_hook_ruby_create(vm->set, vm);
    for (uint32_t i = 0; i < vm->set->files.count; i++) {
        if (load(vm, i))
            continue;
        if (vm->ruby != NULL)
            gw_hook_ruby_destroy(vm->ruby, true);
        vm->ruby = NULL;
        return false;
    }
    return true;
}

struct gw_hook_vm *gw_hook_vm_create(struct gw_hook_set *set,
                                     const struct gw_hook_vm_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_handler);
    struct gw_hook_vm *vm = gw_alloc(sizeof(*vm));
    vm->set = set;
    vm->options = *options;
    vm->thread = pthread_self();
    gw_hook_vm_prepare(vm);
    pthread_mutex_lock(&set->lock);
    vm->next = set->vms;
    set->vms = vm;
    pthread_mutex_unlock(&set->lock);
    return vm;
}

void gw_hook_vm_destroy(struct gw_hook_vm *vm)
{
    if (vm == NULL)
        return;
    struct gw_hook_set *set = vm->set;
    pthread_mutex_lock(&set->lock);
    struct gw_hook_vm **link = &set->vms;
    while (*link != vm)
        link = &(*link)->next;
    *link = vm->next;
    pthread_mutex_unlock(&set->lock);
    gw_hook_ruby_destroy(vm->ruby, true);
    free(vm);
}
