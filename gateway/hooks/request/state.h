/* A request that has hooks, and the VM and the files that it meets. Internal to hooks/. */
#ifndef GW_HOOKS_REQUEST_STATE_H
#define GW_HOOKS_REQUEST_STATE_H

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/string.h>
#include <pthread.h>
#include <setjmp.h>

#include "base/vec.h"
#include "hooks/heap.h"
#include "hooks/hooks.h"
#include "hooks/library.h"

/* --- the process --- */

struct gw_hook_file {
    const char *path;
    struct gw_place place; /* in the configuration */
    struct gw_buf code;    /* compiled */
    unsigned phases;       /* of enum gw_hook_phase */
    bool is_rack;
    gw_metric runs, exceptions, timeouts, blocked;
};

/* The files of a route in the order of on_request; the others go backwards. */
struct gw_hook_chain {
    uint32_t *files;
    size_t count;
    unsigned phases;
};

struct gw_hook_label {
    char *name, *value;
};

struct gw_hook_counter {
    char *name, *help;
    struct gw_hook_label *labels;
    size_t label_count;
    gw_metric metric;
};

struct gw_hook_set {
    const struct gw_snapshot *snapshot;
    const struct gw_config *config;
    struct gw_buf prelude; /* compiled */
    GW_VEC(struct gw_hook_file) files;
    GW_VEC(struct gw_hook_counter) counters;
    struct gw_hook_chain global;
    struct gw_hook_chain *chains; /* by route of the configuration */
    int32_t *method_upstreams;    /* by method->index: of the first route to it, or -1 */
    bool is_registered;
    gw_metric rebuilds, memory_bytes;
    pthread_mutex_t lock; /* of vms: VMs come and go, and the watchdog looks at them */
    struct gw_hook_vm *vms;
};

/* A set of this one file for every route, whatever the configuration names; `path` is borrowed for
 * life. */
struct gw_hook_set *gw_hook_set_create_of(const struct gw_snapshot *snapshot, const char *path,
                                          struct gw_diagnostics *errors);

const struct gw_hook_chain *gw_hook_chain_of(const struct gw_hook_set *set,
                                             const struct gw_route *route);

/* Appends the bytecode of Ruby text. -1, and every error with its place. */
int gw_hook_compile(mrb_state *mrb, const char *path, struct gw_slice text, struct gw_buf *out,
                    struct gw_diagnostics *errors);

/* --- a Ruby VM --- */

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
    h2o_linklist_t calls; /* that have a seat */
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

/* --- a worker's --- */

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

/* --- tasks: what runs in a fiber --- */

/* Begins what a task waits for. */
struct gw_hook_wait {
    void (*cancel)(struct gw_hook_wait *wait); /* and frees it */
};

struct gw_hook_task {
    struct gw_hook_call *call;
    uint32_t fiber;            /* in ruby->fibers; GW_HOOK_NO_FIBER: none */
    struct gw_hook_wait *wait; /* NULL: it runs, or is over */
    /* Of a task of Sluice.all; the main task of a call has none. */
    struct gw_hook_all *all;
    uint32_t position;
};
#define GW_HOOK_NO_FIBER UINT32_MAX

/* The task that runs, in the hook's own fiber; raises where a hook may not wait. */
struct gw_hook_task *gw_hook_task_current(mrb_state *mrb);
/* Ends a C method: `return gw_hook_task_await(mrb, task, wait);` */
mrb_value gw_hook_task_await(mrb_state *mrb, struct gw_hook_task *task, struct gw_hook_wait *wait);
/* Runs a step until it is over or waits. The task may be gone afterwards; for one of Sluice.all,
 * only with the last of them. */
/* False where the Ruby was lost: the hook, and perhaps the call, are over. */
bool gw_hook_task_start(struct gw_hook_task *task, enum gw_hook_step step, mrb_value a,
                        mrb_value b);
/* Gives what was waited for; from the top of the loop. `make` makes the value, in Ruby; NULL is
 * nil. The wait is over and the caller's. The task may be gone afterwards. */
void gw_hook_task_resume(struct gw_hook_task *task, mrb_value (*make)(mrb_state *mrb, void *arg),
                         void *arg);
/* Cancels what it waits for, and drops its fiber. */
void gw_hook_task_cancel(struct gw_hook_task *task);

void gw_hook_task_define(mrb_state *mrb);
void gw_hook_rpc_define(mrb_state *mrb);

/* --- a request --- */

/* What a request has in its seat: where Ruby's objects of it are kept alive. */
enum gw_hook_thing {
    GW_HOOK_THING_REQUEST,
    GW_HOOK_THING_FIELDS, /* four, by enum gw_hook_fields */
    GW_HOOK_THING_CTX = GW_HOOK_THING_FIELDS + 4,
    GW_HOOK_THING_PARAMS,
    GW_HOOK_THING_MESSAGE,
    GW_HOOK_THING_RESPONSE,
    GW_HOOK_THING_RESPONSE_MESSAGE,
    GW_HOOK_THING_ERROR,
    GW_HOOK_THING_COUNT
};

/* A message that hooks may have touched. */
struct gw_hook_message {
    const struct gw_message_type *type;
    struct gw_slice wire;
    bool is_known;    /* wire is set */
    bool is_touched;  /* since last settled */
    bool is_replaced; /* by another Hash */
};

struct gw_hook_view {
    struct gw_hook_call *call;
    enum gw_hook_fields kind;
};

struct gw_hook_call {
    struct gw_hook_vm *vm;
    struct gw_hook_host *host;
    const struct gw_hook_chain *chain;
    struct gw_hook_ruby *ruby; /* in which it has a seat; NULL: none */
    uint32_t seat;
    mrb_value things;
    h2o_linklist_t link; /* ruby->calls */
    bool is_lost;        /* had a seat, and its Ruby is gone */

    unsigned phase;   /* 0: none; else of enum gw_hook_phase */
    size_t next;      /* in the chain's order of the phase */
    uint32_t file;    /* of the hook that runs */
    bool is_waiting;  /* the phase's function has returned so */
    bool is_starting; /* the hook's first part runs */
    uint64_t began_ms;
    struct gw_timer limit;
    struct gw_task failing; /* the Ruby was lost while this waited */
    struct gw_hook_task task;

    struct gw_hook_message request, response;
    struct gw_hook_response *response_out; /* during on_response */
    struct gw_hook_error *error_out;       /* during on_error */
    struct gw_hook_view views[4];
    size_t field_bytes;           /* that hooks have set */
    size_t kept_bytes;            /* in the host's pool for them */
    struct gw_metadata_store env; /* of Rack, by x-fallthru-set-* */

    bool has_replied, has_failed;
    struct gw_hook_reply reply;
    struct gw_failure failure;
};

/* What the fibers tell: the main task is over. */
void gw_hook_call_hook_over(struct gw_hook_call *call);
/* The hook of now has failed; where an exception is at hand, it is logged. */
void gw_hook_call_raised(struct gw_hook_call *call, mrb_state *mrb, mrb_value exception);
void gw_hook_call_fail(struct gw_hook_call *call, int http_status, int code,
                       struct gw_slice message);
/* The same for what is no exception of Ruby. */
void gw_hook_call_broke(struct gw_hook_call *call, const char *text);
/* The Ruby is gone; where the call waits, and nothing of it runs, it fails later in this turn. */
void gw_hook_call_lose(struct gw_hook_call *call, bool is_running);
/* Its hook was what the Ruby was lost by. */
void gw_hook_call_ended(struct gw_hook_call *call, bool was_interrupted);
/* The hook waits for the first time. */
void gw_hook_call_arm(struct gw_hook_call *call);
/* Index of the upstream; raises where there is none of that name. */
size_t gw_hook_upstream_find(mrb_state *mrb, const struct gw_config *config, struct gw_slice name);

static inline mrb_value gw_hook_thing(const struct gw_hook_call *call, enum gw_hook_thing thing)
{
    return RARRAY_PTR(call->things)[thing];
}

#endif
