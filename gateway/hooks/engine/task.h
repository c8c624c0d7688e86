/* What runs in a fiber, what it waits for, and on whose behalf. Internal to hooks/. */
#ifndef GW_HOOKS_ENGINE_TASK_H
#define GW_HOOKS_ENGINE_TASK_H

#include "hooks/engine/vm.h"

/* Begins what a task waits for. */
struct gw_hook_wait {
    void (*cancel)(struct gw_hook_wait *wait); /* and frees it */
};

/* Whose hooks run: a request, as the engine knows it. Embedded in what the request's side keeps of
 * it. */
struct gw_hook_guest {
    const struct gw_hook_guest_ops *ops;
    struct gw_hook_vm *vm;
    struct gw_hook_ruby *ruby;       /* in which it has a seat; NULL: none */
    h2o_linklist_t link;             /* ruby->guests */
    uint32_t file;                   /* of the hook that runs */
    const struct gw_slice *trace_id; /* for the log */
};

/* All required. */
struct gw_hook_guest_ops {
    /* The main task is over. */
    void (*over)(struct gw_hook_guest *guest);
    /* The hook of now has failed by an exception; from within Ruby, where it can be logged. */
    void (*raised)(struct gw_hook_guest *guest, mrb_state *mrb, mrb_value exception);
    /* The same for what is no exception of Ruby. */
    void (*broke)(struct gw_hook_guest *guest, const char *text);
    /* A task of it waits. */
    void (*waits)(struct gw_hook_guest *guest);
    /* Its hook was what the Ruby was lost by. */
    void (*ended)(struct gw_hook_guest *guest, bool was_interrupted);
    /* The Ruby is gone, and its seat with it. Not is_running: nothing of it runs now. */
    void (*lost)(struct gw_hook_guest *guest, bool is_running);
};

struct gw_hook_task {
    struct gw_hook_guest *guest;
    uint32_t fiber;            /* in ruby->fibers; GW_HOOK_NO_FIBER: none */
    struct gw_hook_wait *wait; /* NULL: it runs, or is over */
    /* Of a task of Sluice.all; the main task of a guest has none. */
    struct gw_hook_all *all;
    uint32_t position;
};
#define GW_HOOK_NO_FIBER UINT32_MAX

/* The task that runs, in the hook's own fiber; raises where a hook may not wait. */
struct gw_hook_task *gw_hook_task_current(mrb_state *mrb);
/* Ends a C method: `return gw_hook_task_await(mrb, task, wait);` */
mrb_value gw_hook_task_await(mrb_state *mrb, struct gw_hook_task *task, struct gw_hook_wait *wait);
/* Runs a step until it is over or waits. The task may be gone afterwards; for one of Sluice.all,
 * only with the last of them. False where the Ruby was lost: the hook, and perhaps the guest, are
 * over. */
bool gw_hook_task_start(struct gw_hook_task *task, enum gw_hook_step step, mrb_value a,
                        mrb_value b);
/* Gives what was waited for; from the top of the loop. `make` makes the value, in Ruby; NULL is
 * nil. The wait is over and the caller's. The task may be gone afterwards. */
void gw_hook_task_resume(struct gw_hook_task *task, mrb_value (*make)(mrb_state *mrb, void *arg),
                         void *arg);
/* Cancels what it waits for, and drops its fiber. */
void gw_hook_task_cancel(struct gw_hook_task *task);

/* Sluice.sleep, Sluice.all. */
void gw_hook_task_define(mrb_state *mrb);

#endif
