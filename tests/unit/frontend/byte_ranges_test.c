#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/buf.h"
#include "frontend/byte_ranges.h"

static void expect_all(const char *const *values, uint64_t file_bytes, bool is_modest)
{
    for (; *values != NULL; values++) {
        if (gw_byte_ranges_are_modest(gw_slice_str(*values), file_bytes) != is_modest)
            fail_msg("%s of a file of %llu bytes", *values, (unsigned long long)file_bytes);
    }
}

static void single_ranges_are_left_to_the_handler(void **state)
{
    (void)state;
    static const char *const values[] = {"",         "bytes=0-",  "bytes=-5", "bytes=0-0",
                                         "bytes=-",  "nonsense",  "bytes=",   "bytes=9-3",
                                         "lines=1-", "bytes=99-", NULL};
    expect_all(values, 10, true);
    expect_all(values, 0, true);
}

static void few_ranges_apart_are_served(void **state)
{
    (void)state;
    static const char *const values[] = {
        "bytes=0-0,2-2",
        "bytes=5-9,0-4",
        "bytes=0-4 , -5",
        "bytes=,0-1,,2-3,",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7",
        "bytes=0-9,10-19",                      /* the second has no byte of it */
        "bytes=0-,99999999999999999999999999-", /* nor this one */
        "bytes=0-4,5-99999999999999999999999999",
        NULL,
    };
    expect_all(values, 10, true);
}

static void many_or_overlapping_ranges_are_not(void **state)
{
    (void)state;
    static const char *const values[] = {
        "bytes=0-,0-",
        "bytes=0-0,0-0",
        "bytes=0-5,5-9",
        "bytes=-5,4-6",
        "bytes=-99,3-3",
        "bytes=3-,-1",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8",
        "bytes=20-,21-,22-,23-,24-,25-,26-,27-,28-",
        "bytes=0-1,x",
        "bytes=0-1,-",
        "bytes=0-1,2-3x",
        "0-,1-",
        NULL,
    };
    expect_all(values, 10, false);
}

static void a_thousand_whole_files_are_not_served(void **state)
{
    (void)state;
    struct gw_buf value = GW_BUF_HEAP;
    gw_buf_append(&value, GW_SLICE("bytes=0-"));
    for (int i = 1; i < 1000; i++)
        gw_buf_append(&value, GW_SLICE(",0-"));
    assert_false(gw_byte_ranges_are_modest(gw_buf_slice(&value), 10 << 20));
    assert_false(gw_byte_ranges_are_modest(gw_buf_slice(&value), 0));
    gw_buf_dispose(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_ranges_are_left_to_the_handler),
        cmocka_unit_test(few_ranges_apart_are_served),
        cmocka_unit_test(many_or_overlapping_ranges_are_not),
        cmocka_unit_test(a_thousand_whole_files_are_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
