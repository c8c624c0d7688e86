#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/request.h"
#include "order/v1/order.pb-c.h"
#include "strings.pb-c.h"
#include "user/v1/user.pb-c.h"

#define USER (&user__v1__create_user_request__descriptor)
#define ORDER (&order__v1__create_order_request__descriptor)
#define STRINGS (&test__v1__strings__descriptor)
#define QUESTION (&grpc__reflection__v1__server_reflection_request__descriptor)

static void expect_taken(const ProtobufCMessageDescriptor *type, struct gw_slice bytes)
{
    struct gw_error error = {.message = ""};
    ProtobufCMessage *message = gw_request_unpack(type, bytes, NULL, &error);
    assert_string_equal(error.message, "");
    assert_non_null(message);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void expect_refused(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                           enum gw_status status, size_t position, const char *text)
{
    struct gw_error error = {.message = ""};
    assert_null(gw_request_unpack(type, bytes, NULL, &error));
    assert_string_equal(error.message, text);
    assert_int_equal(error.status, status);
    assert_int_equal(error.position, position);
}

static void expect_invalid(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                           size_t position, const char *text)
{
    expect_refused(type, bytes, GW_INVALID_ARGUMENT, position, text);
}

static void strings_are_whole_utf8(void **state)
{
    (void)state;
    expect_taken(USER, GW_SLICE(""));
    expect_taken(USER, gw_slice(NULL, 0));
    expect_taken(USER, GW_SLICE("\x0a\0"));
    expect_taken(USER, GW_SLICE("\x0a\x03Z\xc3\xb6"));
    expect_taken(USER, GW_SLICE("\x12\x04\xf0\x9f\x98\x80"));
    expect_invalid(USER,
                   GW_SLICE("\x0a\x03"
                            "a\0b"),
                   3, "username: has a NUL character");
    expect_invalid(USER, GW_SLICE("\x0a\x01\0"), 2, "username: has a NUL character");
    expect_invalid(USER, GW_SLICE("\x12\x02x\xff"), 3, "email: is not UTF-8");
    expect_invalid(USER, GW_SLICE("\x12\x02\xc0\x80"), 2, "email: is not UTF-8");
    expect_invalid(USER, GW_SLICE("\x12\x03\xed\xa0\x80"), 2, "email: is not UTF-8");
}

static void an_occurrence_that_is_replaced_counts(void **state)
{
    (void)state;
    expect_invalid(USER, GW_SLICE("\x0a\x01\0\x0a\x01x"), 2, "username: has a NUL character");
    /* Two members of one oneof. */
    expect_invalid(QUESTION, GW_SLICE("\x22\x01\0\x3a\x01*"), 2,
                   "file_containing_symbol: has a NUL character");
}

static void messages_in_messages_are_looked_into(void **state)
{
    (void)state;
    expect_invalid(ORDER, GW_SLICE("\x0a\x01u\x12\x03\x0a\x01p\x12\x06\x0a\x01p\x12\x01\0"), 15,
                   "items[1].product_name: has a NUL character");
    /* In a oneof. */
    expect_invalid(QUESTION, GW_SLICE("\x2a\x03\x0a\x01\xff"), 4,
                   "file_containing_extension.containing_type: is not UTF-8");
}

static void maps_are_looked_into(void **state)
{
    (void)state;
    expect_taken(STRINGS, GW_SLICE("\x1a\x06\x0a\x01k\x12\x01v"));
    expect_invalid(STRINGS, GW_SLICE("\x1a\x06\x0a\x01k\x12\x01\0"), 7,
                   "by_name[0].value: has a NUL character");
    expect_invalid(STRINGS, GW_SLICE("\x1a\x06\x0a\x01\xff\x12\x01v"), 4,
                   "by_name[0].key: is not UTF-8");
}

static void repeated_strings_are_looked_into(void **state)
{
    (void)state;
    expect_taken(STRINGS, GW_SLICE("\x12\x01x\x12\x01y"));
    expect_invalid(STRINGS, GW_SLICE("\x12\x01x\x12\x01\0"), 5, "many[1]: has a NUL character");
    expect_invalid(STRINGS, GW_SLICE("\x32\0\x32\x05\x2a\x03\x22\x01\0"), 8,
                   "list[1].chosen.word: has a NUL character");
}

static void what_is_no_string_may_hold_anything(void **state)
{
    (void)state;
    expect_taken(STRINGS, GW_SLICE("\x3a\x02\0\xff")); /* bytes */
    expect_taken(USER, GW_SLICE("\x7a\x02\0\xff"));    /* a field that is not known */
}

static void what_is_no_such_message_is_told(void **state)
{
    (void)state;
    const char *text = "request is not a user.v1.CreateUserRequest";
    expect_refused(USER, GW_SLICE("\xff"), GW_INTERNAL, 0, text);
    expect_refused(USER, GW_SLICE("\x0a\x05x"), GW_INTERNAL, 0, text);
    expect_refused(USER, GW_SLICE("\x08\x01"), GW_INTERNAL, 0, text); /* a number for username */
}

/* Strings.list in itself. */
static struct gw_slice nest(struct gw_buf *out, unsigned depth)
{
    struct gw_buf inner = GW_BUF_HEAP;
    for (unsigned i = 0; i < depth; i++) {
        inner.len = 0;
        gw_buf_append(&inner, gw_buf_slice(out));
        out->len = 0;
        gw_buf_append_byte(out, 0x32);
        if (inner.len > 127)
            gw_buf_append_byte(out, (char)(inner.len | 0x80));
        gw_buf_append_byte(out, (char)(inner.len > 127 ? inner.len >> 7 : inner.len));
        gw_buf_append(out, gw_buf_slice(&inner));
    }
    gw_buf_dispose(&inner);
    return gw_buf_slice(out);
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    struct gw_buf bytes = GW_BUF_HEAP;
    expect_taken(STRINGS, nest(&bytes, GW_REQUEST_DEPTH_MAX - 1));
    struct gw_error error;
    assert_int_equal(gw_request_check(STRINGS, nest(&bytes, 1), &error), -1);
    assert_int_equal(error.status, GW_INTERNAL);
    assert_string_equal(error.message, "request is not a test.v1.Strings");
    assert_int_equal(gw_request_check(STRINGS, nest(&bytes, 3000), &error), -1);
    gw_buf_dispose(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_whole_utf8),
        cmocka_unit_test(an_occurrence_that_is_replaced_counts),
        cmocka_unit_test(messages_in_messages_are_looked_into),
        cmocka_unit_test(maps_are_looked_into),
        cmocka_unit_test(repeated_strings_are_looked_into),
        cmocka_unit_test(what_is_no_string_may_hold_anything),
        cmocka_unit_test(what_is_no_such_message_is_told),
        cmocka_unit_test(nesting_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
