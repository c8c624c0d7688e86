#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, P_tmpdir "/file_test_XXXXXX");
    snprintf(path, sizeof(path), "%s/file", mkdtemp(folder) != NULL ? folder : "");
    return folder[0] != '\0' ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void assert_refused(const char *name, enum gw_file_kind kind, const char *reason)
{
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_error error;
    gw_buf_append(&out, GW_SLICE("before"));
    assert_int_equal(gw_file_read(name, kind, 100, &out, &error), -1);
    assert_string_equal(error.message, reason);
    assert_int_equal(out.len, strlen("before"));
    gw_buf_dispose(&out);
}

static void assert_read(const char *name, enum gw_file_kind kind, const char *text)
{
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_error error = {.message = ""};
    gw_buf_append(&out, GW_SLICE("before "));
    gw_file_read(name, kind, 100, &out, &error);
    assert_string_equal(error.message, "");
    assert_string_equal(gw_buf_terminate(&out) + strlen("before "), text);
    gw_buf_dispose(&out);
}

static void a_file_is_read_whole(void **state)
{
    (void)state;
    write_file("some text");
    assert_read(path, GW_FILE_REGULAR, "some text");
    assert_read(path, GW_FILE_OR_PIPE, "some text");
    write_file("");
    assert_read(path, GW_FILE_REGULAR, "");
    assert_refused("/nonexistent", GW_FILE_REGULAR, "No such file or directory");
}

static void a_link_is_followed(void **state)
{
    (void)state;
    char link[160];
    write_file("text");
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_read(link, GW_FILE_REGULAR, "text");
    unlink(link);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
    (void)state;
    for (enum gw_file_kind kind = GW_FILE_REGULAR; kind <= GW_FILE_OR_PIPE; kind++) {
        const char *reason =
            kind == GW_FILE_REGULAR ? "not a regular file" : "neither a regular file nor a pipe";
        assert_refused("/dev/zero", kind, reason);
        assert_refused("/dev/null", kind, reason);
        assert_refused("/", kind, reason);
    }
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, GW_FILE_REGULAR, "not a regular file");
    assert_read(path, GW_FILE_OR_PIPE, ""); /* nobody writes */
    unlink(path);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_refused(path, GW_FILE_REGULAR, "not a regular file");
    assert_refused(path, GW_FILE_OR_PIPE, "not a regular file");
    close(fd);
    unlink(path);
}

static void a_size_over_the_limit_is_refused_before_it_is_read(void **state)
{
    (void)state;
    write_file("");
    assert_int_equal(truncate(path, (off_t)10 << 30), 0); /* sparse */
    assert_refused(path, GW_FILE_REGULAR, "over 100 bytes");
    assert_int_equal(truncate(path, 101), 0);
    assert_refused(path, GW_FILE_REGULAR, "over 100 bytes");
    char text[101] = "";
    memset(text, 'x', 100);
    write_file(text);
    assert_read(path, GW_FILE_REGULAR, text);
    /* The size of these is 0. */
    assert_refused("/proc/self/maps", GW_FILE_REGULAR, "over 100 bytes");
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_error error;
    assert_int_equal(gw_file_read("/proc/self/stat", GW_FILE_REGULAR, 4096, &out, &error), 0);
    assert_true(out.len > 10);
    gw_buf_dispose(&out);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    int ends[2];
    char name[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        usleep(20000);
        bool is_written = write(ends[1], "first ", 6) == 6;
        usleep(20000);
        is_written &= write(ends[1], "second", 6) == 6;
        _exit(is_written ? 0 : 1);
    }
    close(ends[1]);
    assert_refused(name, GW_FILE_REGULAR, "not a regular file");
    assert_read(name, GW_FILE_OR_PIPE, "first second");
    close(ends[0]);

    assert_int_equal(pipe(ends), 0);
    char text[200] = "";
    assert_int_equal(write(ends[1], text, sizeof(text)), sizeof(text));
    snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
    assert_refused(name, GW_FILE_OR_PIPE, "over 100 bytes"); /* though its writer is still there */
    close(ends[0]);
    close(ends[1]);
}

static void what_is_open_is_read(void **state)
{
    (void)state;
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_error error;
    int fd = open("/dev/zero", O_RDONLY);
    assert_int_equal(gw_file_read_open(fd, 100000, &out, &error), -1);
    assert_string_equal(error.message, "over 100000 bytes");
    assert_int_equal(out.len, 0);
    close(fd);
    assert_int_equal(gw_file_read_open(-1, 100, &out, &error), -1);
    assert_string_equal(error.message, "Bad file descriptor");
    gw_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole),
        cmocka_unit_test(a_link_is_followed),
        cmocka_unit_test(what_is_no_file_is_refused_without_waiting),
        cmocka_unit_test(a_size_over_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(what_is_open_is_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
