#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

static struct gw_loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = gw_loop_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_loop_destroy(loop);
    return 0;
}

/* What ran, in order, as letters. */
static char ran[64];

static void note(char c)
{
    size_t n = strlen(ran);
    assert_true(n + 1 < sizeof(ran));
    ran[n] = c;
    ran[n + 1] = '\0';
}

static void turn_until_ran(size_t count)
{
    for (int i = 0; i < 1000 && strlen(ran) < count; i++)
        gw_loop_turn(loop, 1000);
    assert_int_equal(strlen(ran), count);
}

struct named_timer {
    struct gw_timer super;
    char name;
    struct named_timer *starts, *stops;
};

static void on_timer(struct gw_timer *super)
{
    struct named_timer *timer = (struct named_timer *)super;
    assert_false(gw_timer_is_running(super));
    assert_true(gw_clock_ms() >= super->expires_ms);
    note(timer->name);
    if (timer->starts != NULL)
        gw_timer_start(loop, &timer->starts->super, gw_loop_now_ms(loop));
    if (timer->stops != NULL)
        gw_timer_stop(loop, &timer->stops->super);
}

static void timers_run_in_order_of_time(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_timer timers[5];
    static const uint64_t delays_ms[] = {9, 3, 15, 1, 6};
    uint64_t now = gw_loop_now_ms(loop);
    for (size_t i = 0; i < 5; i++) {
        timers[i] = (struct named_timer){.super.fn = on_timer, .name = (char)('a' + i)};
        gw_timer_start(loop, &timers[i].super, now + delays_ms[i]);
        assert_true(gw_timer_is_running(&timers[i].super));
    }
    turn_until_ran(5);
    assert_string_equal(ran, "dbeac");
}

static void a_timer_may_be_moved_and_stopped(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_timer a = {.super.fn = on_timer, .name = 'a'};
    struct named_timer b = {.super.fn = on_timer, .name = 'b'};
    struct named_timer c = {.super.fn = on_timer, .name = 'c'};
    uint64_t now = gw_loop_now_ms(loop);
    gw_timer_stop(loop, &a.super);
    gw_timer_start(loop, &a.super, now + 2);
    gw_timer_start(loop, &b.super, now + 4);
    gw_timer_start(loop, &c.super, now + 6);
    gw_timer_start(loop, &a.super, now + 8);
    gw_timer_start(loop, &c.super, now + 1);
    gw_timer_stop(loop, &b.super);
    gw_timer_stop(loop, &b.super);
    assert_false(gw_timer_is_running(&b.super));
    turn_until_ran(2);
    assert_string_equal(ran, "ca");
}

static void a_timer_may_start_and_stop_others(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_timer a = {.super.fn = on_timer, .name = 'a'};
    struct named_timer b = {.super.fn = on_timer, .name = 'b'};
    struct named_timer c = {.super.fn = on_timer, .name = 'c'};
    a.stops = &b;
    a.starts = &c;
    uint64_t now = gw_loop_now_ms(loop);
    gw_timer_start(loop, &a.super, now);
    gw_timer_start(loop, &b.super, now);
    turn_until_ran(2);
    assert_string_equal(ran, "ac");
}

static void a_timer_that_starts_itself_lets_the_loop_go_on(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_timer a = {.super.fn = on_timer, .name = 'a'};
    a.starts = &a;
    gw_timer_start(loop, &a.super, 0);
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "a");
    gw_loop_turn(loop, 1000);
    turn_until_ran(2);
    gw_timer_stop(loop, &a.super);
}

static void free_timer(struct gw_timer *timer)
{
    note('f');
    free(timer);
}

static void a_timer_may_be_freed_in_its_function(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct gw_timer *timer = calloc(1, sizeof(*timer));
    timer->fn = free_timer;
    gw_timer_start(loop, timer, 0);
    turn_until_ran(1);
}

static uint64_t last_expiry_ms;
static size_t timers_run;

static void check_order(struct gw_timer *timer)
{
    assert_true(timer->expires_ms >= last_expiry_ms);
    last_expiry_ms = timer->expires_ms;
    timers_run++;
}

static void many_timers_keep_their_order(void **state)
{
    (void)state;
    static struct gw_timer timers[2000];
    uint64_t now = gw_loop_now_ms(loop);
    size_t running = 0;
    last_expiry_ms = timers_run = 0;
    for (int i = 0; i < 10000; i++) {
        struct gw_timer *timer = &timers[gw_random_below(2000)];
        timer->fn = check_order;
        if (gw_random_below(3) == 0)
            gw_timer_stop(loop, timer);
        else
            gw_timer_start(loop, timer, now + gw_random_below(50));
    }
    for (size_t i = 0; i < 2000; i++)
        running += gw_timer_is_running(&timers[i]);
    assert_true(running > 500);
    while (timers_run < running)
        gw_loop_turn(loop, 1000);
    for (size_t i = 0; i < 2000; i++)
        assert_false(gw_timer_is_running(&timers[i]));
}

struct named_task {
    struct gw_task super;
    char name;
    struct named_task *defers, *cancels;
};

static void on_task(struct gw_task *super)
{
    struct named_task *task = (struct named_task *)super;
    note(task->name);
    if (task->defers != NULL)
        gw_loop_defer(loop, &task->defers->super);
    if (task->cancels != NULL)
        gw_task_cancel(loop, &task->cancels->super);
}

static void a_task_runs_once_in_order(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_task a = {.super.fn = on_task, .name = 'a'};
    struct named_task b = {.super.fn = on_task, .name = 'b'};
    gw_loop_defer(loop, &b.super);
    gw_loop_defer(loop, &a.super);
    gw_loop_defer(loop, &b.super);
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "ba");
    gw_loop_turn(loop, 0);
    assert_string_equal(ran, "ba");
    gw_loop_defer(loop, &a.super);
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "baa");
}

static void what_a_task_defers_follows_once_and_then_waits_for_the_next_turn(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_task a = {.super.fn = on_task, .name = 'a'};
    struct named_task b = {.super.fn = on_task, .name = 'b'};
    a.defers = &a;
    b.defers = &a; /* is queued already */
    gw_loop_defer(loop, &a.super);
    gw_loop_defer(loop, &b.super);
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "aba");
    uint64_t before = gw_clock_ms();
    a.defers = NULL;
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "abaa");
    assert_true(gw_clock_ms() - before < 500); /* it did not wait */
}

static void tasks_are_cancelled_anywhere_in_the_list(void **state)
{
    (void)state;
    for (int victim = 0; victim < 3; victim++) {
        ran[0] = '\0';
        struct named_task tasks[3];
        for (int i = 0; i < 3; i++) {
            tasks[i] = (struct named_task){.super.fn = on_task, .name = (char)('a' + i)};
            gw_loop_defer(loop, &tasks[i].super);
        }
        gw_task_cancel(loop, &tasks[victim].super);
        gw_task_cancel(loop, &tasks[victim].super);
        gw_loop_turn(loop, 0);
        assert_string_equal(ran, victim == 0 ? "bc" : victim == 1 ? "ac" : "ab");
        gw_loop_defer(loop, &tasks[victim].super);
        gw_loop_turn(loop, 0);
        assert_int_equal(ran[2], 'a' + victim);
    }
}

static void a_task_may_cancel_those_behind_it(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct named_task a = {.super.fn = on_task, .name = 'a'};
    struct named_task b = {.super.fn = on_task, .name = 'b'};
    struct named_task c = {.super.fn = on_task, .name = 'c'};
    a.cancels = &c;
    b.cancels = &b;
    gw_loop_defer(loop, &a.super);
    gw_loop_defer(loop, &b.super);
    gw_loop_defer(loop, &c.super);
    gw_loop_turn(loop, 0);
    gw_loop_turn(loop, 0);
    assert_string_equal(ran, "ab");
}

struct posted {
    struct gw_message super;
    int number;
};

static struct posted messages[1000];
static int received;

static void on_message(struct gw_message *super)
{
    struct posted *message = H2O_STRUCT_FROM_MEMBER(struct posted, super, super);
    assert_int_equal(message->number, received);
    if (++received == 1000)
        gw_loop_stop(loop);
}

static void *post_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        messages[i] = (struct posted){{.fn = on_message}, i};
        gw_loop_post(loop, &messages[i].super);
    }
    return NULL;
}

static void messages_of_another_thread_arrive_in_order(void **state)
{
    (void)state;
    received = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
    gw_loop_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(received, 1000);
}

static void *stop(void *arg)
{
    (void)arg;
    usleep(10000);
    gw_loop_stop(loop);
    return NULL;
}

static void another_thread_may_stop_the_loop(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
    gw_loop_run(loop);
    pthread_join(thread, NULL);
}

static void *run(void *arg)
{
    gw_loop_run(arg);
    return NULL;
}

static struct gw_loop *elsewhere;

static void on_last_message(struct gw_message *message)
{
    (void)message;
    gw_loop_stop(elsewhere);
}

static void use_a_socket_buffer(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    h2o_socket_t *sock = h2o_evloop_socket_create(gw_loop_h2o(loop), fds[0], 0);
    h2o_buffer_reserve(&sock->input, 1);
    h2o_socket_close(sock);
    close(fds[1]);
    gw_loop_turn(loop, 0);
}

static void a_loop_shares_no_memory_with_the_thread_that_made_it(void **state)
{
    (void)state;
    use_a_socket_buffer(); /* libh2o keeps it for this thread */
    assert_true(h2o_socket_buffer_prototype.allocator.cnt > 0);
    char *kept = (char *)h2o_socket_buffer_prototype.allocator._link + sizeof(void *);
    memset(kept, 'k', 64);
    elsewhere = gw_loop_create();
    struct gw_message last = {.fn = on_last_message};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, elsewhere), 0);
    gw_loop_post(elsewhere, &last); /* something is read into a buffer */
    pthread_join(thread, NULL);
    for (int i = 0; i < 64; i++)
        assert_int_equal(kept[i], 'k');
    gw_loop_destroy(elsewhere);
}

static uint64_t now_in_callback_ms;

static void on_pipe(h2o_socket_t *sock, const char *error)
{
    assert_null(error);
    h2o_buffer_consume(&sock->input, sock->input->size);
    now_in_callback_ms = gw_loop_now_ms(loop);
    note('p');
}

static void *write_later(void *arg)
{
    usleep(30000);
    return write(*(int *)arg, "x", 1) == 1 ? arg : NULL;
}

/* Deadlines are counted from what gw_loop_now_ms says in a socket's callback. */
static void the_time_is_that_of_the_callbacks_and_not_of_the_wait_before(void **state)
{
    (void)state;
    ran[0] = '\0';
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    h2o_socket_t *sock = h2o_evloop_socket_create(gw_loop_h2o(loop), fds[0], 0);
    h2o_socket_read_start(sock, on_pipe);
    gw_loop_turn(loop, 0);
    uint64_t before = gw_clock_ms();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_later, &fds[1]), 0);
    turn_until_ran(1);
    assert_true(now_in_callback_ms >= before + 29 && now_in_callback_ms <= gw_clock_ms());
    pthread_join(thread, NULL);
    h2o_socket_close(sock);
    close(fds[1]);
}

static void on_written(h2o_socket_t *sock, const char *error)
{
    (void)sock;
    assert_null(error);
    note('w');
}

struct writing_task {
    struct gw_task super;
    h2o_socket_t *sock;
};

static void write_in_task(struct gw_task *super)
{
    h2o_iovec_t bytes = h2o_iovec_init(H2O_STRLIT("abc"));
    h2o_socket_write(((struct writing_task *)super)->sock, &bytes, 1, on_written);
}

static void a_write_in_a_task_is_completed_without_waiting(void **state)
{
    (void)state;
    ran[0] = '\0';
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct writing_task task = {.super.fn = write_in_task};
    task.sock = h2o_evloop_socket_create(gw_loop_h2o(loop), fds[1], 0);
    gw_loop_defer(loop, &task.super);
    uint64_t before = gw_clock_ms();
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "");
    struct named_task next = {.super.fn = on_task, .name = 't'};
    gw_loop_defer(loop, &next.super);
    gw_loop_turn(loop, 1000);
    assert_string_equal(ran, "wt");
    assert_true(gw_clock_ms() - before < 500);
    h2o_socket_close(task.sock);
    close(fds[0]);
}

static void a_turn_waits_no_longer_than_told(void **state)
{
    (void)state;
    uint64_t before = gw_clock_ms();
    gw_loop_turn(loop, 10);
    gw_loop_turn(loop, 10);
    assert_in_range(gw_clock_ms() - before, 10, 500);
}

static const char *resolve_error;
static int resolved_port;

static void on_resolved(void *arg, const char *error, const struct addrinfo *addresses)
{
    assert_ptr_equal(arg, &resolved_port);
    resolve_error = error;
    if (addresses != NULL) {
        const struct sockaddr *a = addresses->ai_addr;
        assert_true(a->sa_family == AF_INET || a->sa_family == AF_INET6);
        resolved_port =
            ntohs(a->sa_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
                                          : ((const struct sockaddr_in6 *)a)->sin6_port);
    }
    note('r');
}

static void localhost_is_resolved(void **state)
{
    (void)state;
    ran[0] = '\0';
    resolved_port = 0;
    gw_resolve_start(loop, GW_SLICE("localhost"), GW_SLICE("8001"), on_resolved, &resolved_port);
    assert_string_equal(ran, "");
    turn_until_ran(1);
    assert_null(resolve_error);
    assert_int_equal(resolved_port, 8001);
}

static void a_name_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    ran[0] = '\0';
    resolve_error = NULL;
    gw_resolve_start(loop, GW_SLICE("no such host"), GW_SLICE("80"), on_resolved, &resolved_port);
    turn_until_ran(1);
    assert_non_null(resolve_error);
}

/* Takes the place of libc's also for libh2o: looking up NAME.hangs takes until it may end. */
static int may_end, begun;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strstr(name, ".hangs") == NULL)
        return real(name, service, hints, ret_list);
    __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&may_end, __ATOMIC_SEQ_CST))
        usleep(1000);
    return real("127.0.0.1", service, hints, ret_list);
}

static void let_lookups_hang(void)
{
    __atomic_store_n(&may_end, 0, __ATOMIC_SEQ_CST);
    begun = 0;
}

static void let_lookups_end(void)
{
    __atomic_store_n(&may_end, 1, __ATOMIC_SEQ_CST);
}

static void wait_until_begun(int lookups)
{
    for (int i = 0; i < 2000 && __atomic_load_n(&begun, __ATOMIC_SEQ_CST) < lookups; i++)
        usleep(1000);
    assert_int_equal(__atomic_load_n(&begun, __ATOMIC_SEQ_CST), lookups);
}

static void names_that_hang_hold_up_no_other(void **state)
{
    (void)state;
    ran[0] = '\0';
    let_lookups_hang();
    gw_resolve_start(loop, GW_SLICE("a.hangs"), GW_SLICE("1"), on_resolved, &resolved_port);
    wait_until_begun(1);
    gw_resolve_start(loop, GW_SLICE("b.hangs"), GW_SLICE("1"), on_resolved, &resolved_port);
    wait_until_begun(2);
    gw_resolve_start(loop, GW_SLICE("localhost"), GW_SLICE("2"), on_resolved, &resolved_port);
    turn_until_ran(1);
    assert_int_equal(resolved_port, 2);
    let_lookups_end();
    turn_until_ran(3);
}

static void a_lookup_that_was_cancelled_is_taken_up_by_the_next(void **state)
{
    (void)state;
    ran[0] = '\0';
    resolved_port = 0;
    let_lookups_hang();
    for (int i = 0; i < 40; i++)
        gw_resolve_cancel(gw_resolve_start(loop, GW_SLICE("c.hangs"), GW_SLICE("3"), on_resolved,
                                           &resolved_port));
    gw_resolve_start(loop, GW_SLICE("c.hangs"), GW_SLICE("3"), on_resolved, &resolved_port);
    gw_resolve_start(loop, GW_SLICE("c.hangs"), GW_SLICE("4"), on_resolved, &resolved_port);
    let_lookups_end();
    turn_until_ran(2);
    assert_int_equal(begun, 2);
}

static void a_cancelled_lookup_says_nothing(void **state)
{
    (void)state;
    ran[0] = '\0';
    struct gw_resolve *cancelled =
        gw_resolve_start(loop, GW_SLICE("localhost"), GW_SLICE("1"), on_resolved, &resolved_port);
    gw_resolve_cancel(cancelled);
    gw_resolve_start(loop, GW_SLICE("localhost"), GW_SLICE("2"), on_resolved, &resolved_port);
    turn_until_ran(1);
    /* Both may have been looked up at the same time, in any order. */
    for (int i = 0; i < 20; i++)
        gw_loop_turn(loop, 10);
    assert_string_equal(ran, "r");
    assert_int_equal(resolved_port, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_run_in_order_of_time),
        TEST(a_timer_may_be_moved_and_stopped),
        TEST(a_timer_may_start_and_stop_others),
        TEST(a_timer_that_starts_itself_lets_the_loop_go_on),
        TEST(a_timer_may_be_freed_in_its_function),
        TEST(many_timers_keep_their_order),
        TEST(a_task_runs_once_in_order),
        TEST(what_a_task_defers_follows_once_and_then_waits_for_the_next_turn),
        TEST(tasks_are_cancelled_anywhere_in_the_list),
        TEST(a_task_may_cancel_those_behind_it),
        TEST(messages_of_another_thread_arrive_in_order),
        TEST(another_thread_may_stop_the_loop),
        TEST(a_loop_shares_no_memory_with_the_thread_that_made_it),
        TEST(the_time_is_that_of_the_callbacks_and_not_of_the_wait_before),
        TEST(a_write_in_a_task_is_completed_without_waiting),
        TEST(a_turn_waits_no_longer_than_told),
        TEST(localhost_is_resolved),
        TEST(a_name_that_cannot_be_is_an_error),
        TEST(names_that_hang_hold_up_no_other),
        TEST(a_lookup_that_was_cancelled_is_taken_up_by_the_next),
        TEST(a_cancelled_lookup_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
