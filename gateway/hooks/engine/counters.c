/* The metrics of hooks: our own of them, and those that they declare. */
#include "hooks/engine/vm.h"

#include <ctype.h>
#include <stdlib.h>

/* Of counters and of the labels of one. */
#define COUNTERS_MAX 1000
#define LABELS_MAX 8

static bool is_name(struct gw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.base[i]) && name.base[i] != '_')
            return false;
    }
    return name.len > 0 && !isdigit((unsigned char)name.base[0]);
}

static bool has_labels(const struct gw_hook_counter *counter, const struct gw_metric_label *labels,
                       size_t count, bool with_values)
{
    if (counter->label_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(counter->labels[i].name, labels[i].name) != 0)
            return false;
        if (with_values && !gw_slice_eq(gw_slice_str(counter->labels[i].value), labels[i].value))
            return false;
    }
    return true;
}

static int check(const struct gw_hook_set *set, struct gw_slice name,
                 const struct gw_metric_label *labels, size_t label_count, struct gw_error *error)
{
    if (!is_name(name))
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "\"%.*s\" cannot be a counter's name, expected letters, digits and _",
                            GW_SLICE_ARG(name));
    if (label_count > LABELS_MAX || set->counters.count >= COUNTERS_MAX)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "counter %.*s: more than %d labels, or %d counters", GW_SLICE_ARG(name),
                            LABELS_MAX, COUNTERS_MAX);
    for (size_t i = 0; i < label_count; i++) {
        if (!is_name(gw_slice_str(labels[i].name)))
            return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                "\"%s\" cannot be a label's name, expected letters, digits and _",
                                labels[i].name);
    }
    for (size_t i = 0; i < set->counters.count; i++) {
        const struct gw_hook_counter *other = &set->counters.items[i];
        if (gw_slice_eq(name, gw_slice_str(other->name)) &&
            !has_labels(other, labels, label_count, false))
            return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                "counter %s has other labels elsewhere", other->name);
    }
    return 0;
}

static int declare(struct gw_hook_set *set, struct gw_slice name, struct gw_slice help,
                   const struct gw_metric_label *labels, size_t label_count)
{
    struct gw_hook_counter *counter = gw_vec_push(&set->counters);
    counter->name = gw_strdup(name);
    counter->help = gw_strdup(help);
    counter->labels = gw_alloc(label_count * sizeof(*counter->labels));
    counter->label_count = label_count;
    for (size_t i = 0; i < label_count; i++) {
        counter->labels[i].name = gw_strdup(gw_slice_str(labels[i].name));
        counter->labels[i].value = gw_strdup(labels[i].value);
    }
    return (int)set->counters.count - 1;
}

int gw_hook_counter_find(mrb_state *mrb, struct gw_slice name, struct gw_slice help,
                         const struct gw_metric_label *labels, size_t label_count,
                         struct gw_error *error)
{
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    struct gw_hook_set *set = ruby->set;
    for (size_t i = 0; i < set->counters.count; i++) {
        const struct gw_hook_counter *counter = &set->counters.items[i];
        if (gw_slice_eq(name, gw_slice_str(counter->name)) &&
            has_labels(counter, labels, label_count, true))
            return (int)i;
    }
    if (ruby->vm != NULL)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "counter %.*s with these labels was not declared when its file was "
                            "loaded",
                            GW_SLICE_ARG(name));
    if (check(set, name, labels, label_count, error) != 0)
        return -1;
    return declare(set, name, help, labels, label_count);
}

void gw_hook_counter_add(mrb_state *mrb, int counter, uint64_t n)
{
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    if (ruby->vm != NULL && ruby->vm->options.shard != NULL && ruby->set->is_registered)
        gw_count(ruby->vm->options.shard, ruby->set->counters.items[counter].metric, n);
}

/* --- registration --- */

static void register_file(struct gw_hook_file *file, struct gw_metrics *metrics)
{
    const struct gw_metric_label labels[] = {{"file", gw_slice_str(file->path)}};
    file->runs =
        gw_metrics_add(metrics, GW_COUNTER, "hooks_runs_total", "Times a hook ran.", labels, 1);
    file->exceptions = gw_metrics_add(metrics, GW_COUNTER, "hooks_exceptions_total",
                                      "Hooks that ended by an exception.", labels, 1);
    file->timeouts = gw_metrics_add(metrics, GW_COUNTER, "hooks_timeouts_total",
                                    "Hooks that took longer than hook_limits.time.", labels, 1);
    file->blocked =
        gw_metrics_add(metrics, GW_COUNTER, "hooks_blocked_total",
                       "Hooks that held up their worker for hook_limits.time.", labels, 1);
}

static void register_counter(struct gw_hook_counter *counter, struct gw_metrics *metrics)
{
    struct gw_metric_label labels[LABELS_MAX];
    for (size_t i = 0; i < counter->label_count; i++)
        labels[i] = (struct gw_metric_label){counter->labels[i].name,
                                             gw_slice_str(counter->labels[i].value)};
    counter->metric = gw_metrics_add(metrics, GW_COUNTER, counter->name, counter->help, labels,
                                     counter->label_count);
}

int gw_hook_set_register(struct gw_hook_set *set, struct gw_metrics *metrics,
                         struct gw_error *error)
{
    if (set->files.count == 0)
        return 0;
    for (size_t i = 0; i < set->files.count; i++)
        register_file(&set->files.items[i], metrics);
    set->rebuilds = gw_metrics_add(metrics, GW_COUNTER, "hooks_vm_rebuilds_total",
                                   "Ruby VMs dropped for their memory, or to end a hook.", NULL, 0);
    set->memory_bytes = gw_metrics_add(metrics, GW_GAUGE, "hooks_memory_bytes",
                                       "Memory of the Ruby VMs of all workers.", NULL, 0);
    for (size_t i = 0; i < set->counters.count; i++) {
        const struct gw_hook_counter *counter = &set->counters.items[i];
        if (gw_metrics_has_family(metrics, counter->name))
            return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                "a hook's counter is called %s, as another metric is",
                                counter->name);
    }
    for (size_t i = 0; i < set->counters.count; i++)
        register_counter(&set->counters.items[i], metrics);
    set->is_registered = true;
    return 0;
}
