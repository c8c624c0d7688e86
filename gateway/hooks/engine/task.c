/* What runs in fibers, and what it waits for.
 *
 * A task is a hook at work, or one Proc of Sluice.all. It runs in a fiber of a pool until its step
 * is over, or until a C method begins to wait: that hands the wait to the task, yields, and the
 * fiber stands still until the wait resumes it from the event loop. Fibers that were used without
 * coming to their end (cancelled, left by an exception that no handler took) are dropped. */
#include "hooks/engine/task.h"

#include <assert.h>
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>

#include "base/clock.h"
#include "base/recycle.h"
#include "hooks/engine/log.h"
#include "hooks/library/ruby_regexp.h"

/* Idle fibers that are kept, and the largest stack, in values, of one that is. */
#define IDLE_FIBERS_MAX 256
#define KEPT_STACK_MAX 4096
/* Longest Sluice.sleep; hook_limits.time is shorter. */
#define SLEEP_MAX_SECONDS 3600.0
#define PROCS_MAX 1000

static struct gw_loop *loop_of(const struct gw_hook_task *task)
{
    return task->guest->vm->options.loop;
}

/* --- fibers; in Ruby where they may raise --- */

static uint32_t pop(uint32_t *items, size_t *count)
{
    return items[--*count];
}

static uint32_t take_fiber(struct gw_hook_ruby *ruby)
{
    mrb_state *mrb = ruby->mrb;
    if (ruby->idle_fibers.count > 0)
        return pop(ruby->idle_fibers.items, &ruby->idle_fibers.count);
    mrb_value fiber = mrb_funcall(mrb, ruby->new_fiber, "call", 0);
    if (mrb_type(fiber) != MRB_TT_FIBER)
        mrb_raise(mrb, E_TYPE_ERROR, "a hook has redefined Fiber.new");
    uint32_t place = ruby->no_fibers.count > 0 ? pop(ruby->no_fibers.items, &ruby->no_fibers.count)
                                               : (uint32_t)RARRAY_LEN(ruby->fibers);
    mrb_ary_set(mrb, ruby->matches, place, mrb_nil_value());
    mrb_ary_set(mrb, ruby->fibers, place, fiber);
    return place;
}

/* Does not raise: the place is there. */
static void drop_fiber(struct gw_hook_ruby *ruby, uint32_t fiber)
{
    mrb_ary_set(ruby->mrb, ruby->fibers, fiber, mrb_nil_value());
    *gw_vec_push(&ruby->no_fibers) = fiber;
}

static void give_back_fiber(struct gw_hook_ruby *ruby, uint32_t fiber)
{
    const struct mrb_context *context =
        ((struct RFiber *)mrb_ptr(RARRAY_PTR(ruby->fibers)[fiber]))->cxt;
    if (ruby->idle_fibers.count >= IDLE_FIBERS_MAX ||
        context->stend - context->stbase > KEPT_STACK_MAX)
        drop_fiber(ruby, fiber);
    else
        *gw_vec_push(&ruby->idle_fibers) = fiber;
}

/* --- Sluice.all --- */

/* What the task that called it waits for. */
struct gw_hook_all {
    struct gw_hook_wait wait;
    struct gw_task begin; /* at the end of the turn: no fiber is resumed from within another */
    struct gw_hook_task *parent;
    mrb_value procs, values, errors; /* Arrays, alive in the parent's fiber */
    uint32_t count, left;
    struct gw_hook_task tasks[];
};

static void free_all(struct gw_hook_all *all)
{
    gw_recycler_free(gw_loop_recycler(loop_of(all->parent)), all);
}

static void cancel_all(struct gw_hook_wait *wait)
{
    struct gw_hook_all *all = H2O_STRUCT_FROM_MEMBER(struct gw_hook_all, wait, wait);
    gw_task_cancel(loop_of(all->parent), &all->begin);
    for (uint32_t i = 0; i < all->count; i++)
        gw_hook_task_cancel(&all->tasks[i]);
    free_all(all);
}

static void one_over(struct gw_hook_all *all)
{
    if (--all->left > 0)
        return;
    struct gw_hook_task *parent = all->parent;
    free_all(all);
    gw_hook_task_resume(parent, NULL, NULL);
}

/* --- running --- */

struct run {
    struct gw_hook_task *task;
    enum gw_hook_step step;
    mrb_value args[3];
    mrb_value (*make)(mrb_state *mrb, void *arg);
    void *make_arg;
};

static mrb_value fiber_of(mrb_state *mrb, const struct gw_hook_task *task)
{
    return RARRAY_PTR(gw_hook_ruby_of(mrb)->fibers)[task->fiber];
}

static mrb_value start_body(mrb_state *mrb, void *arg)
{
    struct run *run = arg;
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    gw_hook_regexp_set_last_match(mrb, mrb_nil_value());
    run->task->fiber = take_fiber(ruby);
    run->args[0] = RARRAY_PTR(ruby->steps)[run->step];
    return mrb_fiber_resume(mrb, fiber_of(mrb, run->task), 3, run->args);
}

static mrb_value resume_body(mrb_state *mrb, void *arg)
{
    struct run *run = arg;
    mrb_value match = RARRAY_PTR(gw_hook_ruby_of(mrb)->matches)[run->task->fiber];
    gw_hook_regexp_set_last_match(mrb, match);
    mrb_value value = run->make != NULL ? run->make(mrb, run->make_arg) : mrb_nil_value();
    return mrb_fiber_resume(mrb, fiber_of(mrb, run->task), 1, &value);
}

static void over(struct gw_hook_task *task)
{
    if (task->all != NULL)
        one_over(task->all);
    else
        task->guest->ops->over(task->guest);
}

/* An exception in Ruby, from a task. */
static void raised(mrb_state *mrb, struct gw_hook_task *task, mrb_value exception)
{
    if (task->all != NULL)
        mrb_ary_set(mrb, task->all->errors, task->position, exception);
    else
        task->guest->ops->raised(task->guest, mrb, exception);
}

static void forget_fiber(struct gw_hook_task *task)
{
    if (task->fiber != GW_HOOK_NO_FIBER)
        drop_fiber(task->guest->vm->ruby, task->fiber);
    task->fiber = GW_HOOK_NO_FIBER;
}

static bool is_done(const struct gw_hook_ruby *ruby, mrb_value value)
{
    return mrb_ptr(ruby->done) == (mrb_immediate_p(value) ? NULL : mrb_ptr(value));
}

static bool run(struct gw_hook_task *task, mrb_value (*body)(mrb_state *mrb, void *arg),
                struct run *run)
{
    struct gw_hook_guest *guest = task->guest;
    struct gw_hook_vm *vm = guest->vm;
    mrb_value value = mrb_nil_value();
    vm->task = task;
    enum gw_hook_run outcome = gw_hook_vm_run(vm, guest->file, body, run, &value);
    vm->task = NULL;
    if (outcome == GW_HOOK_LOST || outcome == GW_HOOK_ENDED) {
        guest->ops->ended(guest, outcome == GW_HOOK_ENDED);
        return false;
    }
    if (outcome == GW_HOOK_RAN && task->wait != NULL) {
        guest->ops->waits(guest);
        return true;
    }
    if (outcome == GW_HOOK_RAN && is_done(vm->ruby, value)) {
        give_back_fiber(vm->ruby, task->fiber);
        task->fiber = GW_HOOK_NO_FIBER;
    } else {
        forget_fiber(task);
        guest->ops->broke(guest, outcome == GW_HOOK_RAN
                                     ? "Fiber.yield outside of a Fiber of the hook's own"
                                     : "an exception that cannot be shown");
    }
    over(task);
    return true;
}

bool gw_hook_task_start(struct gw_hook_task *task, enum gw_hook_step step, mrb_value a, mrb_value b)
{
    struct run start = {.task = task, .step = step, .args = {mrb_nil_value(), a, b}};
    return run(task, start_body, &start);
}

void gw_hook_task_resume(struct gw_hook_task *task, mrb_value (*make)(mrb_state *mrb, void *arg),
                         void *arg)
{
    struct run resume = {.task = task, .make = make, .make_arg = arg};
    task->wait = NULL;
    run(task, resume_body, &resume);
}

void gw_hook_task_cancel(struct gw_hook_task *task)
{
    struct gw_hook_wait *wait = task->wait;
    task->wait = NULL;
    if (wait != NULL)
        wait->cancel(wait);
    if (task->guest->ruby != NULL)
        forget_fiber(task);
    task->fiber = GW_HOOK_NO_FIBER;
}

/* --- from within Ruby --- */

struct gw_hook_task *gw_hook_task_current(mrb_state *mrb)
{
    struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    struct gw_hook_task *task = vm != NULL ? vm->task : NULL;
    if (task == NULL || task->fiber == GW_HOOK_NO_FIBER)
        mrb_raise(mrb, E_RUNTIME_ERROR, "only a hook can wait, while it serves a request");
    if (mrb->c->fib != mrb_ptr(fiber_of(mrb, task)))
        mrb_raise(mrb, E_RUNTIME_ERROR, "a Fiber of the hook's own cannot wait");
    return task;
}

mrb_value gw_hook_task_await(mrb_state *mrb, struct gw_hook_task *task, struct gw_hook_wait *wait)
{
    task->wait = wait;
    /* Does not raise: the place is there. */
    mrb_ary_set(mrb, gw_hook_ruby_of(mrb)->matches, (mrb_int)task->fiber,
                gw_hook_regexp_last_match(mrb));
    return mrb_fiber_yield(mrb, 0, NULL);
}

struct nap {
    struct gw_hook_wait wait;
    struct gw_hook_task *task;
    struct gw_timer timer;
};

static void cancel_nap(struct gw_hook_wait *wait)
{
    struct nap *nap = H2O_STRUCT_FROM_MEMBER(struct nap, wait, wait);
    gw_timer_stop(loop_of(nap->task), &nap->timer);
    gw_recycler_free(gw_loop_recycler(loop_of(nap->task)), nap);
}

static void on_nap_over(struct gw_timer *timer)
{
    struct nap *nap = H2O_STRUCT_FROM_MEMBER(struct nap, timer, timer);
    struct gw_hook_task *task = nap->task;
    gw_recycler_free(gw_loop_recycler(loop_of(task)), nap);
    gw_hook_task_resume(task, NULL, NULL);
}

/* Sluice.sleep(seconds) */
static mrb_value sluice_sleep(mrb_state *mrb, mrb_value self)
{
    mrb_float seconds;
    (void)self;
    mrb_get_args(mrb, "f", &seconds);
    if (!(seconds >= 0))
        mrb_raise(mrb, E_ARGUMENT_ERROR, "a time to sleep is not negative");
    struct gw_hook_task *task = gw_hook_task_current(mrb);
    if (seconds > SLEEP_MAX_SECONDS)
        seconds = SLEEP_MAX_SECONDS;
    gw_hook_hold(mrb);
    struct gw_loop *loop = loop_of(task);
    struct nap *nap = gw_recycler_alloc(gw_loop_recycler(loop), sizeof(*nap));
    *nap = (struct nap){.wait.cancel = cancel_nap, .task = task, .timer.fn = on_nap_over};
    gw_timer_start(loop, &nap->timer, gw_clock_ms() + (uint64_t)(seconds * 1000 + 0.5));
    gw_hook_release(mrb);
    return gw_hook_task_await(mrb, task, &nap->wait);
}

static void on_begin(struct gw_task *begin)
{
    struct gw_hook_all *all = H2O_STRUCT_FROM_MEMBER(struct gw_hook_all, begin, begin);
    all->left++; /* it stays until all have begun */
    for (uint32_t i = 0; i < all->count; i++) {
        if (!gw_hook_task_start(&all->tasks[i], GW_HOOK_STEP_PROC, RARRAY_PTR(all->procs)[i],
                                mrb_nil_value()))
            return;
    }
    one_over(all);
}

static struct gw_hook_all *make_all(struct gw_hook_task *task, uint32_t count)
{
    struct gw_recycler *recycler = gw_loop_recycler(loop_of(task));
    struct gw_hook_all *all =
        gw_recycler_alloc(recycler, sizeof(*all) + count * sizeof(all->tasks[0]));
    *all = (struct gw_hook_all){.wait.cancel = cancel_all,
                                .begin.fn = on_begin,
                                .parent = task,
                                .count = count,
                                .left = count};
    for (uint32_t i = 0; i < count; i++)
        all->tasks[i] = (struct gw_hook_task){
            .guest = task->guest, .fiber = GW_HOOK_NO_FIBER, .all = all, .position = i};
    return all;
}

/* procs, and an Array each for their values and errors */
static mrb_value sluice_all(mrb_state *mrb, mrb_value self)
{
    mrb_value procs, values, errors;
    (void)self;
    mrb_get_args(mrb, "AAA", &procs, &values, &errors);
    struct gw_hook_task *task = gw_hook_task_current(mrb);
    if (RARRAY_LEN(procs) > PROCS_MAX)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "more than %d at once", PROCS_MAX);
    gw_hook_hold(mrb);
    struct gw_hook_all *all = make_all(task, (uint32_t)RARRAY_LEN(procs));
    all->procs = procs;
    all->values = values;
    all->errors = errors;
    gw_loop_defer(loop_of(task), &all->begin);
    gw_hook_release(mrb);
    return gw_hook_task_await(mrb, task, &all->wait);
}

static struct gw_hook_task *running_task(mrb_state *mrb)
{
    const struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    if (vm == NULL || vm->task == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "only for the prelude");
    return vm->task;
}

/* A Proc of Sluice.all has ended. */
static mrb_value sluice_value(mrb_state *mrb, mrb_value self)
{
    mrb_value value;
    struct gw_hook_task *task = running_task(mrb);
    (void)self;
    mrb_get_args(mrb, "o", &value);
    if (task->all == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "only a Proc of Sluice.all has a value");
    mrb_ary_set(mrb, task->all->values, task->position, value);
    return mrb_nil_value();
}

static mrb_value sluice_raised(mrb_state *mrb, mrb_value self)
{
    mrb_value exception;
    (void)self;
    mrb_get_args(mrb, "o", &exception);
    raised(mrb, running_task(mrb), exception);
    return mrb_nil_value();
}

void gw_hook_task_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    mrb_define_class_method(mrb, sluice, "sleep", sluice_sleep, MRB_ARGS_REQ(1));
    mrb_define_class_method(mrb, sluice, "__all", sluice_all, MRB_ARGS_REQ(3));
    mrb_define_class_method(mrb, sluice, "__value", sluice_value, MRB_ARGS_REQ(1));
    mrb_define_class_method(mrb, sluice, "__raised", sluice_raised, MRB_ARGS_REQ(1));
}
