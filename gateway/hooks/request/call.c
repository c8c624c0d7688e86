/* The way of one request through its hooks. */
#include "hooks/request/call.h"

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/hash.h>

#include "hooks/engine/log.h"
#include "hooks/library/scalar.h"
#include "hooks/request/request.h"

#define HOOK_FAILED GW_SLICE("hook failed")
/* Of one text in `ctx`, as an access log shows it; and of all. */
#define CTX_TEXT_MAX 512
#define CTX_MAX_BYTES 2048

static struct gw_hook_call *call_of(struct gw_hook_guest *guest)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_hook_call, guest, guest);
}

static struct gw_loop *loop_of(const struct gw_hook_call *call)
{
    return call->guest.vm->options.loop;
}

void gw_hook_call_fail(struct gw_hook_call *call, int http_status, int code,
                       struct gw_slice message)
{
    call->has_failed = true;
    call->failure = (struct gw_failure){
        .http_status = http_status, .code = code, .message = message, .route = call->host->route};
}

static void on_raised(struct gw_hook_guest *guest, mrb_state *mrb, mrb_value exception)
{
    struct gw_hook_call *call = call_of(guest);
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    if (call->has_failed && mrb_obj_is_kind_of(mrb, exception, ruby->halt_class))
        return;
    gw_hook_call_fail(call, 500, GW_INTERNAL, HOOK_FAILED);
    gw_hook_vm_count(call->guest.vm, ruby->set->files.items[call->guest.file].exceptions);
    gw_hook_log_raised(mrb, call->guest.file, call->host->trace_id, exception);
}

static void broke(struct gw_hook_call *call, const char *text)
{
    gw_hook_log_fault(call->guest.vm, call->guest.file, call->host->trace_id, text);
    gw_hook_vm_count(call->guest.vm, call->guest.vm->set->files.items[call->guest.file].exceptions);
    gw_hook_call_fail(call, 500, GW_INTERNAL, HOOK_FAILED);
}

/* --- the seat --- */

static uint32_t free_seat(struct gw_hook_ruby *ruby)
{
    if (ruby->free_seats.count > 0)
        return ruby->free_seats.items[--ruby->free_seats.count];
    mrb_state *mrb = ruby->mrb;
    uint32_t seat = (uint32_t)RARRAY_LEN(ruby->seats);
    mrb_value things = mrb_ary_new_capa(mrb, GW_HOOK_THING_COUNT);
    for (mrb_int i = 0; i < GW_HOOK_THING_COUNT; i++)
        mrb_ary_push(mrb, things, mrb_nil_value());
    mrb_ary_set(mrb, ruby->seats, seat, things);
    return seat;
}

static mrb_value sit_body(mrb_state *mrb, void *arg)
{
    struct gw_hook_call *call = arg;
    struct gw_hook_ruby *ruby = gw_hook_ruby_of(mrb);
    mrb_value request = gw_hook_request_new(mrb, call);
    call->seat = free_seat(ruby);
    call->things = RARRAY_PTR(ruby->seats)[call->seat];
    mrb_ary_set(mrb, call->things, GW_HOOK_THING_REQUEST, request);
    return mrb_nil_value();
}

static bool sit(struct gw_hook_call *call)
{
    struct gw_hook_vm *vm = call->guest.vm;
    mrb_value value;
    if (call->guest.ruby != NULL)
        return true;
    if (call->is_lost || !gw_hook_vm_prepare(vm) ||
        gw_hook_vm_run(vm, 0, sit_body, call, &value) != GW_HOOK_RAN)
        return false;
    call->guest.ruby = vm->ruby;
    h2o_linklist_insert(&vm->ruby->guests, &call->guest.link);
    return true;
}

/* Objects that a hook has kept are told that their request is over. */
static void stand_up(struct gw_hook_call *call)
{
    struct gw_hook_ruby *ruby = call->guest.ruby;
    if (ruby == NULL)
        return;
    for (int i = 0; i < GW_HOOK_THING_COUNT; i++) {
        mrb_value thing = gw_hook_thing(call, i);
        if (mrb_data_p(thing))
            DATA_PTR(thing) = NULL;
        if (!mrb_nil_p(thing))
            mrb_ary_set(ruby->mrb, call->things, i, mrb_nil_value());
    }
    *gw_vec_push(&ruby->free_seats) = call->seat;
    h2o_linklist_unlink(&call->guest.link);
    call->guest.ruby = NULL;
}

/* --- one hook --- */

/* The Ruby was lost by what it did for this call. */
static void note_end(struct gw_hook_call *call, bool was_interrupted)
{
    if (was_interrupted) {
        gw_hook_vm_count(call->guest.vm,
                         call->guest.vm->set->files.items[call->guest.file].timeouts);
        gw_hook_call_fail(call, 504, GW_DEADLINE_EXCEEDED, GW_SLICE("a hook took too long"));
    } else {
        gw_hook_log_fault(call->guest.vm, call->guest.file, call->host->trace_id,
                          "the hooks of this worker took more than hook_limits.memory");
        gw_hook_call_fail(call, 500, GW_INTERNAL, HOOK_FAILED);
    }
}

struct settling {
    struct gw_hook_call *call;
    struct gw_hook_message *message;
    enum gw_hook_thing thing;
    int outcome;
    struct gw_error error;
};

static mrb_value settle_body(mrb_state *mrb, void *arg)
{
    struct settling *s = arg;
    s->outcome = gw_hook_message_settle(mrb, s->call, s->message, s->thing, &s->error);
    return mrb_nil_value();
}

static void settle(struct gw_hook_call *call)
{
    bool is_request = call->phase == GW_HOOK_REQUEST;
    struct settling s = {call, is_request ? &call->request : &call->response,
                         is_request ? GW_HOOK_THING_MESSAGE : GW_HOOK_THING_RESPONSE_MESSAGE};
    if (call->phase == GW_HOOK_ERROR || !s.message->is_touched)
        return;
    mrb_value value;
    call->guest.vm->task = &call->task;
    enum gw_hook_run outcome =
        gw_hook_vm_run(call->guest.vm, call->guest.file, settle_body, &s, &value);
    call->guest.vm->task = NULL;
    if (outcome == GW_HOOK_LOST || outcome == GW_HOOK_ENDED)
        note_end(call, outcome == GW_HOOK_ENDED);
    else if (outcome == GW_HOOK_RAISED || s.outcome < 0)
        broke(call,
              outcome == GW_HOOK_RAISED ? "the message could not be read back" : s.error.message);
    else if (s.outcome > 0 && is_request)
        call->host->ops->set_message(call->host, s.message->wire);
    else if (s.outcome > 0)
        call->response_out->message = s.message->wire;
}

static enum gw_hook_outcome finish_hook(struct gw_hook_call *call)
{
    gw_timer_stop(loop_of(call), &call->limit);
    if (!call->has_failed && !call->has_replied)
        settle(call);
    if (call->has_failed && call->phase == GW_HOOK_ERROR) {
        call->has_failed = false; /* the error that it was called for stays */
        call->has_replied = false;
    }
    if (call->has_failed)
        return GW_HOOK_FAILED;
    return call->has_replied ? GW_HOOK_REPLIED : GW_HOOK_GO_ON;
}

static enum gw_hook_step step_of(const struct gw_hook_call *call)
{
    if (call->phase == GW_HOOK_RESPONSE)
        return GW_HOOK_STEP_RESPONSE;
    if (call->phase == GW_HOOK_ERROR)
        return GW_HOOK_STEP_ERROR;
    return call->guest.vm->set->files.items[call->guest.file].is_rack ? GW_HOOK_STEP_RACK
                                                                      : GW_HOOK_STEP_REQUEST;
}

static enum gw_hook_outcome run_hook(struct gw_hook_call *call)
{
    struct gw_hook_vm *vm = call->guest.vm;
    if (!sit(call)) {
        if (call->phase == GW_HOOK_ERROR)
            return GW_HOOK_GO_ON;
        gw_hook_call_fail(call, 500, GW_INTERNAL, HOOK_FAILED);
        return GW_HOOK_FAILED;
    }
    call->began_ms = gw_loop_now_ms(loop_of(call));
    gw_hook_vm_count(vm, vm->set->files.items[call->guest.file].runs);
    call->is_starting = true;
    gw_hook_task_start(&call->task, step_of(call),
                       RARRAY_PTR(call->guest.ruby->hooks)[call->guest.file],
                       gw_hook_thing(call, GW_HOOK_THING_REQUEST));
    call->is_starting = false;
    return call->task.wait != NULL ? GW_HOOK_WAITING : finish_hook(call);
}

/* --- a phase --- */

static uint32_t file_at(const struct gw_hook_call *call, size_t place)
{
    const struct gw_hook_chain *chain = call->chain;
    return chain->files[call->phase == GW_HOOK_REQUEST ? place : chain->count - 1 - place];
}

static enum gw_hook_outcome advance(struct gw_hook_call *call)
{
    enum gw_hook_outcome outcome = GW_HOOK_GO_ON;
    while (outcome == GW_HOOK_GO_ON && call->next < call->chain->count) {
        call->guest.file = file_at(call, call->next++);
        if (call->guest.vm->set->files.items[call->guest.file].phases & call->phase)
            outcome = run_hook(call);
    }
    return outcome;
}

static void end_phase(struct gw_hook_call *call)
{
    call->phase = 0;
    call->is_waiting = false;
    call->response_out = NULL;
    call->error_out = NULL;
}

static enum gw_hook_outcome begin_phase(struct gw_hook_call *call, enum gw_hook_phase phase)
{
    call->phase = phase;
    call->next = 0;
    call->has_failed = call->has_replied = false;
    enum gw_hook_outcome outcome = advance(call);
    if (outcome == GW_HOOK_WAITING)
        call->is_waiting = true;
    else
        end_phase(call);
    return outcome;
}

/* A phase that waited has an outcome. */
static void tell(struct gw_hook_call *call, enum gw_hook_outcome outcome)
{
    if (outcome == GW_HOOK_WAITING)
        return;
    end_phase(call);
    call->host->ops->resumed(call->host, outcome);
}

static void hook_over(struct gw_hook_call *call)
{
    if (call->is_starting)
        return; /* run_hook goes on */
    enum gw_hook_outcome outcome = finish_hook(call);
    tell(call, outcome == GW_HOOK_GO_ON ? advance(call) : outcome);
}

/* --- what ends a hook from outside --- */

static void on_limit(struct gw_timer *timer)
{
    struct gw_hook_call *call = H2O_STRUCT_FROM_MEMBER(struct gw_hook_call, limit, timer);
    gw_hook_task_cancel(&call->task);
    gw_hook_vm_count(call->guest.vm, call->guest.vm->set->files.items[call->guest.file].timeouts);
    gw_hook_log_fault(call->guest.vm, call->guest.file, call->host->trace_id,
                      "the hook took longer than hook_limits.time");
    gw_hook_call_fail(call, 504, GW_DEADLINE_EXCEEDED, GW_SLICE("a hook took too long"));
    hook_over(call);
}

static void on_failing(struct gw_task *task)
{
    struct gw_hook_call *call = H2O_STRUCT_FROM_MEMBER(struct gw_hook_call, failing, task);
    hook_over(call);
}

/* --- what the engine tells --- */

static void on_over(struct gw_hook_guest *guest)
{
    hook_over(call_of(guest));
}

static void on_broke(struct gw_hook_guest *guest, const char *text)
{
    broke(call_of(guest), text);
}

static void on_waits(struct gw_hook_guest *guest)
{
    struct gw_hook_call *call = call_of(guest);
    if (!gw_timer_is_running(&call->limit))
        gw_timer_start(loop_of(call), &call->limit,
                       call->began_ms + guest->vm->set->config->hook_limits.time_ms);
}

static void on_ended(struct gw_hook_guest *guest, bool was_interrupted)
{
    struct gw_hook_call *call = call_of(guest);
    note_end(call, was_interrupted);
    hook_over(call);
}

/* Where the call waits, and nothing of it runs, it fails later in this turn. */
static void on_lost(struct gw_hook_guest *guest, bool is_running)
{
    struct gw_hook_call *call = call_of(guest);
    call->is_lost = true;
    gw_hook_task_cancel(&call->task);
    if (!call->is_waiting || is_running)
        return;
    gw_timer_stop(loop_of(call), &call->limit);
    gw_hook_call_fail(call, 500, GW_INTERNAL, HOOK_FAILED);
    gw_loop_defer(loop_of(call), &call->failing);
}

static const struct gw_hook_guest_ops guest_ops = {
    .over = on_over,
    .raised = on_raised,
    .broke = on_broke,
    .waits = on_waits,
    .ended = on_ended,
    .lost = on_lost,
};

/* --- the interface --- */

struct gw_hook_call *gw_hook_call_create(struct gw_hook_vm *vm, struct gw_hook_host *host)
{
    struct gw_hook_call *call = h2o_mem_alloc_pool(host->pool, sizeof(*call));
    *call = (struct gw_hook_call){
        .guest = {.ops = &guest_ops, .vm = vm, .trace_id = &host->trace_id},
        .host = host,
        .chain = gw_hook_chain_of(vm->set, host->route),
        .limit.fn = on_limit,
        .failing.fn = on_failing,
        .task = {.guest = &call->guest, .fiber = GW_HOOK_NO_FIBER},
        .env.pool = host->pool,
    };
    if (host->route != NULL && host->route->method != NULL) {
        call->request.type = host->route->method->input;
        call->response.type = host->route->method->output;
    }
    return call;
}

void gw_hook_call_destroy(struct gw_hook_call *call)
{
    if (call == NULL)
        return;
    gw_timer_stop(loop_of(call), &call->limit);
    gw_task_cancel(loop_of(call), &call->failing);
    gw_hook_task_cancel(&call->task);
    struct gw_hook_vm *vm = call->guest.vm;
    if (call->guest.ruby != NULL && vm->options.shard != NULL && vm->set->is_registered)
        gw_gauge_set(vm->options.shard, vm->set->memory_bytes,
                     (int64_t)call->guest.ruby->heap.used_bytes);
    stand_up(call);
}

enum gw_hook_outcome gw_hook_call_on_request(struct gw_hook_call *call)
{
    return begin_phase(call, GW_HOOK_REQUEST);
}

enum gw_hook_outcome gw_hook_call_on_response(struct gw_hook_call *call,
                                              struct gw_hook_response *response)
{
    call->response_out = response;
    return begin_phase(call, GW_HOOK_RESPONSE);
}

enum gw_hook_outcome gw_hook_call_on_error(struct gw_hook_call *call, struct gw_hook_error *error)
{
    call->error_out = error;
    return begin_phase(call, GW_HOOK_ERROR);
}

const struct gw_hook_reply *gw_hook_call_reply(const struct gw_hook_call *call)
{
    return &call->reply;
}

const struct gw_failure *gw_hook_call_failure(const struct gw_hook_call *call)
{
    return &call->failure;
}

/* --- ctx --- */

struct ctx_printer {
    struct gw_buf *out;
    size_t begin;
};

static int print_ctx(mrb_state *mrb, mrb_value key, mrb_value value, void *arg)
{
    struct ctx_printer *p = arg;
    mrb_int symbol_length;
    struct gw_slice name = {0};
    if (mrb_string_p(key)) {
        name = gw_hook_slice_of(key);
    } else if (mrb_symbol_p(key)) {
        const char *text = mrb_sym_name_len(mrb, mrb_symbol(key), &symbol_length);
        name = gw_slice(text, (size_t)symbol_length);
    }
    bool is_shown = mrb_string_p(value) || mrb_integer_p(value) || mrb_float_p(value);
    if (!is_shown || name.len == 0 || name.len > CTX_TEXT_MAX ||
        p->out->len - p->begin > CTX_MAX_BYTES)
        return 0;
    gw_buf_append_byte(p->out, p->out->len == p->begin ? '{' : ',');
    gw_buf_append_json_string(p->out, name);
    gw_buf_append_byte(p->out, ':');
    gw_hook_append_scalar(p->out, value, CTX_TEXT_MAX);
    return 0;
}

void gw_hook_call_append_ctx(const struct gw_hook_call *call, struct gw_buf *out)
{
    if (call->guest.ruby == NULL)
        return;
    mrb_value ctx = gw_hook_thing(call, GW_HOOK_THING_CTX);
    if (mrb_nil_p(ctx))
        return;
    struct ctx_printer printer = {out, out->len};
    mrb_hash_foreach(call->guest.ruby->mrb, mrb_hash_ptr(ctx), print_ctx, &printer);
    if (out->len > printer.begin)
        gw_buf_append_byte(out, '}');
}
