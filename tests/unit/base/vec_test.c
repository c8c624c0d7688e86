#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
    int number;
    char filling[20];
};

static void items_are_pushed_zeroed_and_kept(void **state)
{
    (void)state;
    GW_VEC(struct item) v = {0};
    for (int i = 0; i < 1000; i++) {
        struct item *item = gw_vec_push(&v);
        assert_int_equal(item->number, 0);
        for (size_t k = 0; k < sizeof(item->filling); k++)
            assert_int_equal(item->filling[k], 0);
        memset(item, 0xff, sizeof(*item));
        item->number = i;
    }
    assert_int_equal(v.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.items[i].number, i);
    /* A place that was used before is zeroed again. */
    v.count = 10;
    assert_int_equal(gw_vec_push(&v)->number, 0);
    gw_vec_dispose(&v);
    assert_null(v.items);
    assert_int_equal(v.count, 0);
}

static void memory_is_zeroed_and_copies_are_terminated(void **state)
{
    (void)state;
    char *p = gw_alloc(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    free(p);
    free(gw_alloc(0));
    char *s = gw_strdup(gw_slice("abcdef", 3));
    assert_string_equal(s, "abc");
    free(s);
    s = gw_strdup(gw_slice(NULL, 0));
    assert_string_equal(s, "");
    free(s);

    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_string_equal(gw_pool_dup(&pool, gw_slice("abcdef", 3)).base, "abc");
    assert_string_equal(gw_pool_dup(&pool, gw_slice(NULL, 0)).base, "");
    struct gw_slice text = gw_pool_printf(&pool, "%0300d|%s", 7, "x");
    assert_int_equal(text.len, 302);
    assert_string_equal(text.base + 299, "7|x");
    h2o_mem_clear_pool(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_pushed_zeroed_and_kept),
        cmocka_unit_test(memory_is_zeroed_and_copies_are_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
