#include "base/strmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static void keys_are_found_again(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static char keys[COUNT][16];
    struct gw_strmap map = {0};
    assert_null(gw_strmap_get(&map, GW_SLICE("key0")));
    for (int i = 0; i < COUNT; i++) {
        sprintf(keys[i], "key%d", i);
        assert_ptr_equal(gw_strmap_add(&map, gw_slice_str(keys[i]), keys[i]), keys[i]);
        assert_int_equal(map.count, i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        char key[16];
        sprintf(key, "key%d", i);
        assert_ptr_equal(gw_strmap_get(&map, gw_slice_str(key)), keys[i]);
        sprintf(key, "yek%d", i);
        assert_null(gw_strmap_get(&map, gw_slice_str(key)));
    }
    gw_strmap_dispose(&map);
    assert_null(gw_strmap_get(&map, GW_SLICE("key0")));
    gw_strmap_dispose(&map);
}

static void a_taken_key_is_left_as_it_is(void **state)
{
    (void)state;
    struct gw_strmap map = {0};
    int first, second;
    gw_strmap_add(&map, GW_SLICE("a"), &first);
    assert_ptr_equal(gw_strmap_add(&map, GW_SLICE("a"), &second), &first);
    assert_ptr_equal(gw_strmap_get(&map, GW_SLICE("a")), &first);
    assert_int_equal(map.count, 1);
    gw_strmap_dispose(&map);
}

/* Every length around the hash's step of eight bytes, with and without a zero at the end. */
static void keys_of_all_lengths_differ(void **state)
{
    (void)state;
    static const char zeros[40];
    static int values[40];
    struct gw_strmap map = {0};
    for (size_t len = 0; len < 40; len++)
        assert_ptr_equal(gw_strmap_add(&map, gw_slice(zeros, len), &values[len]), &values[len]);
    for (size_t len = 0; len < 40; len++)
        assert_ptr_equal(gw_strmap_get(&map, gw_slice(zeros, len)), &values[len]);
    gw_strmap_dispose(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_again),
        cmocka_unit_test(a_taken_key_is_left_as_it_is),
        cmocka_unit_test(keys_of_all_lengths_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
