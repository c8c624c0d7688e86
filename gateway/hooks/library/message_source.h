/* A tree of Ruby values as transcode/ reads trees. Runs no Ruby code, makes no objects, and does
 * not raise. */
#ifndef GW_HOOKS_LIBRARY_MESSAGE_SOURCE_H
#define GW_HOOKS_LIBRARY_MESSAGE_SOURCE_H

#include <mruby.h>

#include "base/mem.h"
#include "transcode/value.h"

/* A Hash or Array that is open. A Hash's keys and values stand in turn in `pairs`, whose room
 * serves the next Hash in the same depth, too. */
struct gw_hook_source_frame {
    mrb_value array; /* nil: a Hash */
    mrb_value *pairs;
    size_t count, capacity;
    size_t next;
};

struct gw_hook_source {
    struct gw_value_source source;
    mrb_state *mrb;
    gw_pool *pool;
    mrb_value value;     /* what source.current is of */
    size_t depth;        /* of what is open, frames[depth - 1] */
    size_t frames_begun; /* those that have been used */
    struct gw_hook_source_frame frames[GW_VALUE_DEPTH_MAX];
};

void gw_hook_source_init(struct gw_hook_source *s, mrb_state *mrb, gw_pool *pool, mrb_value root);

/* Floats as mruby keeps them: equal but for what it drops. */
bool gw_hook_same_real(double a, double b);
/* Of the doubles that the Float may have been, the one with the fewest digits: 19.99, not
 * 19.989999999999995. Numbers of 15 digits always come back, one of more may differ in the last. */
double gw_hook_real(double kept);

#endif
