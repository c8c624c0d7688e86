#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "grpc/h2_output.h"

struct fixture {
    struct gw_loop *loop;
    h2o_socket_t *socket;
    int peer;
    nghttp2_session *session;
    struct gw_h2_output output;
    int written;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.loop = gw_loop_create()};
    f.output.recycler = gw_loop_recycler(f.loop);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f.socket = h2o_evloop_socket_create(gw_loop_h2o(f.loop), fds[0], 0);
    f.socket->data = &f;
    f.peer = fds[1];
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_client_new(&f.session, callbacks, NULL);
    nghttp2_session_callbacks_del(callbacks);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    h2o_socket_close(f->socket);
    gw_h2_output_dispose(&f->output);
    nghttp2_session_del(f->session);
    close(f->peer);
    gw_loop_destroy(f->loop);
    return 0;
}

static void on_written(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct fixture *f = socket->data;
    gw_h2_output_written(&f->output);
    f->written++;
}

static void frames_of_a_turn_leave_in_one_write(void **state)
{
    struct fixture *f = *state;
    nghttp2_submit_settings(f->session, 0, NULL, 0);
    nghttp2_submit_ping(f->session, 0, NULL);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    gw_h2_output_write(&f->output, f->socket, on_written);
    char bytes[256];
    assert_int_equal(read(f->peer, bytes, sizeof(bytes)), 24 + 9 + 9 + 8);
    assert_memory_equal(bytes, "PRI * HTTP/2.0", 14);
}

static void nothing_is_pulled_while_a_write_is_under_way(void **state)
{
    struct fixture *f = *state;
    nghttp2_submit_settings(f->session, 0, NULL, 0);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    gw_h2_output_write(&f->output, f->socket, on_written);
    nghttp2_submit_ping(f->session, 0, NULL);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    assert_true(nghttp2_session_want_write(f->session));
    gw_loop_turn(f->loop, 100);
    assert_int_equal(f->written, 1);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    assert_int_equal(f->output.bytes.len, 17);
}

static void an_idle_connection_holds_no_buffer(void **state)
{
    struct fixture *f = *state;
    gw_h2_output_write(&f->output, f->socket, on_written);
    assert_false(f->output.writing);
    nghttp2_submit_settings(f->session, 0, NULL, 0);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    gw_h2_output_write(&f->output, f->socket, on_written);
    gw_loop_turn(f->loop, 100);
    assert_int_equal(f->written, 1);
    assert_null(f->output.bytes.base);
}

static void one_write_is_bounded(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40000; i++)
        nghttp2_submit_ping(f->session, 0, NULL);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    assert_true(f->output.bytes.len >= GW_H2_OUTPUT_BYTES);
    assert_true(f->output.bytes.len < GW_H2_OUTPUT_BYTES + 64);
    assert_true(nghttp2_session_want_write(f->session));
}

static void a_write_that_is_cut_by_closing_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40000; i++)
        nghttp2_submit_ping(f->session, 0, NULL);
    int small = 4096;
    setsockopt(h2o_socket_get_fd(f->socket), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    gw_h2_output_write(&f->output, f->socket, on_written);
    gw_loop_turn(f->loop, 0);
    assert_true(f->output.writing);
    assert_int_equal(f->written, 0);
}

static void write_pings(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        nghttp2_submit_ping(f->session, 0, NULL);
    assert_int_equal(gw_h2_output_collect(&f->output, f->session), 0);
    gw_h2_output_write(&f->output, f->socket, on_written);
}

static void read_all(struct fixture *f)
{
    char bytes[65536];
    while (read(f->peer, bytes, sizeof(bytes)) > 0)
        ;
}

/* libh2o would abort in the last turn, had the loop let it go on polling for the first write. */
static void a_write_that_need_not_wait_may_follow_one_that_had_to(void **state)
{
    struct fixture *f = *state;
    write_pings(f, 15000);
    gw_loop_turn(f->loop, 0);
    assert_int_equal(f->written, 0);
    read_all(f);
    gw_loop_turn(f->loop, 100);
    assert_int_equal(f->written, 1);
    write_pings(f, 7000);
    gw_loop_turn(f->loop, 0);
    assert_int_equal(f->written, 2);
    read_all(f);
    gw_loop_turn(f->loop, 0);
    assert_false(f->output.writing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_of_a_turn_leave_in_one_write, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_pulled_while_a_write_is_under_way, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_idle_connection_holds_no_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(one_write_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_need_not_wait_may_follow_one_that_had_to,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_is_cut_by_closing_leaves_nothing_behind, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
