#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec.h"

static const char *status(int code, const char *text, const char *details)
{
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("kept"));
    gw_status_to_json(schema, code, gw_slice_str(text), unhex(details), &options, &pool, &out);
    assert_true(gw_slice_starts_with(gw_buf_slice(&out), GW_SLICE("kept")));
    return gw_buf_terminate(&out) + 4;
}

#define URL_VIOLATIONS "0a17 742f676f6f676c652e7270632e42616452657175657374"
#define URL_DURATION "0a1a 742f676f6f676c652e70726f746f6275662e4475726174696f6e"

static void a_status_without_details_has_an_empty_array(void **state)
{
    (void)state;
    assert_string_equal(status(5, "user not found", ""),
                        "{\"code\":5,\"message\":\"user not found\",\"details\":[]}");
    assert_string_equal(status(3, "", ""), "{\"code\":3,\"message\":\"\",\"details\":[]}");
    assert_string_equal(status(99, "", ""), "{\"code\":99,\"message\":\"\",\"details\":[]}");
}

static void the_message_is_always_json(void **state)
{
    (void)state;
    assert_string_equal(status(2, "a \"b\"\n\xff", ""),
                        "{\"code\":2,\"message\":\"a \\\"b\\\"\\n\xef\xbf\xbd\",\"details\":[]}");
}

static void details_of_known_types_are_written_with_their_fields(void **state)
{
    (void)state;
    assert_string_equal(
        status(3, "bad", "0803 1203626164 1a23" URL_VIOLATIONS "1208 0a06 0a0161 120162"),
        "{\"code\":3,\"message\":\"bad\",\"details\":[{\"@type\":\"t/google.rpc.BadRequest\","
        "\"fieldViolations\":[{\"field\":\"a\",\"description\":\"b\"}]}]}");
    assert_string_equal(status(4, "late", "1a20" URL_DURATION "1202 0803"),
                        "{\"code\":4,\"message\":\"late\",\"details\":[{\"@type\":"
                        "\"t/google.protobuf.Duration\",\"value\":\"3s\"}]}");
}

static void details_of_unknown_types_are_kept_as_base64(void **state)
{
    (void)state;
    assert_string_equal(status(3, "", "1a09 0a03 742f78 1202 1801"),
                        "{\"code\":3,\"message\":\"\",\"details\":[{\"@type\":\"t/x\",\"value\":"
                        "\"GAE=\"}]}");
}

static void several_details_keep_their_order(void **state)
{
    (void)state;
    assert_string_equal(status(3, "", "1a09 0a03 742f78 1202 1801 1a05 0a03 742f79 1a00"),
                        "{\"code\":3,\"message\":\"\",\"details\":[{\"@type\":\"t/x\",\"value\":"
                        "\"GAE=\"},{\"@type\":\"t/y\",\"value\":\"\"},{}]}");
}

static void the_options_count_for_details(void **state)
{
    (void)state;
    options.preserve_proto_names = true;
    assert_string_equal(status(3, "", "1a23" URL_VIOLATIONS "1208 0a06 0a0161 120162"),
                        "{\"code\":3,\"message\":\"\",\"details\":[{\"@type\":\"t/"
                        "google.rpc.BadRequest\",\"field_violations\":[{\"field\":\"a\","
                        "\"description\":\"b\"}]}]}");
}

static void broken_details_are_left_out(void **state)
{
    (void)state;
    static const char none[] = "{\"code\":3,\"message\":\"m\",\"details\":[]}";
    assert_string_equal(status(3, "m", "1a"), none);
    assert_string_equal(status(3, "m", "1a09 0a03"), none);
    assert_string_equal(status(3, "m", "18 01"), none);
    assert_string_equal(status(3, "m", "1a02 0aff"), none);
    assert_string_equal(status(3, "m", "1a05 0a03 742f79 1a"), none);
    /* One is broken inside, the next is not. */
    assert_string_equal(
        status(3, "m", "1a1c" URL_VIOLATIONS "1201 0a 1a05 0a03 742f79"),
        "{\"code\":3,\"message\":\"m\",\"details\":[{\"@type\":\"t/y\",\"value\":\"\"}]}");
}

static void the_form_is_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int code; /* 0: it is not that form */
        const char *message;
    } rows[] = {
        {"{\"code\":16,\"message\":\"no \\u006bey\",\"details\":[{\"a\":[1]}]}", 16, "no key"},
        {" {\"message\": \"m\", \"more\": null, \"code\": 3} ", 3, "m"},
        {"{\"code\":5}", 5, ""},
        {"{\"code\":5,\"message\":7}", 5, ""},
        {"{\"code\":0,\"message\":\"m\"}", 0, NULL},
        {"{\"code\":17,\"message\":\"m\"}", 0, NULL},
        {"{\"code\":\"5\",\"message\":\"m\"}", 0, NULL},
        {"{\"message\":\"m\"}", 0, NULL},
        {"{\"code\":5,\"message\":\"m\"", 0, NULL},
        {"{}", 0, NULL},
        {"no key", 0, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int code = 0;
        struct gw_slice message;
        assert_int_equal(gw_status_from_json(gw_slice_str(rows[i].json), &pool, &code, &message),
                         rows[i].code != 0);
        assert_int_equal(code, rows[i].code);
        if (code != 0)
            assert_true(gw_slice_eq(message, gw_slice_str(rows[i].message)));
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    codec_load_schema(argv[1]);
#define codec_test(f) cmocka_unit_test_setup_teardown(f, codec_setup, codec_teardown)
    const struct CMUnitTest tests[] = {
        codec_test(a_status_without_details_has_an_empty_array),
        codec_test(the_message_is_always_json),
        codec_test(details_of_known_types_are_written_with_their_fields),
        codec_test(details_of_unknown_types_are_kept_as_base64),
        codec_test(several_details_keep_their_order),
        codec_test(the_options_count_for_details),
        codec_test(broken_details_are_left_out),
        codec_test(the_form_is_read_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
