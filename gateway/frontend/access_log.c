#include "frontend/access_log.h"

#include "base/clock.h"

/* What a client chooses is cut, so that a line has a longest length: each byte may become 6. */
#define PATH_MAX_BYTES 2048
#define TEXT_MAX_BYTES 256
#define WORD_MAX_BYTES 64
/* Of the text about a TLS client, which is visible ASCII: each may become 2. */
#define CLIENT_MAX_BYTES 1024
#define LINE_MAX_BYTES                                                                             \
    (6 * (PATH_MAX_BYTES + 5 * TEXT_MAX_BYTES + 3 * WORD_MAX_BYTES + GW_ACCESS_LOG_ERROR_BYTES) +  \
     2 * 2 * CLIENT_MAX_BYTES + GW_ACCESS_LOG_CTX_BYTES + 1024)
_Static_assert(LINE_MAX_BYTES < GW_LINE_LOG_BUFFER_BYTES / 2, "a buffer holds several lines");

static void text(struct gw_buf *out, struct gw_slice key, struct gw_slice value, size_t most)
{
    gw_buf_append(out, key);
    gw_buf_append_json_string(out, gw_slice(value.base, value.len < most ? value.len : most));
}

static void number(struct gw_buf *out, struct gw_slice key, uint64_t value)
{
    gw_buf_append(out, key);
    gw_buf_append_u64(out, value);
}

static void tls(struct gw_buf *out, const struct gw_access_log_entry *entry)
{
    static const struct gw_tls_client nobody;
    const struct gw_tls_client *client = entry->tls_client != NULL ? entry->tls_client : &nobody;
    text(out, GW_SLICE(",\"tls_version\":"), gw_slice_str(entry->tls_version), WORD_MAX_BYTES);
    text(out, GW_SLICE(",\"tls_client_subject\":"), client->subject, CLIENT_MAX_BYTES);
    text(out, GW_SLICE(",\"tls_client_names\":"), client->names, CLIENT_MAX_BYTES);
}

struct gw_slice gw_access_log_error(gw_pool *pool, struct gw_slice message, struct gw_slice reason)
{
    if (message.len > GW_ACCESS_LOG_ERROR_BYTES)
        message.len = GW_ACCESS_LOG_ERROR_BYTES;
    return reason.len == 0
               ? gw_pool_dup(pool, message)
               : gw_pool_printf(pool, "%.*s (%.*s)", GW_SLICE_ARG(message), GW_SLICE_ARG(reason));
}

void gw_access_log_write(struct gw_line_log_writer *writer, const struct gw_access_log_entry *entry)
{
    struct gw_buf line;
    if (!gw_line_log_begin(writer, LINE_MAX_BYTES, &line))
        return;
    char time[GW_TIMESTAMP_LENGTH + 1];
    gw_clock_format(time, entry->time_us);
    gw_buf_append(&line, GW_SLICE("{\"time\":\""));
    gw_buf_append(&line, gw_slice(time, GW_TIMESTAMP_LENGTH));
    text(&line, GW_SLICE("\",\"method\":"), entry->method, WORD_MAX_BYTES);
    text(&line, GW_SLICE(",\"path\":"), entry->path, PATH_MAX_BYTES);
    text(&line, GW_SLICE(",\"route\":"), entry->route, TEXT_MAX_BYTES);
    number(&line, GW_SLICE(",\"status\":"), (uint64_t)entry->status);
    gw_buf_append(&line, GW_SLICE(",\"grpc_status\":"));
    if (entry->grpc_status >= 0)
        gw_buf_append_u64(&line, (uint64_t)entry->grpc_status);
    else
        gw_buf_append(&line, GW_SLICE("null"));
    if (entry->error.len > 0)
        text(&line, GW_SLICE(",\"error\":"), entry->error, GW_ACCESS_LOG_ERROR_BYTES);
    else
        gw_buf_append(&line, GW_SLICE(",\"error\":\"\""));
    text(&line, GW_SLICE(",\"upstream\":"), gw_slice_str(entry->upstream), TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"endpoint\":"), gw_slice_str(entry->endpoint), TEXT_MAX_BYTES);
    number(&line, GW_SLICE(",\"tries\":"), entry->tries);
    number(&line, GW_SLICE(",\"duration_us\":"), entry->duration_us);
    number(&line, GW_SLICE(",\"bytes_in\":"), entry->bytes_in);
    number(&line, GW_SLICE(",\"bytes_out\":"), entry->bytes_out);
    text(&line, GW_SLICE(",\"trace_id\":"), entry->trace_id, TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"request_id\":"), entry->request_id, TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"remote_addr\":"), entry->remote_addr, WORD_MAX_BYTES);
    if (entry->tls_version != NULL)
        tls(&line, entry);
    if (entry->ctx.len > 0 && entry->ctx.len <= GW_ACCESS_LOG_CTX_BYTES) {
        gw_buf_append(&line, GW_SLICE(",\"ctx\":"));
        gw_buf_append(&line, entry->ctx);
    }
    gw_buf_append(&line, GW_SLICE("}\n"));
    gw_line_log_end(writer, &line);
}
