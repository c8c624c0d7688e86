/* The input is what a client sends behind HTTP/2's preface, in one piece. Requests go all the way
 * to a backend that is not there. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/connection.h"
#include "frontend/exchange.h"
#include "frontend/http2.h"
#include "frontend/internal.h"
#include "frontend/listener.h"
#include "frontend/request_headers.h"

static const char config_text[] =
    "listen: [{address: 127.0.0.1:0}]\n"
    "limits: {request_body: 1KiB, header_count: 10, header_bytes: 1KiB, concurrent_streams: 3,\n"
    "         early_resets: 4, control_frames: 10}\n"
    "schema: {descriptor_sets: [" GW_BUILD_ROOT "/proto/services.binpb]}\n"
    "upstreams:\n"
    "  - {name: user, endpoints: [{address: 127.0.0.1:1}]}\n"
    "routes:\n"
    "  - {annotations: user.v1.UserService, upstream: user}\n"
    "tracing: {}\n";

static struct gw_frontend frontend;
static struct gw_worker worker;
static struct gw_listener listener = {.worker = &worker};

static void open_worker(void)
{
    struct gw_diagnostics errors = {0};
    struct gw_config *config = gw_config_parse("fuzz.yaml", gw_slice_str(config_text), &errors);
    frontend.config = config;
    frontend.snapshot = config != NULL ? gw_snapshot_create(config, &errors) : NULL;
    if (frontend.snapshot == NULL)
        abort();
    frontend.metrics = gw_metrics_create(1);
    frontend.http_metrics = gw_http_metrics_create(frontend.metrics, frontend.snapshot);
    frontend.upstream_set =
        gw_upstream_set_create(config->upstreams, config->upstream_count, 1, frontend.metrics);
    gw_metrics_freeze(frontend.metrics);
    gw_header_kinds_init(&frontend.header_kinds, config);
    h2o_config_init(&frontend.h2o);
    gw_exchange_register(
        h2o_config_register_host(&frontend.h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535));
    worker.frontend = &frontend;
    worker.loop = gw_loop_create();
    worker.shard = gw_metrics_shard(frontend.metrics, 0);
    h2o_context_init(&worker.h2o, gw_loop_h2o(worker.loop), &frontend.h2o);
    h2o_linklist_init_anchor(&worker.connections);
    worker.http2 = gw_http2_create(&worker);
    worker.upstreams = gw_upstreams_create(frontend.upstream_set, worker.loop, worker.shard, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    if (worker.loop == NULL)
        open_worker();
    int fds[2];
    if (size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        return 0;
    worker.connection_count = frontend.total_connections = 1;
    gw_connection_accept(&listener, fds[0]);
    if (write(fds[1], preface, sizeof(preface) - 1) < 0 || write(fds[1], data, size) < 0)
        abort();
    char answer[4096];
    for (int i = 0; i < 4; i++) {
        gw_loop_turn(worker.loop, 0);
        while (read(fds[1], answer, sizeof(answer)) > 0)
            ;
    }
    gw_http2_sweep(worker.http2);
    close(fds[1]);
    for (int i = 0; i < 100 && worker.connection_count > 0; i++)
        gw_loop_turn(worker.loop, 0);
    if (worker.connection_count > 0)
        abort();
    return 0;
}
