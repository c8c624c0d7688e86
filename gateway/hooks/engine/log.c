#include "hooks/engine/log.h"

#include <math.h>
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>

#include "base/clock.h"
#include "hooks/engine/task.h"
#include "hooks/library/scalar.h"

/* What is longer is cut: a log is no place for whole messages. */
#define TEXT_MAX 4096
#define LINE_MAX_BYTES 16384
#define BACKTRACE_MAX 30

static struct gw_slice cut(struct gw_slice text)
{
    return gw_slice(text.base, text.len < TEXT_MAX ? text.len : TEXT_MAX);
}

static void append_member(struct gw_buf *line, const char *name, struct gw_slice value)
{
    gw_buf_printf(line, ",\"%s\":", name);
    gw_buf_append_json_string(line, cut(value));
}

void gw_hook_log_begin(struct gw_buf *line, const char *level, const char *file,
                       struct gw_slice text, struct gw_slice trace_id)
{
    char now[GW_TIMESTAMP_LENGTH + 1];
    gw_clock_format(now, gw_clock_wall_us());
    gw_buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\"", now, level);
    if (file != NULL)
        append_member(line, "hook", gw_slice_str(file));
    append_member(line, "text", text);
    if (trace_id.len > 0)
        append_member(line, "trace_id", trace_id);
}

void gw_hook_log_end(struct gw_buf *line)
{
    gw_buf_append(line, GW_SLICE("}\n"));
}

static void write_line(struct gw_hook_vm *vm, struct gw_buf *line)
{
    gw_hook_log_end(line);
    if (vm->options.log != NULL)
        vm->options.log(vm->options.log_arg, gw_buf_slice(line));
    gw_buf_dispose(line);
}

void gw_hook_log_fault(struct gw_hook_vm *vm, uint32_t file, struct gw_slice trace_id,
                       const char *text)
{
    struct gw_buf line = GW_BUF_HEAP;
    gw_hook_log_begin(&line, "error", vm->set->files.items[file].path, gw_slice_str(text),
                      trace_id);
    write_line(vm, &line);
}

/* --- exceptions --- */

static mrb_value text_of(mrb_state *mrb, mrb_value exception)
{
    mrb_value message = mrb_obj_as_string(mrb, mrb_funcall(mrb, exception, "message", 0));
    mrb_value text = mrb_str_new_cstr(mrb, mrb_obj_classname(mrb, exception));
    mrb_str_cat_lit(mrb, text, ": ");
    return mrb_str_cat_str(mrb, text, message);
}

static bool is_ours(struct gw_slice frame)
{
    return gw_slice_starts_with(frame, GW_SLICE("sluice.rb:"));
}

static void append_backtrace(struct gw_buf *line, mrb_value backtrace)
{
    int count = 0;
    gw_buf_append(line, GW_SLICE(",\"backtrace\":["));
    for (mrb_int i = 0; i < RARRAY_LEN(backtrace) && count < BACKTRACE_MAX; i++) {
        struct gw_slice frame = gw_hook_slice_of(RARRAY_PTR(backtrace)[i]);
        if (is_ours(frame))
            continue;
        gw_buf_append(line, count++ > 0 ? GW_SLICE(",") : GW_SLICE(""));
        gw_buf_append_json_string(line, cut(frame));
    }
    gw_buf_append(line, GW_SLICE("]"));
}

void gw_hook_log_raised(mrb_state *mrb, uint32_t file, struct gw_slice trace_id,
                        mrb_value exception)
{
    struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    mrb_value text = text_of(mrb, exception);
    mrb_value backtrace = mrb_exc_backtrace(mrb, exception);
    struct gw_buf line = GW_BUF_HEAP;
    gw_hook_hold(mrb);
    gw_hook_log_begin(&line, "error", vm->set->files.items[file].path, gw_hook_slice_of(text),
                      trace_id);
    if (mrb_array_p(backtrace))
        append_backtrace(&line, backtrace);
    write_line(vm, &line);
    gw_hook_release(mrb);
}

struct raised {
    uint32_t file;
    struct gw_slice trace_id;
    mrb_value exception;
};

static mrb_value log_body(mrb_state *mrb, void *arg)
{
    struct raised *raised = arg;
    mrb_gc_protect(mrb, raised->exception);
    gw_hook_log_raised(mrb, raised->file, raised->trace_id, raised->exception);
    return mrb_nil_value();
}

void gw_hook_log_exception(struct gw_hook_vm *vm, uint32_t file, struct gw_slice trace_id,
                           mrb_value exception)
{
    struct raised raised = {file, trace_id, exception};
    mrb_value ignored;
    if (gw_hook_vm_run(vm, file, log_body, &raised, &ignored) != GW_HOOK_RAN)
        gw_hook_log_fault(vm, file, trace_id, "an exception whose message raises another one");
}

/* --- Sluice.log --- */

static const char *const levels[] = {"debug", "info", "warn", "error"};

static const char *level_of(mrb_state *mrb, mrb_value name)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (gw_slice_eq(gw_hook_slice_of(name), gw_slice_str(levels[i])))
            return levels[i];
    }
    mrb_raisef(mrb, E_ARGUMENT_ERROR, "level %v, expected debug, info, warn or error", name);
    return NULL;
}

static bool is_reserved(struct gw_slice name)
{
    static const char *const names[] = {"time", "level", "hook", "text", "trace_id"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (gw_slice_eq(name, gw_slice_str(names[i])))
            return true;
    }
    return false;
}

static void check_fields(mrb_state *mrb, mrb_value pairs)
{
    for (mrb_int i = 0; i < RARRAY_LEN(pairs); i += 2) {
        if (!mrb_string_p(RARRAY_PTR(pairs)[i]))
            mrb_raise(mrb, E_TYPE_ERROR, "a field's name is no text");
    }
}

static void append_fields(struct gw_buf *line, mrb_value pairs)
{
    for (mrb_int i = 0; i + 1 < RARRAY_LEN(pairs) && line->len < LINE_MAX_BYTES; i += 2) {
        struct gw_slice name = cut(gw_hook_slice_of(RARRAY_PTR(pairs)[i]));
        struct gw_buf shown = GW_BUF_HEAP;
        gw_buf_append(&shown, name);
        if (is_reserved(name))
            gw_buf_append_byte(&shown, '_');
        gw_buf_append_byte(line, ',');
        gw_buf_append_json_string(line, gw_buf_slice(&shown));
        gw_buf_append_byte(line, ':');
        gw_hook_append_scalar(line, RARRAY_PTR(pairs)[i + 1], TEXT_MAX);
        gw_buf_dispose(&shown);
    }
}

/* level, text and [name, value, name, value ...]. */
static mrb_value log_log(mrb_state *mrb, mrb_value self)
{
    mrb_value level_name, text, pairs;
    (void)self;
    mrb_get_args(mrb, "SSA", &level_name, &text, &pairs);
    const char *level = level_of(mrb, level_name);
    struct gw_hook_vm *vm = gw_hook_ruby_of(mrb)->vm;
    if (vm == NULL)
        return mrb_nil_value(); /* a trial */
    check_fields(mrb, pairs);
    struct gw_slice trace_id = vm->task != NULL ? *vm->task->guest->trace_id : (struct gw_slice){0};
    gw_hook_hold(mrb);
    struct gw_buf line = GW_BUF_HEAP;
    gw_hook_log_begin(&line, level, vm->set->files.items[vm->file].path, gw_hook_slice_of(text),
                      trace_id);
    append_fields(&line, pairs);
    write_line(vm, &line);
    gw_hook_release(mrb);
    return mrb_nil_value();
}

void gw_hook_log_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    mrb_define_class_method(mrb, sluice, "__log", log_log, MRB_ARGS_REQ(3));
}
