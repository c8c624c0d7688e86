#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"

struct fixture {
    struct gw_loop *loop;
    h2o_socket_t *socket;
    int peer;
    struct gw_task task;
    struct gw_timer timer;
    unsigned completions;
};

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    int fds[2];
    f = (struct fixture){.loop = gw_loop_create()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f.socket = h2o_evloop_socket_create(gw_loop_h2o(f.loop), fds[0], 0);
    f.peer = fds[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (f.socket != NULL)
        h2o_socket_close(f.socket);
    close(f.peer);
    gw_loop_destroy(f.loop);
    return 0;
}

static void on_written(h2o_socket_t *socket, const char *error)
{
    (void)socket;
    assert_null(error);
    f.completions++;
}

static void write_byte(void)
{
    h2o_iovec_t byte = h2o_iovec_init("x", 1);
    h2o_socket_write(f.socket, &byte, 1, on_written);
}

static void write_in_task(struct gw_task *task)
{
    (void)task;
    write_byte();
}

static void write_in_timer(struct gw_timer *timer)
{
    (void)timer;
    write_byte();
}

static void write_and_close(struct gw_task *task)
{
    (void)task;
    write_byte();
    h2o_socket_close(f.socket);
    f.socket = NULL;
}

static void a_write_of_a_task_completes_without_waiting(void **state)
{
    (void)state;
    f.task.fn = write_in_task;
    gw_loop_defer(f.loop, &f.task);
    gw_loop_turn(f.loop, 0);
    uint64_t begin = gw_clock_ms();
    gw_timer_start(f.loop, &f.timer, begin + 50);
    f.timer.fn = write_in_timer;
    gw_loop_turn(f.loop, 10000);
    assert_int_equal(f.completions, 1);
    assert_in_range(gw_clock_ms() - begin, 50, 5000);
    gw_loop_turn(f.loop, 0);
    assert_int_equal(f.completions, 2);
}

static void a_socket_may_be_closed_by_the_task_that_wrote_to_it(void **state)
{
    (void)state;
    f.task.fn = write_and_close;
    gw_loop_defer(f.loop, &f.task);
    for (int i = 0; i < 3; i++)
        gw_loop_turn(f.loop, 0);
    assert_int_equal(f.completions, 0);
    char byte[2];
    assert_int_equal(read(f.peer, byte, sizeof(byte)), 1);
    assert_int_equal(read(f.peer, byte, sizeof(byte)), 0);
}

static void a_socket_may_be_closed_between_turns_after_a_write(void **state)
{
    (void)state;
    write_and_close(&f.task);
    gw_loop_turn(f.loop, 0);
    assert_int_equal(f.completions, 0);
}

static void a_loop_may_go_after_a_write_and_a_close(void **state)
{
    (void)state;
    write_and_close(&f.task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_of_a_task_completes_without_waiting, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_socket_may_be_closed_by_the_task_that_wrote_to_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_socket_may_be_closed_between_turns_after_a_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_loop_may_go_after_a_write_and_a_close, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
