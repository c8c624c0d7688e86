/* The hooks of a process and the VMs of its workers, as others see them.
 *
 * struct gw_hook_set is made once for a process and never changes: the compiled files, and which
 * routes have which. struct gw_hook_vm is one worker's Ruby, with an instance of each file in it.
 */
#ifndef GW_HOOKS_ENGINE_ENGINE_H
#define GW_HOOKS_ENGINE_ENGINE_H

#include "base/loop.h"
#include "config/diagnostics.h"
#include "metrics/metrics.h"
#include "runtime/snapshot.h"
#include "upstream/upstream.h"

/* --- the process --- */

struct gw_hook_set;

/* Reads and compiles the files that the configuration names, and runs each once in a VM for trial.
 * The snapshot is borrowed for life. NULL when something is wrong: every fault that was found is in
 * `errors` then, with file and line. A set without hooks is a set too. */
struct gw_hook_set *gw_hook_set_create(const struct gw_snapshot *snapshot,
                                       struct gw_diagnostics *errors);
/* After its VMs, and after the metrics it was registered with. NULL is allowed. */
void gw_hook_set_destroy(struct gw_hook_set *set);

/* Registers hooks_* series and the counters that hooks declare; once, before the first VM. -1 when
 * a hook's counter has the name of another metric. */
int gw_hook_set_register(struct gw_hook_set *set, struct gw_metrics *metrics,
                         struct gw_error *error);

/* What the hooks of a route do at all, or-ed; NULL stands for a request without a route, which has
 * the global ones. 0: no struct gw_hook_call is needed. */
enum gw_hook_phase { GW_HOOK_REQUEST = 1, GW_HOOK_RESPONSE = 2, GW_HOOK_ERROR = 4 };
unsigned gw_hook_set_phases(const struct gw_hook_set *set, const struct gw_route *route);

/* One JSON object with its newline: {"time", "level", "hook", "text", "trace_id", ...}. */
typedef void (*gw_hook_log_fn)(void *arg, struct gw_slice line);

/* Looks from another thread for hooks that run without ever waiting: logs, ends the hook where that
 * is safe, and after hook_limits.kill_after the process. The loop is that of the control thread;
 * `shard` and `log` are used on it. */
struct gw_hook_watchdog;
struct gw_hook_watchdog *gw_hook_watchdog_create(struct gw_hook_set *set, struct gw_loop *loop,
                                                 struct gw_metrics_shard *shard, gw_hook_log_fn log,
                                                 void *log_arg);
/* NULL is allowed. */
void gw_hook_watchdog_destroy(struct gw_hook_watchdog *watchdog);

/* --- a worker; worker-local --- */

struct gw_hook_vm;

struct gw_hook_vm_options {
    struct gw_loop *loop;
    struct gw_upstreams *upstreams; /* for Sluice.call; NULL: there are none */
    struct gw_metrics_shard *shard; /* NULL: nothing is counted */
    gw_hook_log_fn log;
    void *log_arg;
};

/* On the worker's own thread; options are copied. */
struct gw_hook_vm *gw_hook_vm_create(struct gw_hook_set *set,
                                     const struct gw_hook_vm_options *options);
/* After its calls. NULL is allowed. */
void gw_hook_vm_destroy(struct gw_hook_vm *vm);

#endif
