/* Files that people name, read whole. A name may lead to anything: what is not a file would be read
 * until memory ends (/dev/zero), or never begin (a FIFO). */
#ifndef GW_BASE_FILE_H
#define GW_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

enum gw_file_kind {
    GW_FILE_REGULAR,
    /* For what a command line names, where `<(...)` of a shell is a pipe: read until its writers
     * have closed it. One that has no writer is empty. */
    GW_FILE_OR_PIPE,
};

/* Appends the bytes of a file. -1 where it cannot be opened or read, is of another kind, or has
 * more than max_bytes, with the reason alone in *error: "not a regular file". What the name leads
 * to is looked at once it is open, so that it cannot be exchanged in between; opening never waits.
 */
int gw_file_read(const char *path, enum gw_file_kind kind, size_t max_bytes, struct gw_buf *out,
                 struct gw_error *error);

/* The same for what is open, whatever it is; it stays open. */
int gw_file_read_open(int fd, size_t max_bytes, struct gw_buf *out, struct gw_error *error);

#endif
