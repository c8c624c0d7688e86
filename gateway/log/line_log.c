#include "log/line_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/print.h"

struct gw_line_log {
    struct gw_loop *loop; /* of the writing thread */
    pthread_t thread;
    const char *name;
    char *path; /* NULL: standard error */
    int fd;
    bool is_failing; /* the last write failed */
    struct gw_metrics *metrics;
    uint32_t shard; /* the writing thread's */
    gw_metric dropped;
};

struct gw_line_log_writer {
    struct gw_line_log *log;
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
    struct gw_line_log *log;
    struct shared *shared;
    size_t len;
    char bytes[GW_LINE_LOG_BUFFER_BYTES];
};

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

static void complain(const struct gw_line_log *log)
{
    gw_print_line(stderr, "sluice: %s %s: %s", log->name, log->path, strerror(errno));
}

/* A full disk or a reader that left must not end the gateway, nor fill its own log. */
static void drop(struct gw_line_log *log, const char *bytes, size_t len)
{
    if (!log->is_failing && log->fd != STDERR_FILENO)
        complain(log);
    log->is_failing = true;
    gw_count(gw_metrics_shard(log->metrics, log->shard), log->dropped, count_lines(bytes, len));
}

static void write_all(struct gw_line_log *log, const char *bytes, size_t len)
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
    struct gw_line_log *log = arg;
    gw_loop_run(log->loop);
    return NULL;
}

static int open_path(const char *path)
{
    if (path == NULL)
        return STDERR_FILENO;
    if (strcmp(path, "-") == 0)
        return STDOUT_FILENO;
    /* A FIFO that nobody reads is an error, not a start that waits for its reader. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static void destroy(struct gw_line_log *log)
{
    gw_loop_destroy(log->loop);
    if (log->fd > STDERR_FILENO)
        close(log->fd);
    free(log->path);
    free(log);
}

struct gw_line_log *gw_line_log_open(const struct gw_line_log_options *options,
                                     struct gw_error *error)
{
    int fd = open_path(options->path);
    if (fd < 0) {
        gw_error_set(error, GW_INTERNAL, GW_NO_POSITION, "%s: %s", options->path, strerror(errno));
        return NULL;
    }
    struct gw_line_log *log = gw_alloc(sizeof(*log));
    log->name = options->name;
    log->path = options->path != NULL ? gw_strdup(gw_slice_str(options->path)) : NULL;
    log->fd = fd;
    log->loop = gw_loop_create();
    log->metrics = options->metrics;
    log->shard = options->shard;
    log->dropped = gw_metrics_add(options->metrics, GW_COUNTER, options->dropped_family,
                                  options->dropped_help, NULL, 0);
    int failed = pthread_create(&log->thread, NULL, run, log);
    if (failed != 0) {
        gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot start the %s: %s",
                     options->name, strerror(failed));
        destroy(log);
        return NULL;
    }
    return log;
}

struct control {
    struct gw_message message;
    struct gw_line_log *log;
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
        complain(c->log);
    if (fd >= 0 && fd != c->log->fd) {
        close(c->log->fd);
        c->log->fd = fd;
    }
    free(c);
}

static void post(struct gw_line_log *log, gw_message_fn fn)
{
    struct control *c = gw_alloc(sizeof(*c));
    c->message.fn = fn;
    c->log = log;
    gw_loop_post(log->loop, &c->message);
}

void gw_line_log_reopen(struct gw_line_log *log)
{
    post(log, on_reopen);
}

void gw_line_log_close(struct gw_line_log *log)
{
    if (log == NULL)
        return;
    post(log, on_stop); /* behind the last buffer */
    pthread_join(log->thread, NULL);
    destroy(log);
}

/* --- a writer --- */

static void hand_over(struct gw_line_log_writer *writer)
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
    hand_over(H2O_STRUCT_FROM_MEMBER(struct gw_line_log_writer, flush, timer));
}

struct gw_line_log_writer *gw_line_log_writer_create(struct gw_line_log *log, struct gw_loop *loop,
                                                     struct gw_metrics_shard *shard)
{
    struct gw_line_log_writer *writer = gw_alloc(sizeof(*writer));
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

void gw_line_log_writer_destroy(struct gw_line_log_writer *writer)
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

static struct buffer *create_buffer(struct gw_line_log_writer *writer)
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
static struct buffer *room(struct gw_line_log_writer *writer, size_t most_bytes)
{
    if (writer->current != NULL &&
        sizeof(writer->current->bytes) - writer->current->len < most_bytes)
        hand_over(writer);
    if (writer->current == NULL) {
        if (__atomic_load_n(&writer->shared->backlog, __ATOMIC_ACQUIRE) >= GW_LINE_LOG_BACKLOG)
            return NULL;
        writer->current = create_buffer(writer);
        gw_timer_start(writer->loop, &writer->flush,
                       gw_loop_now_ms(writer->loop) + GW_LINE_LOG_DELAY_MS);
    }
    return writer->current;
}

bool gw_line_log_begin(struct gw_line_log_writer *writer, size_t most_bytes,
                       struct gw_buf *ret_line)
{
    struct buffer *b = most_bytes <= GW_LINE_LOG_BUFFER_BYTES ? room(writer, most_bytes) : NULL;
    if (b == NULL) {
        gw_count(writer->shard, writer->log->dropped, 1);
        return false;
    }
    *ret_line = (struct gw_buf){b->bytes + b->len, 0, sizeof(b->bytes) - b->len, NULL};
    return true;
}

void gw_line_log_end(struct gw_line_log_writer *writer, const struct gw_buf *line)
{
    writer->current->len += line->len;
}
