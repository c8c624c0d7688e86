/* The hook files of a configuration: read, compiled and tried once; and which route has which. */
#include "hooks/engine/set.h"

#include <mruby/compile.h>
#include <mruby/dump.h>
#include <mruby/error.h>
#include <mruby/proc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/print.h"
#include "hooks/engine/prelude.h"
#include "hooks/engine/ruby.h"

/* Largest hook file. */
#define FILE_MAX_BYTES ((size_t)4 << 20)

/* --- compiling --- */

static int dump(mrb_state *mrb, const struct RProc *proc, struct gw_buf *out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (mrb_dump_irep(mrb, proc->body.irep, MRB_DUMP_DEBUG_INFO, &bytes, &size) != MRB_DUMP_OK)
        return -1;
    gw_buf_append(out, gw_slice(bytes, size));
    mrb_free(mrb, bytes);
    return 0;
}

int gw_hook_compile(mrb_state *mrb, const char *path, struct gw_slice text, struct gw_buf *out,
                    struct gw_diagnostics *errors)
{
    int arena = mrb_gc_arena_save(mrb);
    mrbc_context *context = mrbc_context_new(mrb);
    context->capture_errors = true;
    mrbc_filename(mrb, context, path);
    struct mrb_parser_state *parser = mrb_parse_nstring(mrb, text.base, text.len, context);
    struct RProc *proc = parser->nerr == 0 ? mrb_generate_code(mrb, parser) : NULL;
    int result = proc != NULL ? dump(mrb, proc, out) : -1;
    for (size_t i = 0; i < parser->nerr && i < 10; i++) {
        const struct mrb_parser_message *message = &parser->error_buffer[i];
        unsigned column = message->column > 0 ? (unsigned)message->column : 1;
        gw_diagnostics_add(errors, (struct gw_place){path, message->lineno, column}, "%s",
                           message->message);
    }
    if (result != 0 && parser->nerr == 0)
        gw_diagnostics_add(errors, (struct gw_place){path, 1, 1}, "cannot be compiled");
    mrb_parser_free(parser);
    mrbc_context_free(mrb, context);
    mrb_gc_arena_restore(mrb, arena);
    return result;
}

static int read_file(const struct gw_hook_file *file, struct gw_buf *out,
                     struct gw_diagnostics *errors)
{
    struct gw_error error;
    if (gw_file_read(file->path, GW_FILE_REGULAR, FILE_MAX_BYTES, out, &error) == 0)
        return 0;
    gw_diagnostics_add(errors, file->place, "cannot read hook \"%s\": %s", file->path,
                       error.message);
    return -1;
}

static void compile_all(struct gw_hook_set *set, struct gw_diagnostics *errors)
{
    mrb_state *mrb = mrb_open();
    gw_hook_compile(mrb, "sluice.rb", gw_slice(prelude_text, sizeof(prelude_text)), &set->prelude,
                    errors);
    for (size_t i = 0; i < set->files.count; i++) {
        struct gw_hook_file *file = &set->files.items[i];
        struct gw_buf text = GW_BUF_HEAP;
        if (read_file(file, &text, errors) == 0)
            gw_hook_compile(mrb, file->path, gw_buf_slice(&text), &file->code, errors);
        gw_buf_dispose(&text);
    }
    mrb_close(mrb);
}

/* --- the trial --- */

struct trial {
    uint32_t file;
    struct gw_diagnostics *errors;
};

/* "FILE:LINE" back into its parts; what is not of the file itself is told as the file's. */
static void report(mrb_state *mrb, const struct gw_hook_file *file, mrb_value exception,
                   struct gw_diagnostics *errors)
{
    struct gw_slice place = gw_hook_exception_place(mrb, exception);
    size_t length = strlen(file->path);
    unsigned line = 1;
    if (place.len > length + 1 && memcmp(place.base, file->path, length) == 0)
        line = (unsigned)strtoul(place.base + length + 1, NULL, 10);
    mrb_value message = mrb_obj_as_string(mrb, mrb_funcall(mrb, exception, "message", 0));
    gw_diagnostics_add(errors, (struct gw_place){file->path, line, 1}, "%s: %.*s",
                       mrb_obj_classname(mrb, exception), GW_SLICE_ARG(gw_hook_slice_of(message)));
}

static mrb_value try_body(mrb_state *mrb, void *arg)
{
    struct trial *trial = arg;
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    mrb_value exception;
    if (!gw_hook_ruby_load(ruby, trial->file, &exception) && !ruby->heap.exceeded)
        report(mrb, &ruby->set->files.items[trial->file], exception, trial->errors);
    return mrb_nil_value();
}

/* On a thread of its own. Nothing is served yet that would be missed. */
static void end_process(union sigval path)
{
    gw_print_line(stderr, "%s:1:1: takes longer than `hook_limits.time` to load",
                  (const char *)path.sival_ptr);
    _exit(1);
}

/* try_body, but not for ever. */
static bool try_in_time(struct gw_hook_ruby *ruby, struct trial *trial)
{
    const struct gw_hook_set *set = ruby->set;
    uint64_t limit_ms = set->config->hook_limits.time_ms;
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD,
        .sigev_notify_function = end_process,
        .sigev_value.sival_ptr = (void *)set->files.items[trial->file].path,
    };
    struct itimerspec limit = {.it_value = {.tv_sec = (time_t)(limit_ms / 1000),
                                            .tv_nsec = (long)(limit_ms % 1000) * 1000000}};
    timer_t timer;
    bool has_timer = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
    if (has_timer)
        timer_settime(timer, 0, &limit, NULL);
    mrb_bool raised;
    mrb_protect_error(ruby->mrb, try_body, trial, &raised);
    if (has_timer)
        timer_delete(timer);
    return !raised;
}

static void try_all(struct gw_hook_set *set, struct gw_diagnostics *errors)
{
    struct gw_hook_ruby *ruby = gw_hook_ruby_create(set, NULL);
    for (uint32_t i = 0; i < set->files.count; i++) {
        struct trial trial = {i, errors};
        struct gw_place place = {set->files.items[i].path, 1, 1};
        bool is_done = try_in_time(ruby, &trial);
        if (ruby->heap.exceeded)
            gw_diagnostics_add(errors, place, "takes more than `hook_limits.memory` to load");
        else if (!is_done)
            gw_diagnostics_add(errors, place, "raises an exception that cannot be shown");
        if (ruby->heap.exceeded)
            break;
        mrb_gc_arena_restore(ruby->mrb, 0);
    }
    gw_hook_ruby_destroy(ruby, !ruby->heap.exceeded);
}

/* --- files and chains --- */

static uint32_t file_of(struct gw_hook_set *set, const struct gw_string *path)
{
    for (uint32_t i = 0; i < set->files.count; i++) {
        if (strcmp(set->files.items[i].path, path->text) == 0)
            return i;
    }
    struct gw_hook_file *file = gw_vec_push(&set->files);
    file->path = path->text;
    file->place = path->place;
    return (uint32_t)set->files.count - 1;
}

static void append_files(struct gw_hook_set *set, struct gw_hook_chain *chain,
                         const struct gw_string_list *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        uint32_t file = file_of(set, &paths->items[i]);
        size_t known = 0;
        while (known < chain->count && chain->files[known] != file)
            known++;
        if (known == chain->count)
            chain->files[chain->count++] = file;
    }
}

static void make_chain(struct gw_hook_set *set, struct gw_hook_chain *chain,
                       const struct gw_string_list *global, const struct gw_string_list *own)
{
    chain->files = gw_alloc((global->count + own->count) * sizeof(*chain->files));
    append_files(set, chain, global);
    append_files(set, chain, own);
}

static void sum_phases(const struct gw_hook_set *set, struct gw_hook_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        chain->phases |= set->files.items[chain->files[i]].phases;
}

static void find_upstreams(struct gw_hook_set *set)
{
    size_t count = gw_schema_method_count(gw_snapshot_schema(set->snapshot));
    set->method_upstreams = gw_alloc(count * sizeof(*set->method_upstreams));
    for (size_t i = 0; i < count; i++)
        set->method_upstreams[i] = -1;
    for (size_t i = 0; i < gw_snapshot_route_count(set->snapshot); i++) {
        const struct gw_route *route = gw_snapshot_route_at(set->snapshot, i);
        if (route->method != NULL && set->method_upstreams[route->method->index] < 0)
            set->method_upstreams[route->method->index] = (int32_t)route->upstream;
    }
}

/* `only` stands for what the configuration names, where it is not NULL. */
static struct gw_hook_set *create(const struct gw_snapshot *snapshot,
                                  const struct gw_string_list *only, struct gw_diagnostics *errors)
{
    static const struct gw_string_list none;
    size_t errors_before = errors->count;
    struct gw_hook_set *set = gw_alloc(sizeof(*set));
    const struct gw_config *config = gw_snapshot_config(snapshot);
    const struct gw_string_list *global = only != NULL ? only : &config->hooks;
    set->snapshot = snapshot;
    set->config = config;
    pthread_mutex_init(&set->lock, NULL);
    make_chain(set, &set->global, global, &none);
    set->chains = gw_alloc(config->route_count * sizeof(*set->chains));
    for (size_t i = 0; i < config->route_count; i++)
        make_chain(set, &set->chains[i], global, only != NULL ? &none : &config->routes[i].hooks);
    find_upstreams(set);
    if (set->files.count > 0)
        compile_all(set, errors);
    if (set->files.count > 0 && errors->count == errors_before)
        try_all(set, errors);
    sum_phases(set, &set->global);
    for (size_t i = 0; i < config->route_count; i++)
        sum_phases(set, &set->chains[i]);
    if (errors->count == errors_before)
        return set;
    gw_hook_set_destroy(set);
    return NULL;
}

struct gw_hook_set *gw_hook_set_create(const struct gw_snapshot *snapshot,
                                       struct gw_diagnostics *errors)
{
    return create(snapshot, NULL, errors);
}

struct gw_hook_set *gw_hook_set_create_of(const struct gw_snapshot *snapshot, const char *path,
                                          struct gw_diagnostics *errors)
{
    struct gw_string file = {path, {path, 0, 0}};
    return create(snapshot, &(struct gw_string_list){&file, 1}, errors);
}

static void dispose_counter(struct gw_hook_counter *counter)
{
    for (size_t i = 0; i < counter->label_count; i++) {
        free(counter->labels[i].name);
        free(counter->labels[i].value);
    }
    free(counter->labels);
    free(counter->name);
    free(counter->help);
}

void gw_hook_set_destroy(struct gw_hook_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->files.count; i++)
        gw_buf_dispose(&set->files.items[i].code);
    gw_vec_dispose(&set->files);
    for (size_t i = 0; i < set->counters.count; i++)
        dispose_counter(&set->counters.items[i]);
    gw_vec_dispose(&set->counters);
    for (size_t i = 0; i < set->config->route_count; i++)
        free(set->chains[i].files);
    free(set->chains);
    free(set->global.files);
    free(set->method_upstreams);
    gw_buf_dispose(&set->prelude);
    pthread_mutex_destroy(&set->lock);
    free(set);
}

const struct gw_hook_chain *gw_hook_chain_of(const struct gw_hook_set *set,
                                             const struct gw_route *route)
{
    return route != NULL ? &set->chains[route->config - set->config->routes] : &set->global;
}

unsigned gw_hook_set_phases(const struct gw_hook_set *set, const struct gw_route *route)
{
    return gw_hook_chain_of(set, route)->phases;
}
