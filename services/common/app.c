#include "common/app.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/open_files.h"
#include "base/print.h"
#include "base/signals.h"
#include "common/call_metrics.h"
#include "common/descriptor_set.h"
#include "common/options.h"
#include "common/page.h"
#include "grpc/health.h"
#include "grpc/reflection.h"

/* Clients at a time, where the process may have as many descriptors. */
#define CONNECTIONS_MAX 10000
/* Descriptors for the database and its journal, and for the pages. */
#define RESERVE (16 + GW_PAGES_CONNECTIONS_MAX)
/* How long calls may take to finish once the end is announced. */
#define SHUTDOWN_TIMEOUT_MS 10000

struct instance {
    const struct gw_app *app;
    struct gw_options options;
    char server_id[64];
    struct gw_loop *loop;
    struct gw_db *db;
    struct gw_metrics *metrics;
    struct gw_call_metrics *calls;
    struct gw_grpc_server *server;
    struct gw_health *health;
    struct gw_reflection *reflection;
    struct gw_pages *pages;
    struct gw_signals signals;
    bool stopping;
};

static int complain(const struct gw_app *app, const char *about, const char *problem)
{
    gw_print_line(stderr, "%s: %s: %s", app->name, about, problem);
    return -1;
}

/* --- pages --- */

static int write_health(void *arg, struct gw_buf *body)
{
    struct instance *self = arg;
    char now[GW_TIMESTAMP_LENGTH + 1];
    gw_clock_format(now, gw_clock_wall_us());
    int64_t count = 0;
    bool works = gw_db_run_number(self->db, self->app->schema->count_statement, &count) == 0;
    gw_buf_printf(body, "{\"status\":\"%s\",\"service\":\"%s\",\"version\":",
                  self->stopping ? "stopping"
                  : works        ? "healthy"
                                 : "unhealthy",
                  self->app->name);
    gw_buf_append_json_string(body, gw_slice_str(self->options.version));
    gw_buf_printf(body, ",\"server_id\":\"%s\",\"timestamp\":\"%s\"", self->server_id, now);
    if (works)
        gw_buf_printf(body, ",\"%s\":%lld", self->app->count_name, (long long)count);
    gw_buf_append(body, GW_SLICE("}\n"));
    return works && !self->stopping ? 200 : 503;
}

static int write_metrics(void *arg, struct gw_buf *body)
{
    struct instance *self = arg;
    gw_metrics_expose(self->metrics, body);
    return 200;
}

static const struct gw_page pages[] = {
    {"/health", "application/json", write_health},
    {"/metrics", "text/plain; version=0.0.4", write_metrics},
    {0},
};

/* --- stopping --- */

static void on_shut_down(void *arg)
{
    struct instance *self = arg;
    gw_loop_stop(self->loop);
}

static void on_signal(void *arg, enum gw_signal_wish wish)
{
    struct instance *self = arg;
    switch (wish) {
    case GW_SIGNAL_DRAIN:
        self->stopping = true;
        gw_health_stop(self->health);
        gw_grpc_server_shutdown(self->server, SHUTDOWN_TIMEOUT_MS, on_shut_down, self);
        break;
    case GW_SIGNAL_STOP:
        gw_loop_stop(self->loop);
        break;
    case GW_SIGNAL_RELOAD:
    case GW_SIGNAL_REOPEN:
    case GW_SIGNAL_REPLACE:
        complain(self->app, "SIGHUP, SIGUSR1 and SIGUSR2", "nothing to do, going on");
        break;
    case GW_SIGNAL_NOTHING:
        break;
    }
}

static int watch_signals(struct instance *self)
{
    struct gw_error error;
    return gw_signals_open(&self->signals, self->loop, on_signal, self, &error) == 0
               ? 0
               : complain(self->app, "start", error.message);
}

/* --- starting --- */

static int listen_on(const struct addrinfo *address)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A listening socket, or -1 after having said why not. */
static int open_port(const struct instance *self, uint16_t port)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *address;
    char service[8], about[128];
    snprintf(service, sizeof(service), "%u", port);
    snprintf(about, sizeof(about), "%s port %u", self->options.address, port);
    int error = getaddrinfo(self->options.address, service, &hints, &address);
    if (error != 0)
        return complain(self->app, about, gai_strerror(error));
    int fd = listen_on(address);
    freeaddrinfo(address);
    return fd >= 0 ? fd : complain(self->app, about, strerror(errno));
}

/* Clients that are idle must not keep the pages from answering. */
static uint32_t connections_max(void)
{
    uint64_t limit = gw_open_files_raise(), open = gw_open_files_count();
    uint64_t left = limit > open ? limit - open : 1;
    uint64_t most = left - (left / 2 < RESERVE ? left / 2 : RESERVE);
    return most < CONNECTIONS_MAX ? (uint32_t)most : CONNECTIONS_MAX;
}

static int start_grpc(struct instance *self)
{
    struct gw_error error;
    int fd = open_port(self, self->options.port);
    if (fd < 0)
        return -1;
    struct gw_grpc_server_options options = {
        .limits.max_connections = connections_max(),
        .on_call_end = gw_call_metrics_on_call_end,
        .arg = self->calls,
    };
    self->server = gw_grpc_server_create(self->loop, &options);
    gw_service_add(self->server, self->app->service, self->app->methods, self->db);
    self->health = gw_health_create(self->server);
    gw_health_set(self->health, gw_slice_str(self->app->service->name), GW_HEALTH_SERVING);
    self->reflection = gw_reflection_create(
        self->server, gw_descriptor_set(),
        (const char *const[]){self->app->service->name, "grpc.health.v1.Health",
                              "grpc.reflection.v1.ServerReflection",
                              "grpc.reflection.v1alpha.ServerReflection", NULL},
        &error);
    if (self->reflection == NULL) {
        close(fd);
        return complain(self->app, "reflection", error.message);
    }
    gw_grpc_server_listen(self->server, fd);
    return 0;
}

static int start_pages(struct instance *self)
{
    int fd = open_port(self, self->options.health_port);
    if (fd < 0)
        return -1;
    self->pages = gw_pages_create(self->loop, fd, pages, self);
    return 0;
}

static int start(struct instance *self)
{
    struct gw_error error;
    snprintf(self->server_id, sizeof(self->server_id), "%s-%u", self->app->server_name,
             self->options.port);
    self->db = gw_db_open(self->options.db, self->app->schema, &error);
    if (self->db == NULL)
        return complain(self->app, self->options.db, error.message);
    self->loop = gw_loop_create();
    self->metrics = gw_metrics_create(1);
    self->calls = gw_call_metrics_create(self->metrics, self->app->service);
    if (watch_signals(self) != 0 || start_grpc(self) != 0 || start_pages(self) != 0)
        return -1;
    fprintf(stderr, "%s %s: gRPC on %s port %u, /health and /metrics on port %u, data in %s\n",
            self->app->name, self->options.version, self->options.address, self->options.port,
            self->options.health_port, self->options.db);
    return 0;
}

/* Also of what has started only half. */
static void dispose(struct instance *self)
{
    gw_pages_destroy(self->pages);
    gw_grpc_server_destroy(self->server);
    gw_reflection_destroy(self->reflection);
    gw_health_destroy(self->health);
    gw_signals_close(&self->signals);
    gw_call_metrics_destroy(self->calls);
    gw_metrics_destroy(self->metrics);
    gw_db_close(self->db);
    gw_loop_destroy(self->loop);
}

int gw_app_main(const struct gw_app *app, int argc, char **argv)
{
    struct instance self = {.app = app};
    gw_signals_hold();
    int outcome = gw_options_parse(argc, argv, app->name, app->port, &self.options);
    if (outcome != GW_OPTIONS_RUN)
        return outcome == GW_OPTIONS_HELP ? 0 : 2;
    int result = start(&self);
    if (result == 0)
        gw_loop_run(self.loop);
    dispose(&self);
    return result == 0 ? 0 : 1;
}
