/* The lines of the access log: a JSON object for each request. */
#ifndef GW_FRONTEND_ACCESS_LOG_H
#define GW_FRONTEND_ACCESS_LOG_H

#include "log/line_log.h"
#include "tls/client.h"

/* Longest `ctx`. */
#define GW_ACCESS_LOG_CTX_BYTES 3000
/* As much is written of `error`. */
#define GW_ACCESS_LOG_ERROR_BYTES 512

struct gw_access_log_entry {
    int64_t time_us;              /* wall clock, when the request came */
    struct gw_slice method, path; /* path without the query */
    struct gw_slice route;        /* template; empty: none */
    int status;
    int grpc_status;       /* negative: there was no call */
    struct gw_slice error; /* what the client was told, and what lies behind it; empty: no error */
    const char *upstream;  /* NULL: none */
    const char *endpoint;  /* NULL: none */
    uint32_t tries;
    uint64_t duration_us, bytes_in, bytes_out;
    struct gw_slice trace_id, request_id, remote_addr;
    const char *tls_version; /* "TLSv1.3"; NULL: plain text, and no fields about it */
    const struct gw_tls_client *tls_client; /* NULL: none known */
    struct gw_slice ctx;                    /* what hooks say, a JSON object; empty: nothing */
};
/* `error` of an entry, in the pool, of what the client was told and what it was not (empty:
 * nothing). */
struct gw_slice gw_access_log_error(gw_pool *pool, struct gw_slice message, struct gw_slice reason);

void gw_access_log_write(struct gw_line_log_writer *writer,
                         const struct gw_access_log_entry *entry);

#endif
