#include "base/connect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

static void nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(gw_accept_failure_of(EAGAIN), GW_ACCEPT_NONE);
    assert_int_equal(gw_accept_failure_of(EWOULDBLOCK), GW_ACCEPT_NONE);
}

static void what_is_wrong_with_one_client_stops_no_other(void **state)
{
    (void)state;
    static const int errors[] = {ECONNABORTED, EINTR, EPROTO, ENETDOWN, EHOSTUNREACH, EPERM};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        assert_int_equal(gw_accept_failure_of(errors[i]), GW_ACCEPT_NEXT);
}

static void what_the_system_lacks_is_waited_for(void **state)
{
    (void)state;
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF, EINVAL, 0};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        assert_int_equal(gw_accept_failure_of(errors[i]), GW_ACCEPT_PAUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(what_is_wrong_with_one_client_stops_no_other),
        cmocka_unit_test(what_the_system_lacks_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
