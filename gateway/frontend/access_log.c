#include "frontend/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

struct gw_access_log {
    struct gw_loop *loop; /* of the writing thread */
    pthread_t thread;
    char *path;
    int fd;
    bool is_failing; /* the last write failed */
    struct gw_metrics *metrics;
    uint32_t shard; /* the writing thread's */
    gw_metric dropped;
};

struct gw_access_log_writer {
    struct gw_access_log *log;
    struct gw_loop *loop;
    struct gw_metrics_shard *shard;
    struct buffer *current;
    struct gw_timer flush;
    struct shared *shared;
};

/* From a writer to the file and back; outlives the writer while there are buffers under way. */
struct shared {
    uint32_t backlog;     /* atomic: buffers under way */
    struct buffer *spare; /* atomic: one that is written, to be filled again; may be NULL */
};

struct buffer {
    struct gw_message message;
    struct gw_access_log *log;
    struct shared *shared;
    size_t len;
    char bytes[GW_ACCESS_LOG_BUFFER_BYTES];
};

/* What a client chooses is cut, so that a line has a longest length: each byte may become 6. */
#define PATH_MAX_BYTES 2048
#define TEXT_MAX_BYTES 256
/* Of the text about a TLS client, which is visible ASCII: each may become 2. */
#define CLIENT_MAX_BYTES 1024
#define LINE_MAX_BYTES                                                                             \
    (6 * (PATH_MAX_BYTES + 8 * TEXT_MAX_BYTES) + 2 * 2 * CLIENT_MAX_BYTES +                        \
     GW_ACCESS_LOG_CTX_BYTES + 1024)
_Static_assert(LINE_MAX_BYTES < GW_ACCESS_LOG_BUFFER_BYTES / 2, "a buffer holds several lines");

static size_t count_lines(const char *bytes, size_t len)
{
    size_t lines = 0;
    const char *end = bytes + len;
    while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        lines++;
        bytes++;
    }
    return lines;
}

/* A full disk or a reader that left must not end the gateway, nor fill its own log. */
static void drop(struct gw_access_log *log, const char *bytes, size_t len)
{
    if (!log->is_failing)
        fprintf(stderr, "sluice: access log %s: %s\n", log->path, strerror(errno));
    log->is_failing = true;
    gw_count(gw_metrics_shard(log->metrics, log->shard), log->dropped, count_lines(bytes, len));
}

static void write_all(struct gw_access_log *log, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(log->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            drop(log, bytes, len);
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
    log->is_failing = false;
}

static void on_buffer(struct gw_message *message)
{
    struct buffer *b = H2O_STRUCT_FROM_MEMBER(struct buffer, message, message);
    struct shared *shared = b->shared;
    write_all(b->log, b->bytes, b->len);
    free(__atomic_exchange_n(&shared->spare, b, __ATOMIC_ACQ_REL));
    __atomic_fetch_sub(&shared->backlog, 1, __ATOMIC_RELEASE);
}

static void *run(void *arg)
{
    struct gw_access_log *log = arg;
    gw_loop_run(log->loop);
    return NULL;
}

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDOUT_FILENO;
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void destroy(struct gw_access_log *log)
{
    gw_loop_destroy(log->loop);
    if (log->fd != STDOUT_FILENO)
        close(log->fd);
    free(log->path);
    free(log);
}

struct gw_access_log *gw_access_log_open(const char *path, struct gw_metrics *metrics,
                                         uint32_t shard, struct gw_error *error)
{
    int fd = open_path(path);
    if (fd < 0) {
        gw_error_set(error, GW_INTERNAL, GW_NO_POSITION, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct gw_access_log *log = gw_alloc(sizeof(*log));
    log->path = gw_strdup(gw_slice_str(path));
    log->fd = fd;
    log->loop = gw_loop_create();
    log->metrics = metrics;
    log->shard = shard;
    log->dropped = gw_metrics_add(
        metrics, GW_COUNTER, "sluice_access_log_dropped_total",
        "Access log lines dropped because the file fell behind or could not be written.", NULL, 0);
    int failed = pthread_create(&log->thread, NULL, run, log);
    if (failed != 0) {
        gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot start the access log: %s",
                     strerror(failed));
        destroy(log);
        return NULL;
    }
    return log;
}

struct control {
    struct gw_message message;
    struct gw_access_log *log;
};

static void on_stop(struct gw_message *message)
{
    struct control *c = H2O_STRUCT_FROM_MEMBER(struct control, message, message);
    gw_loop_stop(c->log->loop);
    free(c);
}

static void on_reopen(struct gw_message *message)
{
    struct control *c = H2O_STRUCT_FROM_MEMBER(struct control, message, message);
    int fd = open_path(c->log->path);
    if (fd < 0)
        fprintf(stderr, "sluice: access log %s: %s\n", c->log->path, strerror(errno));
    if (fd >= 0 && fd != c->log->fd) {
        close(c->log->fd);
        c->log->fd = fd;
    }
    free(c);
}

static void post(struct gw_access_log *log, gw_message_fn fn)
{
    struct control *c = gw_alloc(sizeof(*c));
    c->message.fn = fn;
    c->log = log;
    gw_loop_post(log->loop, &c->message);
}

void gw_access_log_reopen(struct gw_access_log *log)
{
    post(log, on_reopen);
}

void gw_access_log_close(struct gw_access_log *log)
{
    if (log == NULL)
        return;
    post(log, on_stop); /* behind the last buffer */
    pthread_join(log->thread, NULL);
    destroy(log);
}

/* --- a worker's side --- */

static void hand_over(struct gw_access_log_writer *writer)
{
    struct buffer *b = writer->current;
    if (b == NULL)
        return;
    writer->current = NULL;
    gw_timer_stop(writer->loop, &writer->flush);
    __atomic_fetch_add(&writer->shared->backlog, 1, __ATOMIC_RELAXED);
    gw_loop_post(writer->log->loop, &b->message);
}

static void on_flush(struct gw_timer *timer)
{
    hand_over(H2O_STRUCT_FROM_MEMBER(struct gw_access_log_writer, flush, timer));
}

struct gw_access_log_writer *gw_access_log_writer_create(struct gw_access_log *log,
                                                         struct gw_loop *loop,
                                                         struct gw_metrics_shard *shard)
{
    struct gw_access_log_writer *writer = gw_alloc(sizeof(*writer));
    writer->log = log;
    writer->loop = loop;
    writer->shard = shard;
    writer->flush.fn = on_flush;
    writer->shared = gw_alloc(sizeof(*writer->shared));
    return writer;
}

struct last_words {
    struct gw_message message;
    struct shared *shared;
};

static void on_last_words(struct gw_message *message)
{
    struct last_words *l = H2O_STRUCT_FROM_MEMBER(struct last_words, message, message);
    free(l->shared->spare);
    free(l->shared);
    free(l);
}

void gw_access_log_writer_destroy(struct gw_access_log_writer *writer)
{
    if (writer == NULL)
        return;
    hand_over(writer);
    /* What is shared goes when the last buffer, which is before this message, has. */
    struct last_words *l = gw_alloc(sizeof(*l));
    l->message.fn = on_last_words;
    l->shared = writer->shared;
    gw_loop_post(writer->log->loop, &l->message);
    free(writer);
}

static struct buffer *create_buffer(struct gw_access_log_writer *writer)
{
    struct buffer *b = __atomic_exchange_n(&writer->shared->spare, NULL, __ATOMIC_ACQ_REL);
    if (b == NULL)
        b = h2o_mem_alloc(sizeof(*b));
    b->message.fn = on_buffer;
    b->log = writer->log;
    b->shared = writer->shared;
    b->len = 0;
    return b;
}

/* Room for a line, or NULL when the file is behind. */
static struct buffer *room(struct gw_access_log_writer *writer)
{
    if (writer->current != NULL &&
        sizeof(writer->current->bytes) - writer->current->len < LINE_MAX_BYTES)
        hand_over(writer);
    if (writer->current == NULL) {
        if (__atomic_load_n(&writer->shared->backlog, __ATOMIC_ACQUIRE) >= GW_ACCESS_LOG_BACKLOG)
            return NULL;
        writer->current = create_buffer(writer);
        gw_timer_start(writer->loop, &writer->flush,
                       gw_loop_now_ms(writer->loop) + GW_ACCESS_LOG_DELAY_MS);
    }
    return writer->current;
}

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
    text(out, GW_SLICE(",\"tls_version\":"), gw_slice_str(entry->tls_version), TEXT_MAX_BYTES);
    text(out, GW_SLICE(",\"tls_client_subject\":"), client->subject, CLIENT_MAX_BYTES);
    text(out, GW_SLICE(",\"tls_client_names\":"), client->names, CLIENT_MAX_BYTES);
}

void gw_access_log_write(struct gw_access_log_writer *writer,
                         const struct gw_access_log_entry *entry)
{
    struct buffer *b = room(writer);
    if (b == NULL) {
        gw_count(writer->shard, writer->log->dropped, 1);
        return;
    }
    /* A view of the buffer's rest; room() saw to it that the line fits, so it never grows. */
    struct gw_buf line = {b->bytes + b->len, 0, sizeof(b->bytes) - b->len, NULL};
    char time[GW_TIMESTAMP_LENGTH + 1];
    gw_clock_format(time, entry->time_us);
    gw_buf_append(&line, GW_SLICE("{\"time\":\""));
    gw_buf_append(&line, gw_slice(time, GW_TIMESTAMP_LENGTH));
    text(&line, GW_SLICE("\",\"method\":"), entry->method, TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"path\":"), entry->path, PATH_MAX_BYTES);
    text(&line, GW_SLICE(",\"route\":"), entry->route, TEXT_MAX_BYTES);
    number(&line, GW_SLICE(",\"status\":"), (uint64_t)entry->status);
    gw_buf_append(&line, GW_SLICE(",\"grpc_status\":"));
    if (entry->grpc_status >= 0)
        gw_buf_append_u64(&line, (uint64_t)entry->grpc_status);
    else
        gw_buf_append(&line, GW_SLICE("null"));
    text(&line, GW_SLICE(",\"upstream\":"), gw_slice_str(entry->upstream), TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"endpoint\":"), gw_slice_str(entry->endpoint), TEXT_MAX_BYTES);
    number(&line, GW_SLICE(",\"tries\":"), entry->tries);
    number(&line, GW_SLICE(",\"duration_us\":"), entry->duration_us);
    number(&line, GW_SLICE(",\"bytes_in\":"), entry->bytes_in);
    number(&line, GW_SLICE(",\"bytes_out\":"), entry->bytes_out);
    text(&line, GW_SLICE(",\"trace_id\":"), entry->trace_id, TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"request_id\":"), entry->request_id, TEXT_MAX_BYTES);
    text(&line, GW_SLICE(",\"remote_addr\":"), entry->remote_addr, TEXT_MAX_BYTES);
    if (entry->tls_version != NULL)
        tls(&line, entry);
    if (entry->ctx.len > 0 && entry->ctx.len <= GW_ACCESS_LOG_CTX_BYTES) {
        gw_buf_append(&line, GW_SLICE(",\"ctx\":"));
        gw_buf_append(&line, entry->ctx);
    }
    gw_buf_append(&line, GW_SLICE("}\n"));
    b->len += line.len;
}
