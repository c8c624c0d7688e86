/* What the files of this folder share; nobody else includes it. */
#ifndef GW_FRONTEND_INTERNAL_H
#define GW_FRONTEND_INTERNAL_H

#include <h2o.h>
#include <pthread.h>

#include "base/background.h"
#include "base/loop.h"
#include "base/strmap.h"
#include "frontend/access_log.h"
#include "frontend/descriptors.h"
#include "frontend/http_metrics.h"
#include "frontend/answer_memory.h"
#include "frontend/request_memory.h"
#include "frontend/shortage.h"
#include "frontend/upstream_log.h"
#include "metrics/metrics.h"
#include "runtime/snapshot.h"
#include "tls/handshake.h"
#include "upstream/upstream.h"

struct gw_address_limit;
struct gw_certificates;
struct gw_files;
struct gw_hook_set;
struct gw_hook_vm;
struct gw_http2;
struct gw_worker;

/* The process: made by the control thread before the workers start, read-only afterwards but for
 * what says otherwise. */
struct gw_frontend {
    const struct gw_snapshot *snapshot;
    const struct gw_config *config;
    struct gw_metrics *metrics;
    struct gw_http_metrics *http_metrics;
    struct gw_upstream_set *upstream_set;
    struct gw_line_log *access_log; /* NULL: off */
    struct gw_line_log *hook_log;   /* standard error; NULL: no hooks */
    struct gw_strmap header_kinds;  /* see request_headers.c */
    h2o_globalconf_t h2o;
    struct gw_files *files;                 /* NULL: no route leads to files */
    struct gw_hook_set *hooks;              /* NULL: none are configured */
    int *listen_fds;                        /* as config->listeners */
    struct gw_certificates *certificates;   /* control thread's */
    struct gw_address_limit *address_limit; /* NULL: none */
    struct gw_worker *workers;
    uint32_t worker_count;
    uint32_t control_shard;    /* of metrics: the control thread's */
    pthread_barrier_t started; /* of the workers, which then accept, and the control thread */
    struct gw_loop *control_loop;
    int is_ready;               /* atomic; /ready */
    uint32_t ended_workers;     /* control thread's */
    uint32_t total_connections; /* atomic */
    uint32_t open_files;        /* atomic; that are answered with */
    struct gw_descriptor_shares descriptors;
    struct gw_shortages shortages;
    struct gw_upstream_log upstream_log;
    struct gw_request_memory_total request_memory;
    gw_metric build_info, open_connections, rejected_connections, request_memory_bytes;
    gw_metric handshakes[GW_TLS_OUTCOMES + 1]; /* by enum gw_tls_outcome; the last: too slow */
};

/* One thread that serves requests. */
struct gw_worker {
    struct gw_frontend *frontend;
    uint32_t index;
    pthread_t thread;
    struct gw_loop *loop;
    h2o_context_t h2o;
    struct gw_metrics_shard *shard;
    struct gw_upstreams *upstreams;
    struct gw_line_log_writer *access_log; /* NULL: off */
    struct gw_line_log_writer *hook_log;   /* NULL: no hooks */
    struct gw_listener *listeners;         /* as config->listeners */
    h2o_linklist_t connections;
    h2o_linklist_t websockets;
    struct gw_hook_vm *hook_vm; /* NULL: no hooks are configured */
    h2o_linklist_t hooked;      /* requests that have hooks */
    struct gw_http2 *http2;
    struct gw_timer sweep;
    struct gw_request_memory request_memory;
    struct gw_answer_queue answers; /* that wait for memory */
    struct gw_background background;
    uint32_t connection_count; /* atomic: whoever accepts reads all workers' */
    bool draining, ending;     /* ending: the loop has stopped */
    uint64_t drain_deadline_ms, close_idle_ms;
    struct gw_message drain_message, end_message;
};

static inline struct gw_worker *gw_worker_of(h2o_context_t *context)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_worker, h2o, context);
}

#endif
