/* Lines that threads write to a file without waiting for it: each fills buffers of its own, and a
 * thread writes them, so that a slow disk or reader never holds them. When the file falls
 * behind by more than GW_LINE_LOG_BACKLOG buffers of one of them, or cannot be written, lines are
 * dropped and counted. */
#ifndef GW_LOG_LINE_LOG_H
#define GW_LOG_LINE_LOG_H

#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"
#include "metrics/metrics.h"

#define GW_LINE_LOG_BUFFER_BYTES 65536
#define GW_LINE_LOG_BACKLOG 64
/* A line is written at the latest after this. */
#define GW_LINE_LOG_DELAY_MS 100

struct gw_line_log;

struct gw_line_log_options {
    const char *name; /* for messages about it; static */
    const char *path; /* copied; "-" is standard output, NULL standard error */
    /* A counter's family and help; static. */
    const char *dropped_family, *dropped_help;
    struct gw_metrics *metrics;
    uint32_t shard; /* the writing thread's own, first used when the writers are */
};

/* Registers the counter. NULL and an error where the file cannot be opened. */
struct gw_line_log *gw_line_log_open(const struct gw_line_log_options *options,
                                     struct gw_error *error);
/* Writes what is left. After its writers are destroyed. NULL is allowed. */
void gw_line_log_close(struct gw_line_log *log);
/* Opens the path again (after it was renamed), or keeps the file where that fails; any thread. */
void gw_line_log_reopen(struct gw_line_log *log);

/* Of one thread, with a loop and a shard. */
struct gw_line_log_writer;
struct gw_line_log_writer *gw_line_log_writer_create(struct gw_line_log *log, struct gw_loop *loop,
                                                     struct gw_metrics_shard *shard);
/* Hands over what is left. NULL is allowed. */
void gw_line_log_writer_destroy(struct gw_line_log_writer *writer);

/* A view to write one line to, newline included, of at most `most_bytes` (a buffer holds
 * several such lines): within them it does not grow. False: it is dropped, and counted. */
bool gw_line_log_begin(struct gw_line_log_writer *writer, size_t most_bytes,
                       struct gw_buf *ret_line);
/* The line is complete. */
void gw_line_log_end(struct gw_line_log_writer *writer, const struct gw_buf *line);

#endif
