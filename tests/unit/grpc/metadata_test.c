#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "grpc/metadata.h"

static void a_store_copies_and_keeps_the_order(void **state)
{
    (void)state;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_metadata_store store = {.pool = &pool};
    for (int i = 0; i < 100; i++) {
        char name[8], value[8];
        snprintf(name, sizeof(name), "n%d", i % 50);
        snprintf(value, sizeof(value), "v%d", i);
        gw_metadata_store_add(&store, gw_slice_str(name), gw_slice_str(value));
    }
    struct gw_metadata md = gw_metadata_of(&store);
    assert_int_equal(md.count, 100);
    assert_true(gw_slice_eq(md.items[99].name, GW_SLICE("n49")));
    assert_true(gw_slice_eq(md.items[99].value, GW_SLICE("v99")));
    assert_true(gw_slice_eq(gw_metadata_find(&md, GW_SLICE("n7"))->value, GW_SLICE("v7")));
    assert_null(gw_metadata_find(&md, GW_SLICE("n")));
    assert_int_equal(store.bytes, 100 * (2 + 2 + 32) + 80 + 90);
    h2o_mem_clear_pool(&pool);
}

static void an_empty_value_is_kept(void **state)
{
    (void)state;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_metadata_store store = {.pool = &pool};
    gw_metadata_store_add(&store, GW_SLICE("x"), gw_slice(NULL, 0));
    struct gw_metadata md = gw_metadata_of(&store);
    assert_int_equal(gw_metadata_find(&md, GW_SLICE("x"))->value.len, 0);
    h2o_mem_clear_pool(&pool);
}

static bool allowed(const char *name, const char *value)
{
    return gw_metadata_is_allowed(gw_slice_str(name), gw_slice_str(value));
}

static void ordinary_metadata_is_allowed(void **state)
{
    (void)state;
    assert_true(allowed("x-request-id", "7"));
    assert_true(allowed("authorization", "Bearer a.b~c"));
    assert_true(allowed("trace-bin", "AAEC"));
    assert_true(allowed("a.b_c-0", ""));
    assert_true(allowed("te-x", "~"));
}

static void what_the_transport_writes_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        ":path",
        "te",
        "host",
        "grpc-timeout",
        "grpc-x",
        "upgrade",
        "connection",
        "content-type",
        "content-length",
        "user-agent",
        "trailer",
        "keep-alive",
        ":authority",
        "transfer-encoding",
        "proxy-connection",
        "content-encoding",
        "accept-encoding",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_false(allowed(names[i], "x"));
}

static void bytes_outside_the_grammar_are_refused(void **state)
{
    (void)state;
    assert_false(allowed("", "x"));
    assert_false(allowed("X-Upper", "x"));
    assert_false(allowed("a b", "x"));
    assert_false(allowed("a:b", "x"));
    assert_false(allowed("caf\xc3\xa9", "x"));
    assert_false(allowed("x", "a\nb"));
    assert_false(allowed("x", "a\tb"));
    assert_false(allowed("x", "\x7f"));
    assert_false(allowed("x", "caf\xc3\xa9"));
    assert_false(allowed("x", " a"));
    assert_false(allowed("x", "a "));
    assert_false(gw_metadata_is_allowed(GW_SLICE("x"), GW_SLICE("a\0b")));
}

static void names_are_those_of_grpc(void **state)
{
    (void)state;
    static const char *const bad[] = {"a!b", "a#b", "a~b", "a*", "a\"b", "-bin", "\x01", "a/b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(gw_metadata_check(gw_slice_str(bad[i]), GW_SLICE("AAEC")),
                         GW_METADATA_BAD_NAME);
    static const char *const good[] = {"a", "0", "-", ".", "_", "a-b.c_d", "x-bin", "bin", "--bin"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_int_equal(gw_metadata_check(gw_slice_str(good[i]), GW_SLICE("AAEC")),
                         GW_METADATA_SOUND);
}

static void binary_values_are_lists_of_base64_as_every_decoder_takes_it(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",     "AA",   "AA==",       "AAA",       "AAA=",     "AAAA",
        "+/+/", "AQ==", "AAAA, AAAA", " AAAA\t, ", "AA==,AAA", ",,"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(allowed("x-bin", good[i]));
        assert_true(gw_metadata_is_end_to_end(GW_SLICE("grpc-trace-bin"), gw_slice_str(good[i])));
    }
    static const char *const bad[] = {
        "!",   "A",      "AAAA=AAA", "AAAAA", "AA=",  "=",      "==",         "====",     "AA===",
        "AB",  "AAB",    "AB==",     "AAB=",  "A_-A", "AA AA",  "AA==AAAA",   "A===",     "AAAA,!",
        "!,A", "AAAA,A", "AAAA;AA",  "AAAA=", "\x7f", "AA\xc3", "AAAA,AB,AA", "AAAA ===",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(gw_metadata_check(GW_SLICE("x-bin"), gw_slice_str(bad[i])),
                         GW_METADATA_BAD_BINARY);
        assert_int_equal(
            gw_metadata_check_end_to_end(GW_SLICE("grpc-tags-bin"), gw_slice_str(bad[i])),
            GW_METADATA_BAD_BINARY);
        assert_true(allowed("x", bad[i]) == (strpbrk(bad[i], "\x7f\xc3") == NULL));
    }
    assert_true(allowed("user-agent-bin", "AAEC"));
    assert_false(allowed("user-agent-bin", "x/1"));
}

static void a_list_is_taken_apart(void **state)
{
    (void)state;
    static const char *const expected[] = {"AA", "", "AAE=", ""};
    struct gw_slice rest = GW_SLICE("AA,\t, AAE= ,"), value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        assert_true(gw_metadata_next_value(&rest, &value));
        assert_true(gw_slice_eq(value, gw_slice_str(expected[i])));
    }
    assert_false(gw_metadata_next_value(&rest, &value));
    rest = GW_SLICE("");
    assert_true(gw_metadata_next_value(&rest, &value));
    assert_int_equal(value.len, 0);
    assert_false(gw_metadata_next_value(&rest, &value));
}

static const char *formatted(uint64_t ms)
{
    static char out[16];
    out[gw_grpc_timeout_format(out, ms)] = '\0';
    return out;
}

static void a_proxy_hands_on_grpcs_own_fields_but_those_of_a_hop(void **state)
{
    (void)state;
    static const char *const passing[] = {"x-own",         "x-own-bin",
                                          "grpc-encoding", "grpc-accept-encoding",
                                          "grpc-tags-bin", "grpc-retry-pushback-ms"};
    static const char *const of_a_hop[] = {
        "grpc-timeout", "grpc-status", "grpc-message", "grpc-status-details-bin",
        "te",           "host",        "content-type", "content-length",
        "connection",   "user-agent",  ":path",        "X-Upper"};
    for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
        assert_true(gw_metadata_is_end_to_end(gw_slice_str(passing[i]), GW_SLICE("AAEC")));
    for (size_t i = 0; i < sizeof(of_a_hop) / sizeof(*of_a_hop); i++)
        assert_false(gw_metadata_is_end_to_end(gw_slice_str(of_a_hop[i]), GW_SLICE("v")));
    assert_false(gw_metadata_is_end_to_end(GW_SLICE("x-own"), GW_SLICE("a\x01")));
}

static void a_timeout_has_at_most_eight_digits_and_is_rounded_up(void **state)
{
    (void)state;
    assert_string_equal(formatted(0), "0m");
    assert_string_equal(formatted(100), "100m");
    assert_string_equal(formatted(99999999), "99999999m");
    assert_string_equal(formatted(100000000), "100000S");
    assert_string_equal(formatted(100000001), "100001S");
    assert_string_equal(formatted(99999999000), "99999999S");
    assert_string_equal(formatted(99999999001), "1666667M");
    assert_string_equal(formatted(UINT64_MAX), "99999999H");
}

static uint64_t parsed(const char *text)
{
    uint64_t ns = 77;
    assert_int_equal(gw_grpc_timeout_parse(gw_slice_str(text), &ns), 0);
    return ns;
}

static void all_units_of_a_timeout_are_read(void **state)
{
    (void)state;
    assert_int_equal(parsed("1n"), 1);
    assert_int_equal(parsed("2u"), 2000);
    assert_int_equal(parsed("3m"), 3000000);
    assert_int_equal(parsed("4S"), 4000000000);
    assert_int_equal(parsed("5M"), 300000000000);
    assert_int_equal(parsed("6H"), 21600000000000);
    assert_int_equal(parsed("0m"), 0);
    assert_int_equal(parsed("00000001S"), 1000000000);
    assert_true(parsed("99999999H") == UINT64_MAX);
}

static void malformed_timeouts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "1",   "m",   "1s",  "-1m",       "1.5S",
                                        "1 S", " 1S", "1mS", "+1m", "123456789m"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        uint64_t ns = 77;
        assert_int_equal(gw_grpc_timeout_parse(gw_slice_str(texts[i]), &ns), -1);
        assert_int_equal(ns, 77);
    }
}

static void a_formatted_timeout_reads_back_no_shorter(void **state)
{
    (void)state;
    for (uint64_t ms = 1; ms < (uint64_t)1 << 43; ms = ms * 3 + 1) {
        uint64_t ns = parsed(formatted(ms));
        assert_true(ns / 1000000 >= ms);
        assert_true(ns / 1000000 < ms + 3600000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_copies_and_keeps_the_order),
        cmocka_unit_test(an_empty_value_is_kept),
        cmocka_unit_test(ordinary_metadata_is_allowed),
        cmocka_unit_test(names_are_those_of_grpc),
        cmocka_unit_test(binary_values_are_lists_of_base64_as_every_decoder_takes_it),
        cmocka_unit_test(a_list_is_taken_apart),
        cmocka_unit_test(what_the_transport_writes_is_refused),
        cmocka_unit_test(bytes_outside_the_grammar_are_refused),
        cmocka_unit_test(a_proxy_hands_on_grpcs_own_fields_but_those_of_a_hop),
        cmocka_unit_test(a_timeout_has_at_most_eight_digits_and_is_rounded_up),
        cmocka_unit_test(all_units_of_a_timeout_are_read),
        cmocka_unit_test(malformed_timeouts_are_refused),
        cmocka_unit_test(a_formatted_timeout_reads_back_no_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
