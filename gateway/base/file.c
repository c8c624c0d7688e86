#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_BYTES 65536

static int fail(struct gw_error *error, const char *reason)
{
    return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "%s", reason);
}

static int fail_size(struct gw_error *error, size_t max_bytes)
{
    return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "over %zu bytes", max_bytes);
}

/* One byte more than is allowed is asked for: a file may grow, and those of /proc have no size. */
int gw_file_read_open(int fd, size_t max_bytes, struct gw_buf *out, struct gw_error *error)
{
    size_t before = out->len, got;
    while ((got = out->len - before) <= max_bytes) {
        size_t step = max_bytes - got < STEP_BYTES ? max_bytes - got + 1 : STEP_BYTES;
        ssize_t n = read(fd, gw_buf_reserve(out, step), step);
        if (n > 0) {
            out->len += (size_t)n;
        } else if (n == 0) {
            return 0;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
        } else if (errno != EINTR) {
            int reason = errno;
            out->len = before;
            return fail(error, strerror(reason));
        }
    }
    out->len = before;
    return fail_size(error, max_bytes);
}

static int check(const struct stat *status, enum gw_file_kind kind, size_t max_bytes,
                 struct gw_error *error)
{
    if (!S_ISREG(status->st_mode) && !(S_ISFIFO(status->st_mode) && kind == GW_FILE_OR_PIPE))
        return fail(error, kind == GW_FILE_OR_PIPE ? "neither a regular file nor a pipe"
                                                   : "not a regular file");
    if (S_ISREG(status->st_mode) && (uint64_t)status->st_size > max_bytes)
        return fail_size(error, max_bytes);
    return 0;
}

int gw_file_read(const char *path, enum gw_file_kind kind, size_t max_bytes, struct gw_buf *out,
                 struct gw_error *error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(error, errno == ENXIO ? "not a regular file" /* a socket */ : strerror(errno));
    int result = fstat(fd, &status) != 0 ? fail(error, strerror(errno))
                                         : check(&status, kind, max_bytes, error);
    if (result == 0 && S_ISREG(status.st_mode))
        gw_buf_reserve(out, (size_t)status.st_size + 1);
    if (result == 0)
        result = gw_file_read_open(fd, max_bytes, out, error);
    close(fd);
    return result;
}
