#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "grpc/header_block.h"

static struct gw_header_block block;

static int setup(void **state)
{
    (void)state;
    gw_header_block_init(&block);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_header_block_clear(&block);
    return 0;
}

static int add(const char *name, const char *value)
{
    return gw_header_block_add(&block, gw_slice_str(name), gw_slice_str(value));
}

static void assert_slice(struct gw_slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.base, expected, s.len);
}

static void fields_of_the_protocol_are_not_metadata(void **state)
{
    (void)state;
    add(":status", "200");
    add("content-type", "application/grpc+proto");
    add("grpc-encoding", "identity");
    add("grpc-accept-encoding", "gzip");
    add("x-one", "1");
    add("grpc-status", "0");
    add("grpc-message", "fine");
    add("grpc-status-details-bin", "AAEC");
    add("x-two", "2");
    assert_int_equal(block.http_status, 200);
    assert_true(block.is_grpc);
    assert_int_equal(block.metadata.count, 2);
    assert_slice(block.metadata.items[1].name, "x-two");
}

static void the_form_of_an_answer_is_metadata_where_it_is_to_be_kept(void **state)
{
    (void)state;
    gw_header_block_begin(&block);
    block.keeps_form = true;
    add(":status", "200");
    add("content-type", "application/grpc+proto");
    add("grpc-encoding", "gzip");
    add("grpc-accept-encoding", "gzip,identity");
    assert_true(block.is_grpc);
    assert_int_equal(block.metadata.count, 2);
    assert_slice(block.encoding, "gzip");
    gw_header_block_begin(&block);
    assert_int_equal(block.encoding.len, 0);
    add("grpc-encoding", "gzip");
    assert_int_equal(block.metadata.count, 0);
}

static void several_encodings_are_a_list(void **state)
{
    (void)state;
    add("grpc-encoding", "gzip");
    assert_slice(block.encoding, "gzip");
    add("grpc-encoding", "snappy");
    assert_slice(block.encoding, "gzip,snappy");
}

static void a_status_with_message_and_details_is_the_peers(void **state)
{
    (void)state;
    add("grpc-status", "5");
    add("grpc-message", "no %C3%A9t%C3%A9 100%");
    add("grpc-status-details-bin", "CAUSAQ");
    add("retry-after", "7");
    struct gw_call_result result = gw_header_block_result(&block);
    assert_int_equal(result.status, GW_NOT_FOUND);
    assert_true(result.from_peer);
    assert_int_equal(result.http_status, 0);
    assert_slice(result.message, "no \xc3\xa9t\xc3\xa9 100%");
    assert_int_equal(result.details.len, 4);
    assert_memory_equal(result.details.base, "\x08\x05\x12\x01", 4);
    assert_int_equal(result.trailers.count, 1);
}

static int status_of(const char *text)
{
    gw_header_block_begin(&block);
    add("grpc-status", text);
    return gw_header_block_result(&block).status;
}

static void a_status_outside_the_table_is_kept_and_nonsense_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(status_of("77"), 77);
    assert_int_equal(status_of("00"), 0);
    assert_int_equal(status_of(""), GW_UNKNOWN);
    assert_int_equal(status_of("-1"), GW_UNKNOWN);
    assert_int_equal(status_of("NOT_FOUND"), GW_UNKNOWN);
    assert_int_equal(status_of("99999999999"), GW_UNKNOWN);
}

static void details_that_are_not_base64_are_left_out(void **state)
{
    (void)state;
    add("grpc-status", "5");
    add("grpc-status-details-bin", "!!!");
    assert_int_equal(gw_header_block_result(&block).details.len, 0);
}

static void trailers_without_a_status_are_malformed(void **state)
{
    (void)state;
    add("x-one", "1");
    struct gw_call_result result = gw_header_block_result(&block);
    assert_int_equal(result.status, GW_UNKNOWN);
    assert_int_equal(result.http_status, 502);
    assert_false(result.from_peer);
}

static void an_answer_that_is_not_grpc_is_mapped_from_its_http_status(void **state)
{
    (void)state;
    static const struct {
        const char *http;
        int status, http_status;
    } cases[] = {
        {"200", GW_UNKNOWN, 502},       {"400", GW_INTERNAL, 0},
        {"401", GW_UNAUTHENTICATED, 0}, {"403", GW_PERMISSION_DENIED, 0},
        {"404", GW_UNIMPLEMENTED, 0},   {"429", GW_UNAVAILABLE, 0},
        {"503", GW_UNAVAILABLE, 0},     {"302", GW_UNKNOWN, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        gw_header_block_begin(&block);
        add(":status", cases[i].http);
        add("content-type", "text/html");
        assert_false(block.is_grpc);
        struct gw_call_result result = gw_header_block_not_grpc(&block);
        assert_int_equal(result.status, cases[i].status);
        assert_int_equal(result.http_status, cases[i].http_status);
        assert_true(result.message.len > 0);
    }
}

static void assert_too_large(const char *message)
{
    assert_true(block.is_over);
    struct gw_call_result result = gw_header_block_too_large(&block);
    assert_int_equal(result.status, GW_RESOURCE_EXHAUSTED);
    assert_int_equal(result.http_status, 502);
    assert_slice(result.message, message);
    gw_header_block_begin(&block);
    assert_false(block.is_over);
}

static void a_block_has_a_limited_number_of_fields(void **state)
{
    (void)state;
    for (int i = 0; i < GW_HEADER_BLOCK_COUNT; i++)
        add("x", "");
    assert_false(block.is_over);
    assert_int_equal(add("x", ""), 0);
    assert_int_equal(block.metadata.count, GW_HEADER_BLOCK_COUNT);
    assert_too_large("the answer's metadata are over 256 fields");
}

static void a_block_has_a_limited_size(void **state)
{
    (void)state;
    static char big[GW_HEADER_BLOCK_BYTES];
    memset(big, 'v', sizeof(big));
    gw_header_block_add(&block, GW_SLICE("x"), gw_slice(big, sizeof(big) - 33));
    assert_false(block.is_over);
    assert_int_equal(add("y", ""), 0);
    assert_too_large("the answer's metadata take 65569 bytes, over 65536; y alone takes 1");

    assert_int_equal(gw_header_block_add(&block, GW_SLICE("x"), gw_slice(big, sizeof(big))), 0);
    assert_int_equal(add("y", ""), 0);
    assert_int_equal(block.metadata.count, 0);
    assert_too_large("the answer's metadata take 65602 bytes, over 65536; x alone takes 65537");
}

static void what_was_left_out_counts(void **state)
{
    (void)state;
    add("grpc-status", "3");
    gw_header_block_leave_out(&block, GW_SLICE("grpc-message"), 70000);
    assert_too_large(
        "the answer's metadata take 70044 bytes, over 65536; grpc-message alone takes 70000");

    gw_header_block_leave_out(&block, GW_SLICE(""), 70000);
    assert_too_large(
        "the answer's metadata take 70000 bytes, over 65536; a field alone takes 70000");

    static char name[300];
    memset(name, 'n', sizeof(name));
    gw_header_block_leave_out(&block, gw_slice(name, sizeof(name)), 70000);
    assert_too_large("the answer's metadata take 70000 bytes, over 65536; "
                     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn alone takes 70000");
}

/* What nobody has to copy may be of any size; what is looked at may not. */
static void a_block_is_looked_at_up_to_a_bound(void **state)
{
    (void)state;
    static char big[GW_HEADER_BLOCK_BYTES];
    memset(big, 'v', sizeof(big));
    gw_header_block_leave_out(&block, GW_SLICE("x"), 20 << 20);
    for (int i = 0; i < 15; i++)
        assert_int_equal(gw_header_block_add(&block, GW_SLICE("x"), gw_slice(big, sizeof(big))), 0);
    assert_int_equal(gw_header_block_add(&block, GW_SLICE("x"), gw_slice(big, sizeof(big))), -1);
    assert_too_large("the answer's metadata take 22020624 bytes and more, over 65536; "
                     "x alone takes 20971520");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fields_of_the_protocol_are_not_metadata),
        TEST(the_form_of_an_answer_is_metadata_where_it_is_to_be_kept),
        TEST(several_encodings_are_a_list),
        TEST(a_status_with_message_and_details_is_the_peers),
        TEST(a_status_outside_the_table_is_kept_and_nonsense_is_unknown),
        TEST(details_that_are_not_base64_are_left_out),
        TEST(trailers_without_a_status_are_malformed),
        TEST(an_answer_that_is_not_grpc_is_mapped_from_its_http_status),
        TEST(a_block_has_a_limited_number_of_fields),
        TEST(a_block_has_a_limited_size),
        TEST(what_was_left_out_counts),
        TEST(a_block_is_looked_at_up_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
