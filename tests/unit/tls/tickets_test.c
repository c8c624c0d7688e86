#include "tls/tickets.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LIFE GW_TLS_TICKET_KEY_LIFE_MS
#define assert_same(a, b) assert_memory_equal(&(a), &(b), sizeof(a))

static void the_first_key_is_random(void **state)
{
    (void)state;
    struct gw_tls_tickets a, b;
    static const unsigned char zeros[32];
    assert_int_equal(gw_tls_tickets_init(&a, NULL, 5), 0);
    assert_int_equal(gw_tls_tickets_init(&b, NULL, 5), 0);
    assert_false(a.has_previous);
    assert_int_equal(a.current.made_ms, 5);
    assert_memory_not_equal(a.current.name, b.current.name, sizeof(a.current.name));
    assert_memory_not_equal(a.current.cipher, b.current.cipher, sizeof(a.current.cipher));
    assert_memory_not_equal(a.current.mac, b.current.mac, sizeof(a.current.mac));
    assert_memory_not_equal(a.current.mac, a.current.cipher, sizeof(a.current.mac));
    assert_memory_not_equal(a.current.cipher, zeros, sizeof(zeros));
}

static void young_keys_are_kept(void **state)
{
    (void)state;
    struct gw_tls_tickets before, after;
    gw_tls_tickets_init(&before, NULL, 0);
    assert_false(gw_tls_tickets_are_old(&before, LIFE - 1));
    assert_int_equal(gw_tls_tickets_init(&after, &before, LIFE - 1), 0);
    assert_same(after.current, before.current);
    assert_false(after.has_previous);
}

static void an_old_key_makes_way_and_still_opens(void **state)
{
    (void)state;
    struct gw_tls_tickets first, second, third;
    gw_tls_tickets_init(&first, NULL, 0);
    assert_true(gw_tls_tickets_are_old(&first, LIFE));
    gw_tls_tickets_init(&second, &first, LIFE);
    assert_true(second.has_previous);
    assert_same(second.previous, first.current);
    assert_memory_not_equal(second.current.name, first.current.name, sizeof(first.current.name));
    assert_false(gw_tls_tickets_are_old(&second, 2 * LIFE - 1));
    gw_tls_tickets_init(&third, &second, 2 * LIFE);
    assert_same(third.previous, second.current);
}

static void a_key_that_nothing_followed_in_time_opens_nothing_more(void **state)
{
    (void)state;
    struct gw_tls_tickets before, after;
    gw_tls_tickets_init(&before, NULL, 0);
    gw_tls_tickets_init(&after, &before, 2 * LIFE);
    assert_false(after.has_previous);
}

static void disposed_keys_are_gone(void **state)
{
    (void)state;
    struct gw_tls_tickets t, zero = {{{0}}};
    gw_tls_tickets_init(&t, NULL, 7);
    gw_tls_tickets_dispose(&t);
    assert_memory_equal(&t, &zero, sizeof(t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_key_is_random),
        cmocka_unit_test(young_keys_are_kept),
        cmocka_unit_test(an_old_key_makes_way_and_still_opens),
        cmocka_unit_test(a_key_that_nothing_followed_in_time_opens_nothing_more),
        cmocka_unit_test(disposed_keys_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
