/* The access log: one JSON object a line. Workers format lines into buffers of their own; a thread
 * writes them to the file, so that a slow disk or reader never holds a worker. When the file falls
 * behind by more than GW_ACCESS_LOG_BACKLOG buffers of a worker, or cannot be written, lines are
 * dropped and counted. */
#ifndef GW_FRONTEND_ACCESS_LOG_H
#define GW_FRONTEND_ACCESS_LOG_H

#include "base/error.h"
#include "base/loop.h"
#include "metrics/metrics.h"
#include "tls/client.h"

#define GW_ACCESS_LOG_BUFFER_BYTES 65536
#define GW_ACCESS_LOG_BACKLOG 64
/* A line is written at the latest after this. */
#define GW_ACCESS_LOG_DELAY_MS 100

struct gw_access_log;

/* "-" is standard output. Registers its metric; `shard` is the number of the writing thread's own
 * shard, first used when the writers are. */
struct gw_access_log *gw_access_log_open(const char *path, struct gw_metrics *metrics,
                                         uint32_t shard, struct gw_error *error);
/* Writes what is left. After the workers' writers are closed. NULL is allowed. */
void gw_access_log_close(struct gw_access_log *log);
/* Opens the path again (after it was renamed), or keeps the file where that fails; any thread. */
void gw_access_log_reopen(struct gw_access_log *log);

/* A worker's side; worker-local. */
struct gw_access_log_writer;
struct gw_access_log_writer *gw_access_log_writer_create(struct gw_access_log *log,
                                                         struct gw_loop *loop,
                                                         struct gw_metrics_shard *shard);
/* Hands over what is left. NULL is allowed. */
void gw_access_log_writer_destroy(struct gw_access_log_writer *writer);

/* Longest `ctx`. */
#define GW_ACCESS_LOG_CTX_BYTES 3000

struct gw_access_log_entry {
    int64_t time_us;              /* wall clock, when the request came */
    struct gw_slice method, path; /* path without the query */
    struct gw_slice route;        /* template; empty: none */
    int status;
    int grpc_status;      /* negative: there was no call */
    const char *upstream; /* NULL: none */
    const char *endpoint; /* NULL: none */
    uint32_t tries;
    uint64_t duration_us, bytes_in, bytes_out;
    struct gw_slice trace_id, request_id, remote_addr;
    const char *tls_version; /* "TLSv1.3"; NULL: plain text, and no fields about it */
    const struct gw_tls_client *tls_client; /* NULL: none known */
    struct gw_slice ctx;                    /* what hooks say, a JSON object; empty: nothing */
};
void gw_access_log_write(struct gw_access_log_writer *writer,
                         const struct gw_access_log_entry *entry);

#endif
