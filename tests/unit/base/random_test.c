#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* Counts within five standard deviations of the binomial distribution. */
static void assert_uniform(const uint32_t *counts, size_t kinds, double total)
{
    double mean = total / (double)kinds;
    for (size_t i = 0; i < kinds; i++) {
        double deviation = counts[i] - mean;
        assert_true(deviation * deviation <= 25 * mean);
    }
}

static void below_is_uniform(void **state)
{
    (void)state;
    for (uint32_t bound = 2; bound <= 50; bound += 16) {
        uint32_t counts[50] = {0};
        for (int i = 0; i < 200000; i++) {
            uint32_t n = gw_random_below(bound);
            assert_true(n < bound);
            counts[n]++;
        }
        assert_uniform(counts, bound, 200000);
    }
    assert_int_equal(gw_random_below(1), 0);
}

/* A bound near 2^32 is where a plain multiplication or remainder would favour some numbers. */
static void below_has_no_bias_for_large_bounds(void **state)
{
    (void)state;
    const uint32_t third = UINT32_C(1) << 30;
    uint32_t counts[3] = {0};
    for (int i = 0; i < 200000; i++)
        counts[gw_random_below(3 * third) / third]++;
    assert_uniform(counts, 3, 200000);
}

static void bits_are_balanced(void **state)
{
    (void)state;
    uint32_t ones[64] = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t word = gw_random_u64();
        for (int bit = 0; bit < 64; bit++)
            ones[bit] += word >> bit & 1;
    }
    assert_uniform(ones, 64, 20000 * 32);
}

static void bytes_fill_any_length(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        uint8_t bytes[41], seen[40] = {0};
        for (int i = 0; i < 100; i++) {
            memset(bytes, 0, sizeof(bytes));
            gw_random_bytes(bytes, count);
            for (size_t k = 0; k < count; k++)
                seen[k] |= bytes[k];
            assert_int_equal(bytes[count], 0);
        }
        for (size_t k = 0; k < count; k++)
            assert_int_equal(seen[k], 0xff);
    }
}

static void a_uuid_has_the_form_of_version_4(void **state)
{
    (void)state;
    char last[GW_UUID_LENGTH + 1] = "";
    for (int i = 0; i < 1000; i++) {
        char uuid[GW_UUID_LENGTH + 1];
        gw_random_uuid(uuid);
        assert_int_equal(strlen(uuid), GW_UUID_LENGTH);
        for (int k = 0; k < GW_UUID_LENGTH; k++) {
            bool is_dash = k == 8 || k == 13 || k == 18 || k == 23;
            assert_true(is_dash ? uuid[k] == '-' : strchr("0123456789abcdef", uuid[k]) != NULL);
        }
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, last);
        strcpy(last, uuid);
    }
}

static void *first_number(void *arg)
{
    *(uint64_t *)arg = gw_random_u64();
    return NULL;
}

static void threads_have_generators_of_their_own(void **state)
{
    (void)state;
    uint64_t numbers[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, first_number, &numbers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(numbers[0] != numbers[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(below_has_no_bias_for_large_bounds),
        cmocka_unit_test(bits_are_balanced),
        cmocka_unit_test(bytes_fill_any_length),
        cmocka_unit_test(a_uuid_has_the_form_of_version_4),
        cmocka_unit_test(threads_have_generators_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
