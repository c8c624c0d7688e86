#include "frontend/request_memory.h"

#include <pthread.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define STEP GW_REQUEST_MEMORY_STEP_BYTES

static struct gw_request_memory part_of(struct gw_request_memory_total *total,
                                        uint64_t per_connection)
{
    return (struct gw_request_memory){.total = total, .most_bytes_per_connection = per_connection};
}

static void the_total_is_never_passed(void **state)
{
    (void)state;
    struct gw_request_memory_total total = {.most_bytes = 10 * STEP};
    struct gw_request_memory memory = part_of(&total, 1000 * STEP);
    struct gw_request_memory_account account = {.memory = &memory};
    size_t a = 0, b = 0;
    assert_int_equal(gw_request_memory_resize(&account, &a, 6 * STEP), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&account, &b, 4 * STEP + 1),
                     GW_REQUEST_MEMORY_OVER_TOTAL);
    assert_int_equal(b, 0);
    assert_int_equal(total.taken_bytes, 6 * STEP);
    assert_int_equal(gw_request_memory_resize(&account, &b, 4 * STEP), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&account, &a, 6 * STEP + 1),
                     GW_REQUEST_MEMORY_OVER_TOTAL);
    assert_int_equal(a, 6 * STEP);
    assert_int_equal(total.taken_bytes, 10 * STEP);
}

static void what_is_given_back_fits_again(void **state)
{
    (void)state;
    struct gw_request_memory_total total = {.most_bytes = 10 * STEP};
    struct gw_request_memory memory = part_of(&total, 1000 * STEP);
    struct gw_request_memory_account account = {.memory = &memory};
    size_t held = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(gw_request_memory_resize(&account, &held, 10 * STEP),
                         GW_REQUEST_MEMORY_FITS);
        assert_int_equal(gw_request_memory_resize(&account, &held, 0), GW_REQUEST_MEMORY_FITS);
    }
    assert_int_equal(account.held_bytes, 0);
    assert_int_equal(memory.held_bytes, 0);
    assert_true(total.taken_bytes <= 2 * STEP);
}

static void a_connection_has_its_own_limit(void **state)
{
    (void)state;
    struct gw_request_memory_total total = {.most_bytes = 100 * STEP};
    struct gw_request_memory memory = part_of(&total, 1000);
    struct gw_request_memory_account one = {.memory = &memory}, other = {.memory = &memory};
    size_t a = 0, b = 0, c = 0;
    assert_int_equal(gw_request_memory_resize(&one, &a, 600), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&one, &b, 401), GW_REQUEST_MEMORY_OVER_CONNECTION);
    assert_int_equal(gw_request_memory_resize(&one, &b, 400), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&other, &c, 1000), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&one, &a, 100), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(gw_request_memory_resize(&one, &b, 900), GW_REQUEST_MEMORY_FITS);
    assert_int_equal(one.held_bytes, 1000);
}

static void small_requests_leave_the_total_alone(void **state)
{
    (void)state;
    struct gw_request_memory_total total = {.most_bytes = 100 * STEP};
    struct gw_request_memory memory = part_of(&total, 100 * STEP);
    struct gw_request_memory_account account = {.memory = &memory};
    size_t held = 0;
    gw_request_memory_resize(&account, &held, 128);
    for (size_t bytes = 0; bytes <= STEP; bytes += 128) {
        gw_request_memory_resize(&account, &held, bytes);
        assert_int_equal(total.taken_bytes, STEP);
    }
}

static void *come_and_go(void *arg)
{
    struct gw_request_memory_total *total = arg;
    struct gw_request_memory memory = part_of(total, UINT64_MAX);
    struct gw_request_memory_account account = {.memory = &memory};
    size_t held = 0;
    unsigned seed = 1;
    for (int i = 0; i < 50000; i++) {
        gw_request_memory_resize(&account, &held, (size_t)rand_r(&seed) % (8 * STEP));
        if (memory.held_bytes != held || memory.taken_bytes < held ||
            memory.taken_bytes > held + 3 * STEP)
            return (void *)"what is taken is not what is held";
    }
    gw_request_memory_resize(&account, &held, 0);
    __atomic_sub_fetch(&total->taken_bytes, memory.taken_bytes, __ATOMIC_RELAXED);
    return NULL;
}

static void workers_share_the_total(void **state)
{
    (void)state;
    struct gw_request_memory_total total = {.most_bytes = 16 * STEP};
    pthread_t threads[4];
    void *fault[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &total), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &fault[i]);
        assert_null(fault[i]);
    }
    assert_int_equal(total.taken_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_is_never_passed),
        cmocka_unit_test(what_is_given_back_fits_again),
        cmocka_unit_test(a_connection_has_its_own_limit),
        cmocka_unit_test(small_requests_leave_the_total_alone),
        cmocka_unit_test(workers_share_the_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
