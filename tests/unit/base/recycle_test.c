#include "base/recycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct gw_recycler recycler;

static int teardown(void **state)
{
    (void)state;
    gw_recycler_dispose(&recycler);
    return 0;
}

static void blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static struct {
        unsigned char *block;
        size_t bytes;
    } out[COUNT];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            out[i].bytes = i * 37 % 1500;
            out[i].block = gw_recycler_alloc(&recycler, out[i].bytes);
            assert_int_equal((uintptr_t)out[i].block % _Alignof(max_align_t), 0);
            memset(out[i].block, (int)(i & 0xff), out[i].bytes);
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t k = 0; k < out[i].bytes; k++)
                assert_int_equal(out[i].block[k], i & 0xff);
            gw_recycler_free(&recycler, out[i].block);
        }
    }
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    static void *blocks[3000];
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        blocks[i] = gw_recycler_alloc(&recycler, 100 + i % 3 * 400);
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        gw_recycler_free(&recycler, blocks[i]);
    for (size_t i = 0; i < GW_RECYCLE_CLASSES; i++)
        assert_true(recycler.kept_bytes[i] <= GW_RECYCLE_KEPT_BYTES);
}

static void buffers_are_kept_up_to_a_bound(void **state)
{
    (void)state;
    struct gw_buf bufs[2 * GW_RECYCLE_BUFS];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2 * GW_RECYCLE_BUFS; i++) {
            bufs[i] = gw_recycler_take_buf(&recycler);
            assert_int_equal(bufs[i].len, 0);
            /* The first grows, and is not kept. */
            for (size_t k = 0; k < GW_RECYCLE_BUF_BYTES + (i == 0); k++)
                gw_buf_append_byte(&bufs[i], (char)i);
        }
        for (size_t i = 0; i < 2 * GW_RECYCLE_BUFS; i++) {
            for (size_t k = 0; k < bufs[i].len; k++)
                assert_int_equal(bufs[i].base[k], i);
            gw_recycler_give_buf(&recycler, &bufs[i]);
            assert_null(bufs[i].base);
            assert_int_equal(bufs[i].capacity, 0);
        }
        assert_true(recycler.buf_count <= GW_RECYCLE_BUFS);
    }
    struct gw_buf none = GW_BUF_HEAP;
    gw_recycler_give_buf(&recycler, &none);
}

static void a_block_that_grows_keeps_its_bytes(void **state)
{
    (void)state;
    unsigned char *block = NULL;
    for (size_t bytes = 1; bytes < 5000; bytes += bytes / 3 + 1) {
        block = gw_recycler_realloc(&recycler, block, bytes);
        for (size_t i = 0; i + 1 < bytes / 2; i++)
            assert_int_equal(block[i], i & 0xff);
        for (size_t i = 0; i < bytes; i++)
            block[i] = (unsigned char)i;
    }
    gw_recycler_free(&recycler, block);
    gw_recycler_free(&recycler, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(blocks_do_not_overlap, teardown),
        cmocka_unit_test_teardown(what_is_kept_is_bounded, teardown),
        cmocka_unit_test_teardown(buffers_are_kept_up_to_a_bound, teardown),
        cmocka_unit_test_teardown(a_block_that_grows_keeps_its_bytes, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
