/* A worker without a thread of its own, for tests that drive its loop: HTTP on socket pairs, the
 * routes of user.v1.UserService and, with a method that streams both ways, of reflection, and a
 * backend that is not there. */
#ifndef GW_TEST_WORKER_FIXTURE_H
#define GW_TEST_WORKER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "frontend/connection.h"
#include "frontend/exchange.h"
#include "frontend/http2.h"
#include "frontend/internal.h"
#include "frontend/listener.h"
#include "frontend/request_headers.h"

struct worker_fixture {
    struct gw_frontend frontend;
    struct gw_worker worker;
    struct gw_listener listener;
    struct gw_config *config;
};

static struct gw_config *fixture_config(const char *build_root, const char *limits)
{
    char text[4096];
    snprintf(text, sizeof(text),
             "listen: [{address: 127.0.0.1:0}]\n"
             "limits: {%s}\n"
             "schema: {descriptor_sets: [%s/proto/services.binpb]}\n"
             "upstreams: [{name: user, endpoints: [{address: 127.0.0.1:1}]}]\n"
             "routes:\n"
             "  - {annotations: user.v1.UserService, upstream: user}\n"
             "  - {service: user.v1.UserService, upstream: user}\n"
             "  - {service: grpc.reflection.v1.ServerReflection, upstream: user}\n"
             "tracing: {}\n",
             limits, build_root);
    struct gw_diagnostics errors = {0};
    return gw_config_parse("/test.yaml", gw_slice_str(text), &errors);
}

/* `register_paths` (NULL is allowed) adds paths of the test's own. */
static void fixture_open(struct worker_fixture *f, const char *build_root, const char *limits,
                         void (*register_paths)(h2o_hostconf_t *host))
{
    struct gw_frontend *frontend = &f->frontend;
    struct gw_worker *worker = &f->worker;
    struct gw_diagnostics errors = {0};
    *f = (struct worker_fixture){.config = fixture_config(build_root, limits)};
    frontend->config = f->config;
    frontend->snapshot = f->config != NULL ? gw_snapshot_create(f->config, &errors) : NULL;
    if (frontend->snapshot == NULL)
        abort();
    frontend->metrics = gw_metrics_create(1);
    frontend->http_metrics = gw_http_metrics_create(frontend->metrics, frontend->snapshot);
    frontend->upstream_set = gw_upstream_set_create(f->config->upstreams, f->config->upstream_count,
                                                    1, frontend->metrics);
    gw_metrics_freeze(frontend->metrics);
    gw_header_kinds_init(&frontend->header_kinds, f->config);
    h2o_config_init(&frontend->h2o);
    frontend->h2o.server_name = h2o_iovec_init(H2O_STRLIT("sluice"));
    h2o_hostconf_t *host =
        h2o_config_register_host(&frontend->h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    if (register_paths != NULL)
        register_paths(host);
    gw_exchange_register(host);
    worker->frontend = frontend;
    frontend->request_memory.most_bytes = f->config->limits.request_memory_bytes;
    worker->request_memory = (struct gw_request_memory){
        .total = &frontend->request_memory,
        .most_bytes_per_connection = f->config->limits.request_memory_bytes_per_connection};
    worker->loop = gw_loop_create();
    frontend->control_loop = worker->loop;
    worker->shard = gw_metrics_shard(frontend->metrics, 0);
    h2o_context_init(&worker->h2o, gw_loop_h2o(worker->loop), &frontend->h2o);
    h2o_linklist_init_anchor(&worker->connections);
    f->listener.worker = worker;
    worker->http2 = gw_http2_create(worker);
    worker->upstreams = gw_upstreams_create(frontend->upstream_set, worker->loop, worker->shard, 0);
}

/* The client's end of a new connection, non-blocking. */
static int fixture_connect(struct worker_fixture *f)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    f->worker.connection_count++;
    f->frontend.total_connections++;
    gw_connection_accept(&f->listener, fds[0], &(struct gw_peer){{0}});
    return fds[1];
}

#endif
