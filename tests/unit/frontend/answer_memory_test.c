#include "frontend/answer_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define KIB ((size_t)1024)
#define FREE GW_ANSWER_FREE_BYTES

struct fixture {
    struct gw_loop *loop;
    struct gw_request_memory_total total;
    struct gw_request_memory memory;
    struct gw_request_memory_account account;
    struct gw_answer_queue queue;
};

static struct fixture f;
static int settled;

static void on_settled(struct gw_answer_memory *memory)
{
    (void)memory;
    settled++;
}

static void set_up(size_t total, size_t per_connection)
{
    f = (struct fixture){.total.most_bytes = total};
    f.memory =
        (struct gw_request_memory){.total = &f.total, .most_bytes_per_connection = per_connection};
    f.account.memory = &f.memory;
    f.loop = gw_loop_create();
    gw_answer_queue_init(&f.queue, f.loop);
    settled = 0;
}

static void tear_down(void)
{
    assert_int_equal(f.memory.held_bytes, 0);
    assert_int_equal(f.account.held_bytes, 0);
    assert_int_equal(f.total.waiting_bytes, 0);
    gw_answer_queue_dispose(&f.queue);
    gw_loop_destroy(f.loop);
}

static struct gw_answer_memory answer(void)
{
    struct gw_answer_memory memory;
    gw_answer_memory_init(&memory, &f.account, on_settled);
    return memory;
}

static void turn_until_settled(int count)
{
    for (int i = 0; settled < count && i < 1000; i++)
        gw_loop_turn(f.loop, 20);
    assert_int_equal(settled, count);
}

static void the_first_bytes_do_not_count_for_the_connection(void **state)
{
    (void)state;
    set_up(16 * FREE, FREE);
    struct gw_answer_memory a = answer(), b = answer();
    assert_int_equal(gw_answer_memory_hold(&a, 2 * FREE), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(f.account.held_bytes, FREE);
    assert_int_equal(gw_answer_memory_hold(&b, FREE), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_answer_memory_hold(&b, FREE + 1), GW_REQUEST_MEMORY_OVER_CONNECTION);
    assert_int_equal(f.memory.held_bytes, 3 * FREE);
    gw_answer_memory_dispose(&a);
    assert_int_equal(gw_answer_memory_hold(&b, FREE + 1), GW_REQUEST_MEMORY_FITS);
    gw_answer_memory_dispose(&b);
    gw_answer_memory_dispose(&b);
    tear_down();
}

static void small_answers_count_and_are_not_refused(void **state)
{
    (void)state;
    set_up(FREE, FREE);
    struct gw_answer_memory a = answer(), b = answer(), c = answer();
    assert_int_equal(gw_answer_memory_hold(&a, FREE), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_answer_memory_hold(&b, GW_ANSWER_SMALL_BYTES), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(f.memory.held_bytes, FREE + GW_ANSWER_SMALL_BYTES);
    assert_int_equal(gw_answer_memory_hold(&c, GW_ANSWER_SMALL_BYTES + 1),
                     GW_REQUEST_MEMORY_OVER_TOTAL);
    assert_int_equal(c.free_bytes, 0);
    gw_answer_memory_dispose(&a);
    gw_answer_memory_dispose(&b);
    tear_down();
}

static void what_waits_gets_the_room_that_comes_free(void **state)
{
    (void)state;
    set_up(16 * FREE, 3 * FREE);
    struct gw_answer_memory a = answer(), b = answer(), c = answer();
    assert_true(gw_answer_memory_reserve(&f.queue, &a, 3 * FREE, FREE));
    assert_false(gw_answer_memory_reserve(&f.queue, &b, 3 * FREE, 100 * KIB));
    assert_true(gw_answer_memory_waits(&b));
    assert_int_equal(b.outcome, GW_REQUEST_MEMORY_OVER_CONNECTION);
    assert_int_equal(b.free_bytes, 100 * KIB);
    assert_int_equal(f.total.waiting_bytes, 100 * KIB);
    assert_false(gw_answer_memory_reserve(&f.queue, &c, 3 * FREE, 100 * KIB));
    gw_answer_memory_dispose(&c); /* its client leaves */
    gw_answer_memory_dispose(&a);
    turn_until_settled(1);
    assert_int_equal(b.outcome, GW_REQUEST_MEMORY_FITS);
    assert_false(gw_answer_memory_waits(&b));
    assert_int_equal(b.free_bytes + b.beyond_bytes, 3 * FREE);
    gw_answer_memory_dispose(&b);
    tear_down();
}

static void what_waits_holds_half_of_all_at_most(void **state)
{
    (void)state;
    set_up(16 * FREE, 16 * FREE);
    struct gw_answer_memory waiting[9], large = answer();
    assert_true(gw_answer_memory_reserve(&f.queue, &large, 4 * FREE, FREE));
    for (int i = 0; i < 9; i++) {
        waiting[i] = answer();
        assert_false(gw_answer_memory_reserve(&f.queue, &waiting[i], 14 * FREE, FREE));
        assert_int_equal(gw_answer_memory_waits(&waiting[i]), i < 8);
        assert_int_equal(waiting[i].outcome, GW_REQUEST_MEMORY_OVER_TOTAL);
    }
    struct gw_answer_memory fits = answer();
    assert_true(gw_answer_memory_reserve(&f.queue, &fits, 2 * FREE, FREE));
    for (int i = 0; i < 9; i++)
        gw_answer_memory_dispose(&waiting[i]);
    gw_answer_memory_dispose(&fits);
    gw_answer_memory_dispose(&large);
    assert_int_equal(settled, 0);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_do_not_count_for_the_connection),
        cmocka_unit_test(small_answers_count_and_are_not_refused),
        cmocka_unit_test(what_waits_gets_the_room_that_comes_free),
        cmocka_unit_test(what_waits_holds_half_of_all_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
