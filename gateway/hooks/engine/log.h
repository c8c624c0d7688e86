/* What hooks say, as lines for the log: one JSON object each. Internal to hooks/. */
#ifndef GW_HOOKS_ENGINE_LOG_H
#define GW_HOOKS_ENGINE_LOG_H

#include <mruby.h>

#include "hooks/engine/engine.h"

struct gw_hook_vm;

/* Begins a line: time, level, hook, text and, where there is one, trace_id; without the brace that
 * ends it. */
void gw_hook_log_begin(struct gw_buf *line, const char *level, const char *file,
                       struct gw_slice text, struct gw_slice trace_id);
/* Ends the line. */
void gw_hook_log_end(struct gw_buf *line);

/* With its backtrace, from within Ruby; may raise. */
void gw_hook_log_raised(mrb_state *mrb, uint32_t file, struct gw_slice trace_id,
                        mrb_value exception);
/* The same from outside of Ruby. */
void gw_hook_log_exception(struct gw_hook_vm *vm, uint32_t file, struct gw_slice trace_id,
                           mrb_value exception);
/* One that is no exception of Ruby. */
void gw_hook_log_fault(struct gw_hook_vm *vm, uint32_t file, struct gw_slice trace_id,
                       const char *text);

/* Sluice.log. */
void gw_hook_log_define(mrb_state *mrb);

#endif
