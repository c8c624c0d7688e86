#include "frontend/gateway.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/open_files.h"
#include "base/print.h"
#include "base/signals.h"
#include "frontend/address_limit.h"
#include "frontend/admin.h"
#include "frontend/certificates.h"
#include "frontend/exchange.h"
#include "frontend/files.h"
#include "frontend/internal.h"
#include "frontend/listener.h"
#include "frontend/request_headers.h"
#include "frontend/upstream_log.h"
#include "frontend/worker.h"

/* libh2o's one time limit, on the wall clock, never comes to act: connection.c has ours. */
#define LIBH2O_TIMEOUT_MS ((uint64_t)10 * 365 * 24 * 3600 * 1000)

/* Shards of metrics behind the workers'. */
enum { CONTROL_SHARD, ACCESS_LOG_SHARD, HOOK_LOG_SHARD, OTHER_SHARDS };

/* The control thread: signals, the admin port, the life of the workers. */
struct control {
    struct gw_frontend frontend;
    struct gw_loop *loop;
    struct gw_signals signals;
    struct gw_timer drain_delay;
};

static void close_listeners(struct gw_frontend *frontend)
{
    for (size_t i = 0; i < frontend->config->listener_count; i++) {
        if (frontend->listen_fds[i] >= 0)
            close(frontend->listen_fds[i]);
        frontend->listen_fds[i] = -1;
    }
}

static void drain_workers(struct gw_timer *timer)
{
    struct control *control = H2O_STRUCT_FROM_MEMBER(struct control, drain_delay, timer);
    struct gw_frontend *frontend = &control->frontend;
    close_listeners(frontend); /* the port closes when the workers have closed theirs */
    for (uint32_t i = 0; i < frontend->worker_count; i++)
        gw_worker_drain(&frontend->workers[i], frontend->config->drain.timeout_ms);
}

static void begin_drain(struct control *control)
{
    gw_certificates_unwatch(control->frontend.certificates);
    __atomic_store_n(&control->frontend.is_ready, 0, __ATOMIC_RELEASE);
    fprintf(stderr, "sluice: draining\n");
    control->drain_delay.fn = drain_workers;
    gw_timer_start(control->loop, &control->drain_delay,
                   gw_loop_now_ms(control->loop) + control->frontend.config->drain.delay_ms);
}

static void on_signal(void *arg, enum gw_signal_wish wish)
{
    struct control *control = arg;
    switch (wish) {
    case GW_SIGNAL_DRAIN:
        begin_drain(control);
        break;
    case GW_SIGNAL_STOP:
        fprintf(stderr, "sluice: stopped at once by a second signal\n");
        _exit(1);
    case GW_SIGNAL_REOPEN:
        if (control->frontend.access_log != NULL)
            gw_line_log_reopen(control->frontend.access_log);
        break;
    case GW_SIGNAL_RELOAD:
        fprintf(stderr, "sluice: SIGHUP is to reload the configuration: not yet, going on\n");
        break;
    case GW_SIGNAL_REPLACE:
        fprintf(stderr, "sluice: SIGUSR2 is to replace the program: not yet, going on\n");
        break;
    case GW_SIGNAL_NOTHING:
        break;
    }
}

static uint32_t usable_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static int share_descriptors(struct gw_frontend *frontend, struct gw_error *error)
{
    uint64_t limit = gw_open_files_raise();
    uint32_t wanted = frontend->config->limits.connections;
    struct gw_descriptor_needs needs =
        gw_descriptors_need(frontend->config, frontend->worker_count, gw_open_files_count(), limit);
    uint64_t least = gw_descriptors_share(&needs, &frontend->descriptors);
    if (least > 0)
        return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION,
                            "%" PRIu64 " files may be open (ulimit -n), expected at least %" PRIu64,
                            limit, least);
    if (frontend->descriptors.connections < wanted)
        fprintf(stderr,
                "sluice: %" PRIu32 " clients at a time, not %" PRIu32
                " as limits.connections has it: %" PRIu64 " files may be open (ulimit -n)\n",
                frontend->descriptors.connections, wanted, limit);
    return 0;
}

static void configure_h2o(struct gw_frontend *frontend)
{
    h2o_globalconf_t *h2o = &frontend->h2o;
    h2o_config_init(h2o);
    /* gw_exchange_add_headers names the server: libh2o would by printf, for each answer. */
    h2o->server_name = h2o_iovec_init(NULL, 0);
    /* One more than the limit, at which libh2o would refuse a chunked body already. */
    h2o->max_request_entity_size = frontend->config->limits.request_body_bytes + 1;
    h2o->http1.req_timeout = LIBH2O_TIMEOUT_MS;
    /* libh2o's HTTP/2 server is never used; its shutdown would leave a timer behind. */
    h2o->http1.upgrade_to_http2 = 0;
    h2o->http2.callbacks.request_shutdown = NULL;
    frontend->files = gw_files_create(h2o, frontend->snapshot);
    gw_exchange_register(
        h2o_config_register_host(h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535));
}

static void register_metrics(struct gw_frontend *frontend, const char *version)
{
    struct gw_metrics *metrics = frontend->metrics;
    const struct gw_metric_label labels[] = {{"version", gw_slice_str(version)}};
    frontend->build_info = gw_metrics_add(metrics, GW_GAUGE_MAX, "sluice_build_info",
                                          "The version, as a label.", labels, 1);
    frontend->open_connections =
        gw_metrics_add(metrics, GW_GAUGE, "http_connections", "Open client connections.", NULL, 0);
    frontend->request_memory_bytes =
        gw_metrics_add(metrics, GW_GAUGE, "http_request_memory_bytes",
                       "Memory that requests and answers take, of limits.request_memory.", NULL, 0);
    gw_shortages_register(&frontend->shortages, metrics);
    frontend->rejected_connections =
        gw_metrics_add(metrics, GW_COUNTER, "http_connections_rejected_total",
                       "Client connections closed at once, over limits.connections or "
                       "limits.connections_per_address.",
                       NULL, 0);
}

static bool has_hooks(const struct gw_snapshot *snapshot, const struct gw_hook_set *hooks)
{
    unsigned phases = gw_hook_set_phases(hooks, NULL);
    for (size_t i = 0; i < gw_snapshot_route_count(snapshot); i++)
        phases |= gw_hook_set_phases(hooks, gw_snapshot_route_at(snapshot, i));
    return phases != 0;
}

/* Everything that may fail; what was opened stays in `frontend` for close_frontend. */
static int open_logs(struct gw_frontend *frontend, struct gw_error *error)
{
    const struct gw_config_access_log *config = &frontend->config->access_log;
    struct gw_line_log_options access_log = {
        .name = "access log",
        .path = config->path.text,
        .dropped_family = "sluice_access_log_dropped_total",
        .dropped_help =
            "Access log lines dropped because the file fell behind or could not be written.",
        .metrics = frontend->metrics,
        .shard = frontend->worker_count + ACCESS_LOG_SHARD,
    };
    struct gw_line_log_options hook_log = {
        .name = "log of hooks",
        .dropped_family = "hooks_log_dropped_total",
        .dropped_help = "Lines of hooks dropped because standard error fell behind.",
        .metrics = frontend->metrics,
        .shard = frontend->worker_count + HOOK_LOG_SHARD,
    };
    if (config->enabled && (frontend->access_log = gw_line_log_open(&access_log, error)) == NULL)
        return -1;
    if (frontend->hooks != NULL &&
        (frontend->hook_log = gw_line_log_open(&hook_log, error)) == NULL)
        return -1;
    return 0;
}

static int open_frontend(struct gw_frontend *frontend, int *ret_admin_fd, struct gw_error *error)
{
    const struct gw_config *config = frontend->config;
    if (frontend->hooks != NULL &&
        gw_hook_set_register(frontend->hooks, frontend->metrics, error) != 0)
        return -1;
    frontend->certificates = gw_certificates_open(frontend, error);
    if (frontend->certificates == NULL)
        return -1;
    for (size_t i = 0; i < config->listener_count; i++) {
        frontend->listen_fds[i] = gw_listener_bind(config->listeners[i].address.text, error);
        if (frontend->listen_fds[i] < 0)
            return -1;
    }
    if (config->admin_address.text != NULL) {
        *ret_admin_fd = gw_listener_bind(config->admin_address.text, error);
        if (*ret_admin_fd < 0)
            return -1;
    }
    return open_logs(frontend, error);
}

static void close_frontend(struct gw_frontend *frontend)
{
    close_listeners(frontend);
    free(frontend->listen_fds);
    gw_certificates_close(frontend->certificates);
    gw_address_limit_destroy(frontend->address_limit);
    gw_line_log_close(frontend->access_log);
    gw_line_log_close(frontend->hook_log);
    gw_upstream_set_destroy(frontend->upstream_set);
    gw_http_metrics_destroy(frontend->http_metrics);
    gw_metrics_destroy(frontend->metrics);
    gw_strmap_dispose(&frontend->header_kinds);
    gw_files_destroy(frontend->files);
    h2o_config_dispose(&frontend->h2o);
    free(frontend->workers);
}

static void say_address(const char *scheme, const char *address, int fd)
{
    fprintf(stderr, ", %s://%.*s:%u", scheme, (int)(strrchr(address, ':') - address), address,
            gw_listener_port(fd));
}

static void say_ready(const struct gw_frontend *frontend, int admin_fd)
{
    const struct gw_config *config = frontend->config;
    fprintf(stderr, "sluice: ready, %u worker%s, %zu routes", frontend->worker_count,
            frontend->worker_count == 1 ? "" : "s", gw_snapshot_route_count(frontend->snapshot));
    for (size_t i = 0; i < config->listener_count; i++)
        say_address(config->listeners[i].tls.certificate_count > 0 ? "https" : "http",
                    config->listeners[i].address.text, frontend->listen_fds[i]);
    if (admin_fd >= 0)
        say_address("admin http", config->admin_address.text, admin_fd);
    fprintf(stderr, "\n");
}

/* Where one cannot start, the others wait for it: no way leads back. */
static void start_worker(struct gw_worker *worker)
{
    struct gw_error error;
    if (gw_worker_start(worker, &error) == 0)
        return;
    gw_print_line(stderr, "sluice: %s", error.message);
    _exit(1);
}

static struct gw_hook_watchdog *watch_hooks(struct gw_frontend *frontend,
                                            struct gw_line_log_writer **ret_log)
{
    if (frontend->hooks == NULL)
        return NULL;
    struct gw_metrics_shard *shard = gw_metrics_shard(frontend->metrics, frontend->control_shard);
    *ret_log = gw_line_log_writer_create(frontend->hook_log, frontend->control_loop, shard);
    return gw_hook_watchdog_create(frontend->hooks, frontend->control_loop, shard,
                                   gw_worker_log_hook, *ret_log);
}

static void serve(struct control *control, int admin_fd)
{
    struct gw_frontend *frontend = &control->frontend;
    struct gw_admin *admin =
        admin_fd >= 0 ? gw_admin_create(frontend, control->loop, admin_fd) : NULL;
    pthread_barrier_init(&frontend->started, NULL, frontend->worker_count + 1);
    for (uint32_t i = 0; i < frontend->worker_count; i++)
        start_worker(&frontend->workers[i]);
    pthread_barrier_wait(&frontend->started);
    gw_certificates_watch(frontend->certificates, control->loop);
    struct gw_line_log_writer *watchdog_log = NULL;
    struct gw_hook_watchdog *watchdog = watch_hooks(frontend, &watchdog_log);
    __atomic_store_n(&frontend->is_ready, 1, __ATOMIC_RELEASE);
    say_ready(frontend, admin_fd);
    while (frontend->ended_workers < frontend->worker_count)
        gw_loop_turn(control->loop, INT32_MAX);
    for (uint32_t i = 0; i < frontend->worker_count; i++)
        gw_worker_join(&frontend->workers[i]);
    gw_hook_watchdog_destroy(watchdog);
    gw_line_log_writer_destroy(watchdog_log);
    pthread_barrier_destroy(&frontend->started);
    gw_admin_destroy(admin);
}

int gw_gateway_run(const struct gw_snapshot *snapshot, struct gw_hook_set *hooks,
                   const char *version, struct gw_error *error)
{
    struct control control = {0};
    struct gw_frontend *frontend = &control.frontend;
    const struct gw_config *config = gw_snapshot_config(snapshot);
    frontend->snapshot = snapshot;
    frontend->config = config;
    frontend->hooks = has_hooks(snapshot, hooks) ? hooks : NULL;
    frontend->worker_count = config->workers ? config->workers : usable_cores();
    frontend->control_shard = frontend->worker_count + CONTROL_SHARD;
    if (share_descriptors(frontend, error) != 0)
        return -1;
    frontend->workers = gw_alloc(frontend->worker_count * sizeof(*frontend->workers));
    frontend->listen_fds = gw_alloc(config->listener_count * sizeof(*frontend->listen_fds));
    for (size_t i = 0; i < config->listener_count; i++)
        frontend->listen_fds[i] = -1;
    frontend->metrics = gw_metrics_create(frontend->worker_count + OTHER_SHARDS);
    register_metrics(frontend, version);
    frontend->http_metrics = gw_http_metrics_create(frontend->metrics, snapshot);
    frontend->upstream_set = gw_upstream_set_create(config->upstreams, config->upstream_count,
                                                    frontend->worker_count, frontend->metrics);
    gw_upstream_log_open(frontend);
    gw_header_kinds_init(&frontend->header_kinds, config);
    frontend->request_memory.most_bytes = config->limits.request_memory_bytes;
    if (config->limits.connections_per_address > 0)
        frontend->address_limit = gw_address_limit_create(config->limits.connections_per_address,
                                                          frontend->descriptors.connections);
    configure_h2o(frontend);

    control.loop = gw_loop_create();
    frontend->control_loop = control.loop;
    int admin_fd = -1;
    /* Signals before the access log's thread, which must not take them. */
    int failed = gw_signals_open(&control.signals, control.loop, on_signal, &control, error);
    if (failed == 0)
        failed = open_frontend(frontend, &admin_fd, error);
    if (failed == 0) {
        gw_metrics_freeze(frontend->metrics);
        gw_gauge_set(gw_metrics_shard(frontend->metrics, frontend->control_shard),
                     frontend->build_info, 1);
        for (uint32_t i = 0; i < frontend->worker_count; i++) {
            frontend->workers[i].frontend = frontend;
            frontend->workers[i].index = i;
            frontend->workers[i].request_memory = (struct gw_request_memory){
                .total = &frontend->request_memory,
                .most_bytes_per_connection = config->limits.request_memory_bytes_per_connection};
        }
        serve(&control, admin_fd);
        fprintf(stderr, "sluice: stopped\n");
    }
    gw_signals_close(&control.signals);
    gw_loop_turn(control.loop, 0);
    gw_loop_destroy(control.loop);
    close_frontend(frontend);
    return failed;
}
