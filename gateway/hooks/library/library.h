/* What the Ruby library of hooks is made of, and what its modules see of the VM they are in.
 * Internal to hooks/.
 *
 * A hook that never ends is left by siglongjmp from a signal handler, and the whole VM dropped. So
 * a C method either touches nothing but the VM (memory by mrb_malloc, nothing by malloc, no lock,
 * no stdio), or stands between gw_hook_hold and gw_hook_release where it does, without any mrb_
 * function that may raise between them. */
#ifndef GW_HOOKS_LIBRARY_LIBRARY_H
#define GW_HOOKS_LIBRARY_LIBRARY_H

#include <mruby.h>
#include <mruby/string.h>

#include "base/error.h"
#include "metrics/metrics.h"

/* The modules of one VM (classes.c); each defines its classes and methods. */
typedef void (*gw_hook_define_fn)(mrb_state *mrb);
extern const gw_hook_define_fn gw_hook_library[];

/* Not to be interrupted. */
void gw_hook_hold(mrb_state *mrb);
void gw_hook_release(mrb_state *mrb);

static inline struct gw_slice gw_hook_slice_of(mrb_value string)
{
    return gw_slice(RSTRING_PTR(string), (size_t)RSTRING_LEN(string));
}

/* The number of a counter, for gw_hook_counter_add. While files are first loaded it is declared by
 * this; from then on it has to be one that was. -1 and an error: not a metric's name, or not
 * declared. */
int gw_hook_counter_find(mrb_state *mrb, struct gw_slice name, struct gw_slice help,
                         const struct gw_metric_label *labels, size_t label_count,
                         struct gw_error *error);
void gw_hook_counter_add(mrb_state *mrb, int counter, uint64_t n);

#endif
