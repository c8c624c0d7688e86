/* The files of a configuration, compiled; chains of routes. Internal to hooks/. */
#ifndef GW_HOOKS_ENGINE_SET_H
#define GW_HOOKS_ENGINE_SET_H

#include <mruby.h>
#include <pthread.h>

#include "base/vec.h"
#include "hooks/engine/engine.h"

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

#endif
