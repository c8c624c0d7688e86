#include "hooks/engine/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT ((size_t)64 * 1024)

static void a_block_keeps_its_bytes_when_it_grows(void **state)
{
    struct gw_hook_heap heap;
    (void)state;
    gw_hook_heap_init(&heap, LIMIT);
    char *bytes = gw_hook_heap_realloc(&heap, NULL, 4);
    memcpy(bytes, "abc", 4);
    bytes = gw_hook_heap_realloc(&heap, bytes, 4000);
    assert_string_equal(bytes, "abc");
    assert_int_equal(heap.used_bytes, 4000);
    assert_null(gw_hook_heap_realloc(&heap, bytes, 0));
    assert_int_equal(heap.used_bytes, 0);
    gw_hook_heap_dispose(&heap);
}

static void growth_over_the_limit_is_refused_and_the_block_stays(void **state)
{
    struct gw_hook_heap heap;
    (void)state;
    gw_hook_heap_init(&heap, LIMIT);
    char *bytes = gw_hook_heap_realloc(&heap, NULL, 10);
    strcpy(bytes, "still it");
    assert_null(gw_hook_heap_realloc(&heap, bytes, LIMIT + 1));
    assert_false(heap.exceeded); /* garbage may be collected now */
    assert_null(gw_hook_heap_realloc(&heap, bytes, LIMIT + 1));
    assert_true(heap.exceeded);
    assert_string_equal(bytes, "still it");
    assert_non_null(gw_hook_heap_realloc(&heap, bytes, LIMIT));
    gw_hook_heap_dispose(&heap);
}

static void a_request_that_is_given_in_the_end_does_not_exceed(void **state)
{
    struct gw_hook_heap heap;
    (void)state;
    gw_hook_heap_init(&heap, LIMIT);
    char *garbage = gw_hook_heap_realloc(&heap, NULL, LIMIT - 100);
    for (int i = 0; i < 3; i++) {
        assert_null(gw_hook_heap_realloc(&heap, NULL, 9000));
        assert_null(gw_hook_heap_realloc(&heap, garbage, 0));
        garbage = gw_hook_heap_realloc(&heap, NULL, 9000);
        assert_non_null(garbage);
        garbage = gw_hook_heap_realloc(&heap, garbage, LIMIT - 100);
    }
    assert_false(heap.exceeded);
    gw_hook_heap_dispose(&heap);
}

static void large_requests_are_refused_and_small_ones_are_not(void **state)
{
    struct gw_hook_heap heap;
    (void)state;
    gw_hook_heap_init(&heap, LIMIT);
    assert_non_null(gw_hook_heap_realloc(&heap, NULL, LIMIT - 100));
    assert_null(gw_hook_heap_realloc(&heap, NULL, 8192));
    assert_non_null(gw_hook_heap_realloc(&heap, NULL, 200));
    assert_null(gw_hook_heap_realloc(&heap, NULL, SIZE_MAX));
    gw_hook_heap_dispose(&heap);
}

static void what_is_left_goes_with_the_heap(void **state)
{
    struct gw_hook_heap heap;
    (void)state;
    gw_hook_heap_init(&heap, LIMIT);
    for (int i = 0; i < 100; i++)
        gw_hook_heap_realloc(&heap, NULL, 16);
    assert_int_equal(heap.used_bytes, 1600);
    gw_hook_heap_dispose(&heap); /* the leak check of a sanitizer build sees whether it did */
    assert_int_equal(heap.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_its_bytes_when_it_grows),
        cmocka_unit_test(growth_over_the_limit_is_refused_and_the_block_stays),
        cmocka_unit_test(a_request_that_is_given_in_the_end_does_not_exceed),
        cmocka_unit_test(large_requests_are_refused_and_small_ones_are_not),
        cmocka_unit_test(what_is_left_goes_with_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
