#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "upstream/internal.h"

/* --- shared by all workers --- */

static void register_metrics(struct gw_upstream_set *set, struct gw_set_upstream *u)
{
    struct gw_slice name = gw_slice_str(u->config->name.text);
    u->endpoint_metrics = gw_alloc(u->config->endpoint_count * sizeof(*u->endpoint_metrics));
    for (size_t i = 0; i < u->config->endpoint_count; i++) {
        const struct gw_metric_label labels[] = {
            {"upstream", name},
            {"endpoint", gw_slice_str(u->config->endpoints[i].address.text)},
        };
        u->endpoint_metrics[i] = (struct gw_endpoint_metrics){
            .picks = gw_metrics_add(set->metrics, GW_COUNTER, "upstream_picks_total",
                                    "Tries sent to the endpoint.", labels, 2),
            .up = gw_metrics_add(set->metrics, GW_GAUGE_MAX, "upstream_endpoint_up",
                                 "Whether the endpoint can be reached (1) or not (0).", labels, 2),
            .connections = gw_metrics_add(set->metrics, GW_GAUGE, "upstream_connections",
                                          "Open connections to the endpoint.", labels, 2),
            .in_flight = gw_metrics_add(set->metrics, GW_GAUGE, "upstream_calls_in_flight",
                                        "Tries under way on the endpoint.", labels, 2),
        };
    }
    static const char *const reasons[] = {
        [GW_CALL_UNSENT] = "unsent", [GW_CALL_REFUSED] = "refused", [GW_CALL_RETIRED] = "retired"};
    for (size_t fate = GW_CALL_UNSENT; fate <= GW_CALL_RETIRED; fate++) {
        const struct gw_metric_label labels[] = {{"upstream", name},
                                                 {"reason", gw_slice_str(reasons[fate])}};
        u->retries[fate] =
            gw_metrics_add(set->metrics, GW_COUNTER, "upstream_retries_total",
                           "Tries after the first, by why the one before failed.", labels, 2);
    }
    const struct gw_metric_label label = {"upstream", name};
    u->pending = gw_metrics_add(set->metrics, GW_GAUGE, "upstream_pending",
                                "Calls that wait for room on a connection.", &label, 1);
}

struct gw_upstream_set *gw_upstream_set_create(const struct gw_config_upstream *config,
                                               size_t count, uint32_t worker_count,
                                               struct gw_metrics *metrics)
{
    struct gw_upstream_set *set = gw_alloc(sizeof(*set));
    set->upstreams = gw_alloc(count * sizeof(*set->upstreams));
    set->count = count;
    set->worker_count = worker_count;
    set->metrics = metrics;
    for (size_t i = 0; i < count; i++) {
        set->upstreams[i].config = &config[i];
        set->upstreams[i].beginning = (uint32_t)gw_random_u64();
        set->upstreams[i].balancer = gw_balancer_find(gw_slice_str(config[i].strategy.text));
        set->upstreams[i].failing_workers =
            gw_alloc(config[i].endpoint_count * sizeof(*set->upstreams[i].failing_workers));
        register_metrics(set, &set->upstreams[i]);
    }
    return set;
}

void gw_upstream_set_destroy(struct gw_upstream_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->upstreams[i].endpoint_metrics);
        free(set->upstreams[i].failing_workers);
    }
    free(set->upstreams);
    free(set);
}

void gw_upstream_set_watch(struct gw_upstream_set *set, gw_endpoint_change_fn fn, void *arg)
{
    set->on_change = fn;
    set->on_change_arg = arg;
}

void gw_upstream_set_stats(const struct gw_upstream_set *set, struct gw_buf *out)
{
    gw_buf_append_byte(out, '{');
    for (size_t i = 0; i < set->count; i++) {
        const struct gw_set_upstream *u = &set->upstreams[i];
        if (i > 0)
            gw_buf_append_byte(out, ',');
        gw_buf_append_json_string(out, gw_slice_str(u->config->name.text));
        gw_buf_append(out, GW_SLICE(":{\"endpoints\":["));
        for (size_t k = 0; k < u->config->endpoint_count; k++) {
            const struct gw_endpoint_metrics *m = &u->endpoint_metrics[k];
            const char *state = !gw_metrics_value(set->metrics, m->up)           ? "failing"
                                : gw_metrics_value(set->metrics, m->connections) ? "ready"
                                                                                 : "idle";
            gw_buf_append(out, k > 0 ? GW_SLICE(",{\"address\":") : GW_SLICE("{\"address\":"));
            gw_buf_append_json_string(out, gw_slice_str(u->config->endpoints[k].address.text));
            gw_buf_printf(out, ",\"state\":\"%s\",\"in_flight\":%lld,\"picks\":%llu}", state,
                          (long long)gw_metrics_value(set->metrics, m->in_flight),
                          (unsigned long long)gw_metrics_value(set->metrics, m->picks));
        }
        gw_buf_append(out, GW_SLICE("]}"));
    }
    gw_buf_append_byte(out, '}');
}

/* --- one worker's --- */

/* Each worker finds out by itself; the first that does and the last are what is told. */
static void tell_change(const struct gw_worker_upstream *u, size_t index)
{
    const struct gw_upstream_set *set = u->owner->set;
    uint32_t *failing = &u->shared->failing_workers[index];
    struct gw_endpoint *endpoint = u->endpoints[index];
    bool is_failing = gw_endpoint_is_failing(endpoint);
    bool is_news = is_failing ? __atomic_fetch_add(failing, 1, __ATOMIC_RELAXED) == 0
                              : __atomic_sub_fetch(failing, 1, __ATOMIC_RELAXED) == 0;
    if (!is_news || set->on_change == NULL)
        return;
    set->on_change(set->on_change_arg,
                   &(struct gw_endpoint_change){
                       .upstream = u->shared->config->name.text,
                       .endpoint = u->shared->config->endpoints[index].address.text,
                       .is_failing = is_failing,
                       .reason = gw_endpoint_last_error(endpoint),
                   });
}

static size_t index_of(const struct gw_worker_upstream *u, const struct gw_endpoint *endpoint)
{
    size_t i = 0;
    while (u->endpoints[i] != endpoint)
        i++;
    return i;
}

static void on_endpoint_change(void *arg, struct gw_endpoint *endpoint)
{
    struct gw_worker_upstream *u = arg;
    size_t count = u->shared->config->endpoint_count;
    size_t index = index_of(u, endpoint);
    u->eligibility[index].is_eligible = !gw_endpoint_is_failing(endpoint);
    tell_change(u, index);
    gw_balancer_endpoints_changed(u->balancer, u->eligibility, count);
    size_t i = 0;
    while (i < count && !u->eligibility[i].is_eligible)
        i++;
    if (i == count)
        gw_upstream_fail_pending(u);
}

static void on_endpoint_room(void *arg, struct gw_endpoint *endpoint)
{
    struct gw_worker_upstream *u = arg;
    gw_upstream_serve_pending(u, index_of(u, endpoint));
}

static void open_upstream(struct gw_upstreams *upstreams, size_t index, uint32_t worker)
{
    struct gw_worker_upstream *u = &upstreams->upstreams[index];
    u->owner = upstreams;
    u->shared = &upstreams->set->upstreams[index];
    u->waiting_count = &upstreams->set->upstreams[index].waiting_count;
    const struct gw_config_upstream *config = u->shared->config;
    u->eligibility = gw_alloc(config->endpoint_count * sizeof(*u->eligibility));
    u->endpoints = gw_alloc(config->endpoint_count * sizeof(*u->endpoints));
    u->passed_over = gw_alloc((config->endpoint_count + 63) / 64 * sizeof(*u->passed_over));
    h2o_linklist_init_anchor(&u->given_back);
    h2o_linklist_init_anchor(&u->pending);
    for (size_t i = 0; i < config->endpoint_count; i++)
        u->eligibility[i] = (struct gw_balancer_endpoint){config->endpoints[i].weight, true};
    size_t first = gw_balancer_first(config->endpoint_count, u->shared->beginning, worker,
                                     upstreams->set->worker_count);
    u->balancer = u->shared->balancer->create(u->eligibility, config->endpoint_count, first);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        u->endpoints[i] = gw_endpoint_create(&(struct gw_endpoint_options){
            .loop = upstreams->loop,
            .config = &config->endpoints[i],
            .pool = &config->pool,
            .shard = upstreams->shard,
            .metrics = &u->shared->endpoint_metrics[i],
            .on_change = on_endpoint_change,
            .on_room = on_endpoint_room,
            .arg = u,
        });
    }
}

struct gw_upstreams *gw_upstreams_create(struct gw_upstream_set *set, struct gw_loop *loop,
                                         struct gw_metrics_shard *shard, uint32_t worker)
{
    struct gw_upstreams *upstreams = gw_alloc(sizeof(*upstreams));
    upstreams->set = set;
    upstreams->loop = loop;
    upstreams->shard = shard;
    upstreams->upstreams = gw_alloc(set->count * sizeof(*upstreams->upstreams));
    h2o_linklist_init_anchor(&upstreams->failed);
    for (size_t i = 0; i < set->count; i++)
        open_upstream(upstreams, i, worker);
    return upstreams;
}

void gw_upstreams_close(struct gw_upstreams *upstreams)
{
    if (!upstreams->closing) {
        upstreams->closing = true;
        for (size_t i = 0; i < upstreams->set->count; i++) {
            struct gw_worker_upstream *u = &upstreams->upstreams[i];
            gw_upstream_fail_pending(u);
            for (size_t k = 0; k < u->shared->config->endpoint_count; k++)
                gw_endpoint_destroy(u->endpoints[k]);
        }
    }
    gw_upstream_calls_end_failed(upstreams);
}

void gw_upstreams_destroy(struct gw_upstreams *upstreams)
{
    if (upstreams == NULL)
        return;
    gw_upstreams_close(upstreams);
    for (size_t i = 0; i < upstreams->set->count; i++) {
        struct gw_worker_upstream *u = &upstreams->upstreams[i];
        gw_balancer_destroy(u->balancer);
        free(u->passed_over);
        free(u->endpoints);
        free(u->eligibility);
    }
    free(upstreams->upstreams);
    free(upstreams);
}
