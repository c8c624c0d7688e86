#include "config/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool contains(const char *range, const char *address)
{
    struct gw_network network, one;
    assert_int_equal(gw_network_parse(gw_slice_str(range), &network), 0);
    assert_int_equal(gw_network_parse(gw_slice_str(address), &one), 0);
    assert_int_equal(one.prefix_bits, 128);
    return gw_network_contains(&network, one.address);
}

static void a_range_has_what_shares_its_prefix(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_false(contains("10.0.0.0/8", "11.0.0.1"));
    assert_true(contains("192.168.4.0/22", "192.168.7.255"));
    assert_false(contains("192.168.4.0/22", "192.168.8.0"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("0.0.0.0/0", "255.1.2.3"));
    assert_true(contains("::/0", "2001::1"));
    assert_true(contains("::/0", "1.2.3.4"));
}

static void an_address_is_a_range_of_one(void **state)
{
    (void)state;
    assert_true(contains("127.0.0.1", "127.0.0.1"));
    assert_false(contains("127.0.0.1", "127.0.0.2"));
    assert_true(contains("::1", "::1"));
    assert_true(contains("::1/128", "::1"));
    assert_false(contains("::1", "::2"));
    assert_true(contains("1.2.3.4/32", "::ffff:1.2.3.4"));
}

static void the_families_do_not_mix(void **state)
{
    (void)state;
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
}

static void bits_behind_the_prefix_do_not_matter(void **state)
{
    (void)state;
    assert_true(contains("10.1.2.3/8", "10.9.9.9"));
    assert_true(contains("192.168.5.77/22", "192.168.4.1"));
}

static void what_is_no_range_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "/",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "::/129",
                                        "10.0.0/8",
                                        "10.0.0.0/8/8",
                                        "a.example",
                                        "10.0.0.0/a",
                                        "10.0.0.0/-1",
                                        "[::1]",
                                        "1.2.3.4:80",
                                        " 1.2.3.4",
                                        "/8",
                                        "::1/0128",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct gw_network network;
        assert_int_equal(gw_network_parse(gw_slice_str(texts[i]), &network), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_what_shares_its_prefix),
        cmocka_unit_test(an_address_is_a_range_of_one),
        cmocka_unit_test(the_families_do_not_mix),
        cmocka_unit_test(bits_behind_the_prefix_do_not_matter),
        cmocka_unit_test(what_is_no_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
