/* Sluice.call: a unary call to an upstream, for a hook that waits for it. */
#include "hooks/request/rpc.h"

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/hash.h>

#include "base/clock.h"
#include "base/recycle.h"
#include "hooks/library/message.h"

/* Of what a hook names as metadata. */
#define METADATA_MAX 100
/* Longest `timeout`; hook_limits.time is shorter. */
#define TIMEOUT_MAX_SECONDS 3600.0

static struct gw_hook_call *call_of(const struct gw_hook_task *task)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_hook_call, guest, task->guest);
}

struct rpc {
    struct gw_hook_wait wait;
    struct gw_hook_task *task;
    const struct gw_method *method;
    struct gw_call *call;
    gw_pool pool; /* what goes out, and the answer */
    struct gw_buf answer;
    uint32_t answers;
    struct gw_call_result result;
};

static void free_rpc(struct rpc *rpc)
{
    struct gw_recycler *recycler = gw_loop_recycler(rpc->task->guest->vm->options.loop);
    h2o_mem_clear_pool(&rpc->pool);
    gw_recycler_free(recycler, rpc);
}

static void cancel_rpc(struct gw_hook_wait *wait)
{
    struct rpc *rpc = H2O_STRUCT_FROM_MEMBER(struct rpc, wait, wait);
    gw_call_cancel(rpc->call);
    free_rpc(rpc);
}

/* --- the answer --- */

static mrb_value make_error(mrb_state *mrb, const struct rpc *rpc, int code,
                            struct gw_slice message)
{
    const struct gw_schema *schema = gw_snapshot_schema(gw_hook_ruby_of(mrb)->set->snapshot);
    mrb_value arguments[] = {
        mrb_fixnum_value(code),
        mrb_str_new(mrb, message.base, message.len),
        gw_hook_status_details(mrb, schema, rpc->result.details),
    };
    return mrb_obj_new(mrb, gw_hook_ruby_of(mrb)->rpc_error_class, 3, arguments);
}

/* A Hash, or a Sluice::RPCError. */
static mrb_value make_answer(mrb_state *mrb, void *arg)
{
    const struct rpc *rpc = arg;
    const struct gw_schema *schema = gw_snapshot_schema(gw_hook_ruby_of(mrb)->set->snapshot);
    if (rpc->result.status != GW_OK)
        return make_error(mrb, rpc, rpc->result.status, rpc->result.message);
    if (rpc->answers != 1)
        return make_error(mrb, rpc, GW_INTERNAL,
                          GW_SLICE("the backend did not answer with one message"));
    struct gw_error error;
    mrb_value hash = gw_hook_message_to_hash(mrb, schema, rpc->method->output,
                                             gw_buf_slice(&rpc->answer), &error);
    if (mrb_undef_p(hash))
        return make_error(mrb, rpc, GW_INTERNAL, gw_slice_str(error.message));
    return hash;
}

static void on_message(void *arg, struct gw_slice message)
{
    struct rpc *rpc = arg;
    if (rpc->answers++ == 0)
        gw_buf_append(&rpc->answer, message);
}

/* The task may be gone when it was resumed; what it was resumed with is then needed no more. */
static void on_end(void *arg, const struct gw_call_result *result)
{
    struct rpc *rpc = arg;
    struct gw_recycler *recycler = gw_loop_recycler(rpc->task->guest->vm->options.loop);
    rpc->call = NULL;
    rpc->result = *result;
    gw_hook_task_resume(rpc->task, make_answer, rpc);
    h2o_mem_clear_pool(&rpc->pool);
    gw_recycler_free(recycler, rpc);
}

static const struct gw_call_callbacks callbacks = {.on_message = on_message, .on_end = on_end};

/* --- the call --- */

size_t gw_hook_upstream_find(mrb_state *mrb, const struct gw_config *config, struct gw_slice name)
{
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (gw_slice_eq(gw_slice_str(config->upstreams[i].name.text), name))
            return i;
    }
    mrb_raisef(mrb, E_ARGUMENT_ERROR, "unknown upstream %!l", name.base, name.len);
    return 0;
}

static const struct gw_method *find_method(mrb_state *mrb, const struct gw_hook_set *set,
                                           struct gw_slice name)
{
    const struct gw_method *method = gw_schema_method(gw_snapshot_schema(set->snapshot), name);
    if (method == NULL)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "unknown method %!l", name.base, name.len);
    if (method->client_streaming || method->server_streaming)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%l streams, expected a unary method", name.base,
                   name.len);
    return method;
}

static size_t upstream_of(mrb_state *mrb, const struct gw_hook_set *set,
                          const struct gw_method *method, mrb_value name)
{
    if (!mrb_nil_p(name))
        return gw_hook_upstream_find(mrb, set->config,
                                     gw_hook_slice_of(mrb_obj_as_string(mrb, name)));
    int32_t upstream = set->method_upstreams[method->index];
    if (upstream < 0)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "no route leads to %l, expected `upstream:`",
                   method->full_name.base, method->full_name.len);
    return (size_t)upstream;
}

static uint64_t timeout_of(mrb_state *mrb, mrb_value seconds)
{
    if (mrb_nil_p(seconds))
        return 0;
    mrb_float n = mrb_as_float(mrb, seconds);
    if (!(n > 0))
        mrb_raise(mrb, E_ARGUMENT_ERROR, "a timeout is more than 0");
    uint64_t ms = (uint64_t)((n < TIMEOUT_MAX_SECONDS ? n : TIMEOUT_MAX_SECONDS) * 1000 + 0.5);
    return ms > 0 ? ms : 1;
}

/* Copies what the Hash says behind what the request's own trace says. */
static struct gw_metadata make_metadata(struct rpc *rpc, const struct gw_metadata *trace,
                                        mrb_value pairs)
{
    struct gw_metadata_store store = {.pool = &rpc->pool};
    for (size_t i = 0; i < trace->count; i++)
        gw_metadata_store_add(&store, trace->items[i].name, trace->items[i].value);
    for (mrb_int i = 0; i < RARRAY_LEN(pairs); i++) {
        const mrb_value *pair = RARRAY_PTR(RARRAY_PTR(pairs)[i]);
        gw_metadata_store_add(&store, gw_hook_slice_of(pair[0]), gw_hook_slice_of(pair[1]));
    }
    return gw_metadata_of(&store);
}

/* Before anything is held: [[name, value], ...] of Strings that may go upstream. */
static mrb_value check_metadata(mrb_state *mrb, mrb_value metadata)
{
    mrb_value keys = mrb_hash_keys(mrb, metadata);
    mrb_value pairs = mrb_ary_new(mrb);
    if (RARRAY_LEN(keys) > METADATA_MAX)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "more than %d metadata", METADATA_MAX);
    for (mrb_int i = 0; i < RARRAY_LEN(keys); i++) {
        mrb_value key = RARRAY_PTR(keys)[i];
        mrb_value name = mrb_obj_as_string(mrb, key);
        mrb_value value = mrb_obj_as_string(mrb, mrb_hash_get(mrb, metadata, key));
        if (!gw_metadata_is_allowed(gw_hook_slice_of(name), gw_hook_slice_of(value)))
            mrb_raisef(mrb, E_ARGUMENT_ERROR, "%!v cannot be sent as metadata", name);
        mrb_ary_push(mrb, pairs, mrb_assoc_new(mrb, name, value));
    }
    return pairs;
}

static struct rpc *make_rpc(struct gw_hook_task *task, const struct gw_method *method)
{
    struct gw_recycler *recycler = gw_loop_recycler(task->guest->vm->options.loop);
    struct rpc *rpc = gw_recycler_alloc(recycler, sizeof(*rpc));
    *rpc = (struct rpc){.wait.cancel = cancel_rpc, .task = task, .method = method};
    h2o_mem_init_pool(&rpc->pool);
    rpc->answer = gw_buf_in_pool(&rpc->pool);
    return rpc;
}

static int encode(mrb_state *mrb, struct rpc *rpc, mrb_value hash, struct gw_slice *ret_framed,
                  struct gw_error *error)
{
    const struct gw_schema *schema = gw_snapshot_schema(gw_hook_ruby_of(mrb)->set->snapshot);
    struct gw_buf out = gw_buf_in_pool(&rpc->pool);
    gw_buf_reserve(&out, 256);
    out.len = GW_GRPC_PREFIX_BYTES;
    if (gw_hook_hash_to_wire(mrb, schema, rpc->method->input, hash, &rpc->pool, &out, error) != 0)
        return -1;
    gw_grpc_prefix_write(out.base, (uint32_t)(out.len - GW_GRPC_PREFIX_BYTES));
    *ret_framed = gw_buf_slice(&out);
    return 0;
}

static void start(struct rpc *rpc, size_t upstream, uint64_t timeout_ms,
                  struct gw_metadata metadata, struct gw_slice framed)
{
    const struct gw_hook_call *call = call_of(rpc->task);
    const struct gw_hook_vm *vm = call->guest.vm;
    struct gw_call_params params = {
        .path = rpc->method->path,
        .metadata = metadata,
        .deadline_ms = timeout_ms > 0
                           ? gw_deadline_sooner(call->host->deadline_ms, gw_clock_ms() + timeout_ms)
                           : call->host->deadline_ms,
        .limit_ms = call->began_ms + vm->set->config->hook_limits.time_ms,
        .callbacks = &callbacks,
        .arg = rpc,
    };
    rpc->call = gw_upstream_call(vm->options.upstreams, upstream, &params, timeout_ms, NULL);
    gw_call_request(rpc->call, GW_REQUEST_ALL);
    gw_call_send(rpc->call, framed, GW_SEND_END);
}

/* method, message, timeout, upstream, metadata; gives a Hash or a Sluice::RPCError. */
static mrb_value sluice_call(mrb_state *mrb, mrb_value self)
{
    mrb_value name, hash, timeout, upstream_name, given;
    (void)self;
    mrb_get_args(mrb, "SoooH", &name, &hash, &timeout, &upstream_name, &given);
    struct gw_hook_task *task = gw_hook_task_current(mrb);
    const struct gw_hook_set *set = task->guest->vm->set;
    if (task->guest->vm->options.upstreams == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "there are no upstreams here");
    const struct gw_method *method = find_method(mrb, set, gw_hook_slice_of(name));
    size_t upstream = upstream_of(mrb, set, method, upstream_name);
    uint64_t timeout_ms = timeout_of(mrb, timeout);
    mrb_value pairs = check_metadata(mrb, given);

    struct gw_error error;
    struct gw_slice framed;
    gw_hook_hold(mrb);
    struct rpc *rpc = make_rpc(task, method);
    int failed = encode(mrb, rpc, hash, &framed, &error);
    if (failed)
        free_rpc(rpc);
    else
        start(rpc, upstream, timeout_ms, make_metadata(rpc, &call_of(task)->host->trace, pairs),
              framed);
    gw_hook_release(mrb);
    if (failed)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%l: %s", method->full_name.base, method->full_name.len,
                   error.message);
    return gw_hook_task_await(mrb, task, &rpc->wait);
}

void gw_hook_rpc_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    mrb_define_class_method(mrb, sluice, "__call", sluice_call, MRB_ARGS_REQ(5));
}
