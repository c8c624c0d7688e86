#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frontend/request_body.h"

/* The protocol's and the handler's side in one. */
struct fixture {
    struct gw_request_memory_total total;
    struct gw_request_memory memory;
    struct gw_request_memory_account account;
    struct gw_request_body body;
    size_t granted;
    int told;
};

static void grant(struct gw_request_body *body, size_t n)
{
    H2O_STRUCT_FROM_MEMBER(struct fixture, body, body)->granted += n;
}

static const struct gw_request_body_ops ops = {.grant = grant};

static void on_news(void *arg)
{
    ((struct fixture *)arg)->told++;
}

static struct fixture *begin(void **state)
{
    struct fixture *f = *state;
    gw_request_body_dispose(&f->body);
    *f = (struct fixture){.total.most_bytes = 1 << 20};
    f->memory =
        (struct gw_request_memory){.total = &f->total, .most_bytes_per_connection = 1 << 20};
    f->account.memory = &f->memory;
    gw_request_body_init(&f->body, &ops, 10, &f->account);
    return f;
}

static void receive(struct fixture *f, const char *text)
{
    gw_request_body_receive(&f->body, gw_slice_str(text));
}

static void assert_bytes(const struct fixture *f, const char *expected)
{
    assert_true(gw_slice_eq(f->body.bytes, gw_slice_str(expected)));
}

static void what_nobody_asked_for_holds_the_window(void **state)
{
    struct fixture *f = begin(state);
    receive(f, "abc");
    gw_request_body_tell(&f->body);
    assert_bytes(f, "abc");
    assert_int_equal(f->granted, 0);
    assert_int_equal(f->told, 0);
}

static void a_reader_gets_the_window_back_as_it_consumes(void **state)
{
    struct fixture *f = begin(state);
    gw_request_body_read(&f->body, on_news, f);
    receive(f, "abc");
    assert_int_equal(f->told, 0);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 1);
    assert_int_equal(f->granted, 0);
    gw_request_body_consume(&f->body, 2);
    assert_int_equal(f->granted, 2);
    assert_bytes(f, "c");
    receive(f, "def");
    assert_bytes(f, "cdef");
    gw_request_body_consume(&f->body, 4);
    assert_int_equal(f->granted, 6);
    assert_bytes(f, "");
    receive(f, "g");
    assert_bytes(f, "g");
    gw_request_body_end(&f->body);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 2);
    assert_true(f->body.is_complete);
}

static void what_is_moved_away_gives_no_window_back(void **state)
{
    struct fixture *f = begin(state);
    struct gw_buf out = GW_BUF_HEAP;
    gw_request_body_read(&f->body, on_news, f);
    receive(f, "abc");
    const char *at = f->body.bytes.base;
    gw_request_body_move(&f->body, &out);
    assert_ptr_equal(out.base, at);
    assert_bytes(f, "");
    receive(f, "def");
    assert_bytes(f, "def");
    gw_request_body_move(&f->body, &out);
    assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("abcdef")));
    assert_int_equal(f->granted, 0);
    gw_request_body_grant(&f->body, 4);
    assert_int_equal(f->granted, 4);
    receive(f, "ghi");
    gw_request_body_consume(&f->body, 1);
    out.len = 0;
    gw_request_body_move(&f->body, &out);
    assert_true(gw_slice_eq(gw_buf_slice(&out), GW_SLICE("hi")));
    receive(f, "j");
    assert_bytes(f, "j");
    gw_buf_dispose(&out);
}

static void a_reader_has_no_limit(void **state)
{
    struct fixture *f = begin(state);
    gw_request_body_read(&f->body, on_news, f);
    for (int i = 0; i < 5; i++) {
        receive(f, "0123456789");
        gw_request_body_consume(&f->body, 10);
    }
    assert_int_equal(f->body.fault, GW_BODY_SOUND);
    assert_int_equal(f->body.received, 50);
}

static void a_reader_that_stops_is_not_told(void **state)
{
    struct fixture *f = begin(state);
    gw_request_body_read(&f->body, on_news, f);
    gw_request_body_read(&f->body, NULL, NULL);
    receive(f, "abc");
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 0);
}

static void a_body_is_collected_with_its_window_open(void **state)
{
    struct fixture *f = begin(state);
    receive(f, "abc");
    assert_false(gw_request_body_collect(&f->body, on_news, f));
    assert_true(gw_request_body_is_awaited(&f->body));
    assert_int_equal(f->granted, 3);
    receive(f, "defg");
    gw_request_body_tell(&f->body);
    assert_int_equal(f->granted, 7);
    assert_int_equal(f->told, 0);
    receive(f, "hij");
    gw_request_body_end(&f->body);
    gw_request_body_tell(&f->body);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 1);
    assert_bytes(f, "abcdefghij");
    assert_false(gw_request_body_is_awaited(&f->body));
    assert_int_equal(f->body.fault, GW_BODY_SOUND);
}

static void a_body_that_is_there_is_collected_at_once(void **state)
{
    struct fixture *f = begin(state);
    receive(f, "abc");
    gw_request_body_end(&f->body);
    assert_true(gw_request_body_collect(&f->body, on_news, f));
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 0);
    assert_bytes(f, "abc");
}

static void a_body_over_the_limit_is_let_go(void **state)
{
    struct fixture *f = begin(state);
    assert_false(gw_request_body_collect(&f->body, on_news, f));
    receive(f, "0123456789");
    assert_int_equal(f->body.fault, GW_BODY_SOUND);
    receive(f, "x");
    assert_int_equal(f->body.fault, GW_BODY_TOO_LARGE);
    assert_int_equal(f->granted, 10);
    assert_bytes(f, "");
    receive(f, "more");
    assert_bytes(f, "");
    gw_request_body_tell(&f->body);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 1);
}

static void a_body_that_is_over_the_limit_already_is_not_waited_for(void **state)
{
    struct fixture *f = begin(state);
    receive(f, "0123456789x");
    assert_true(gw_request_body_collect(&f->body, on_news, f));
    assert_int_equal(f->body.fault, GW_BODY_TOO_LARGE);
}

static void a_body_that_announces_too_much_is_not_waited_for(void **state)
{
    struct fixture *f = begin(state);
    f->body.announced = 11;
    assert_true(gw_request_body_collect(&f->body, on_news, f));
    assert_int_equal(f->body.fault, GW_BODY_TOO_LARGE);
    f = begin(state);
    f->body.announced = 10;
    assert_false(gw_request_body_collect(&f->body, on_news, f));
}

static bool begins_with_two(const void *arg, struct gw_slice bytes)
{
    (void)arg;
    return gw_slice_starts_with(bytes, GW_SLICE("ab"));
}

static void a_body_whose_beginning_announces_too_much_fails_at_once(void **state)
{
    struct fixture *f = begin(state);
    gw_request_body_watch(&f->body, begins_with_two, NULL);
    assert_false(gw_request_body_collect(&f->body, on_news, f));
    receive(f, "a");
    assert_int_equal(f->body.fault, GW_BODY_SOUND);
    receive(f, "b");
    assert_int_equal(f->body.fault, GW_BODY_TOO_LARGE);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 1);
    f = begin(state);
    gw_request_body_watch(&f->body, begins_with_two, NULL);
    receive(f, "abc");
    assert_true(gw_request_body_collect(&f->body, on_news, f));
    assert_int_equal(f->body.fault, GW_BODY_TOO_LARGE);
}

static void a_body_that_is_late_is_let_go(void **state)
{
    struct fixture *f = begin(state);
    assert_false(gw_request_body_collect(&f->body, on_news, f));
    receive(f, "abc");
    gw_request_body_fail(&f->body, GW_BODY_TOO_SLOW);
    gw_request_body_tell(&f->body);
    assert_int_equal(f->told, 1);
    assert_int_equal(f->body.fault, GW_BODY_TOO_SLOW);
    assert_bytes(f, "");
}

static void what_is_held_is_charged_until_it_is_let_go(void **state)
{
    struct fixture *f = begin(state);
    receive(f, "abc");
    assert_int_equal(f->account.held_bytes, f->body.buffer.capacity);
    assert_true(f->account.held_bytes >= 3);
    gw_request_body_consume(&f->body, 3);
    assert_int_equal(f->account.held_bytes, 0);
    receive(f, "def");
    assert_true(gw_request_body_keep(&f->body, 1000));
    assert_int_equal(f->account.held_bytes, f->body.buffer.capacity + 1000);
    gw_request_body_dispose(&f->body);
    assert_int_equal(f->account.held_bytes, 1000);
    assert_true(gw_request_body_keep(&f->body, 0));
    assert_int_equal(f->account.held_bytes, 0);
}

static void a_body_that_has_no_room_is_let_go(void **state)
{
    static const struct {
        uint64_t total, connection;
        enum gw_request_body_fault fault;
    } limits[] = {{1 << 20, 100, GW_BODY_OVER_CONNECTION_MEMORY},
                  {100, 1 << 20, GW_BODY_OVER_MEMORY}};
    for (int i = 0; i < 2; i++) {
        struct fixture *f = begin(state);
        f->total.most_bytes = limits[i].total;
        f->memory.most_bytes_per_connection = limits[i].connection;
        assert_false(gw_request_body_collect(&f->body, on_news, f));
        receive(f, "abc");
        assert_int_equal(f->body.fault, limits[i].fault);
        assert_bytes(f, "");
        assert_int_equal(f->granted, 0);
        assert_int_equal(f->account.held_bytes, 0);
        receive(f, "def");
        gw_request_body_tell(&f->body);
        assert_int_equal(f->told, 1);
    }
}

static void what_a_reader_keeps_needs_room(void **state)
{
    struct fixture *f = begin(state);
    gw_request_body_read(&f->body, on_news, f);
    receive(f, "abc");
    assert_false(gw_request_body_keep(&f->body, 1 << 20));
    assert_int_equal(f->body.fault, GW_BODY_OVER_CONNECTION_MEMORY);
    assert_true(gw_request_body_keep(&f->body, 0));
    assert_int_equal(f->account.held_bytes, 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    gw_request_body_dispose(&((struct fixture *)*state)->body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_asked_for_holds_the_window),
        cmocka_unit_test(a_reader_gets_the_window_back_as_it_consumes),
        cmocka_unit_test(what_is_moved_away_gives_no_window_back),
        cmocka_unit_test(a_reader_has_no_limit),
        cmocka_unit_test(a_reader_that_stops_is_not_told),
        cmocka_unit_test(a_body_is_collected_with_its_window_open),
        cmocka_unit_test(a_body_that_is_there_is_collected_at_once),
        cmocka_unit_test(a_body_over_the_limit_is_let_go),
        cmocka_unit_test(a_body_that_is_over_the_limit_already_is_not_waited_for),
        cmocka_unit_test(a_body_that_announces_too_much_is_not_waited_for),
        cmocka_unit_test(a_body_whose_beginning_announces_too_much_fails_at_once),
        cmocka_unit_test(a_body_that_is_late_is_let_go),
        cmocka_unit_test(what_is_held_is_charged_until_it_is_let_go),
        cmocka_unit_test(a_body_that_has_no_room_is_let_go),
        cmocka_unit_test(what_a_reader_keeps_needs_room),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
