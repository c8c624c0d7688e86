/* The cases of the W3C's own test suite (github.com/w3c/trace-context, test/test.py), and more. */
#include "support.h"

#include <stdio.h>

#define ID "12345678901234567890123456789012"
#define SPAN "1234567890123456"

static bool is_accepted(const char *traceparent)
{
    header("traceparent", traceparent);
    begin(GW_TRACE_W3C, 1);
    return is_continued(ID, SPAN);
}

static void traceparent_is_continued(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "00-" ID "-" SPAN "-01",   "00-" ID "-" SPAN "-00",
        "00-" ID "-" SPAN "-ff",   " 00-" ID "-" SPAN "-01",
        "\t00-" ID "-" SPAN "-01", "00-" ID "-" SPAN "-01 ",
        "00-" ID "-" SPAN "-01\t", "\t 00-" ID "-" SPAN "-01 \t",
        "cc-" ID "-" SPAN "-01",   "cc-" ID "-" SPAN "-01-what-the-future-will-be-like",
        "cc-" ID "-" SPAN "-01-",  "01-" ID "-" SPAN "-00-",
    };
    for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
        assert_true(is_accepted(valid[i]));
}

static void a_malformed_traceparent_begins_anew(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "",
        "-",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-",
        "00-" ID "-" SPAN "-1",
        "00-" ID "-" SPAN "-01-",
        "00-" ID "-" SPAN "-01-what-the-future-will-be-like",
        "00-" ID "-" SPAN "-01.",
        "cc-" ID "-" SPAN "-01.what-the-future-will-not-be-like",
        "cc-" ID "-" SPAN "-011",
        "ff-" ID "-" SPAN "-01",
        ".0-" ID "-" SPAN "-01",
        "0.-" ID "-" SPAN "-01",
        "CC-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-01",
        "000-" ID "-" SPAN "-01",
        "00-.2345678901234567890123456789012-" SPAN "-01",
        "00-1234567890123456789012345678901.-" SPAN "-01",
        "00-1234567890123456789012345678901-" SPAN "-01",
        "00-" ID "3-" SPAN "-01",
        "00-" ID "-.234567890123456-01",
        "00-" ID "-123456789012345.-01",
        "00-" ID "-123456789012345-01",
        "00-" ID "-" SPAN "7-01",
        "00-" ID "-" SPAN "-.0",
        "00-" ID "-" SPAN "-0.",
        "00-" ID "-" SPAN "-0A",
        "00-" ID "-00000000000000000-01",
        "00_" ID "_" SPAN "_01",
        "00-" ID "-" SPAN "-01,00-" ID "-" SPAN "-01",
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        assert_false(is_accepted(invalid[i]));
        assert_string_equal(trace.parent_id, "");
        assert_int_equal(strlen(trace.trace_id), 32);
    }
}

static void ids_of_zeros_and_upper_case_are_invalid(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-ABCDEFABCDEFABCDEFABCDEFABCDEFAB-" SPAN "-01",
        "00-" ID "-ABCDEFABCDEFABCD-01",
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        header("traceparent", invalid[i]);
        begin(GW_TRACE_W3C, 1);
        assert_string_equal(trace.parent_id, "");
        assert_string_not_equal(trace.trace_id, "00000000000000000000000000000000");
    }
}

static void two_traceparents_are_none(void **state)
{
    (void)state;
    header("traceparent", "00-12345678901234567890123456789011-" SPAN "-01");
    header("traceparent", "00-" ID "-" SPAN "-01");
    header("tracestate", "a=1");
    begin(GW_TRACE_W3C, 1);
    assert_string_equal(trace.parent_id, "");
    assert_int_equal(trace.tracestate.len, 0);
}

static void the_lowest_flag_is_the_sampling_decision(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        bool sampled;
    } cases[] = {{"00", false}, {"01", true}, {"02", false}, {"03", true},
                 {"fe", false}, {"ff", true}, {"a5", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[64] = "00-" ID "-" SPAN "-";
        strcat(text, cases[i].flags);
        header("traceparent", text);
        begin(GW_TRACE_W3C, cases[i].sampled ? 0 : 1);
        assert_true(trace.sampled == cases[i].sampled);
    }
}

/* The tracestate that goes on for the values of one to three headers. */
static const char *state_after(const char *first, const char *second, const char *third)
{
    static char text[2048];
    header("traceparent", "00-" ID "-" SPAN "-00");
    const char *const values[] = {first, second, third};
    for (int i = 0; i < 3 && values[i] != NULL; i++)
        header("tracestate", values[i]);
    begin(GW_TRACE_W3C, 1);
    struct gw_slice s = trace.tracestate;
    assert_true(s.len < sizeof(text));
    h2o_memcpy(text, s.base, s.len);
    text[s.len] = '\0';
    return text;
}

static void a_wellformed_tracestate_goes_on(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "foo=1",
        "foo=1,bar=2",
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1,foo=1",
        "foo=1,foo=2",
        "foo=bar baz",
        "foo= bar",
        "foo@vendor=1,bar=2",
        "0foo@vendor=1",
        "f/o*o-b_a0=!\"#$%&'()*+-./0123456789:;<>?@[\\]^_`{|}~",
        "foo=1,,bar=2",
        ",foo=1",
    };
    for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
        assert_string_equal(state_after(valid[i], NULL, NULL), valid[i]);
    assert_string_equal(state_after(" \tfoo=1,bar=2 \t", NULL, NULL), "foo=1,bar=2");
    assert_string_equal(state_after("foo=1,bar=2,", NULL, NULL), "foo=1,bar=2");
}

static void tracestate_headers_are_joined(void **state)
{
    (void)state;
    assert_string_equal(state_after("foo=1,bar=2", "rojo=1,congo=2", "baz=3"),
                        "foo=1,bar=2,rojo=1,congo=2,baz=3");
    assert_string_equal(state_after("foo=1", "", NULL), "foo=1");
    assert_string_equal(state_after("", "foo=1", NULL), "foo=1");
    assert_string_equal(state_after("foo=1", "bad", NULL), "");
}

static void a_malformed_tracestate_is_dropped(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "foo",
        "foo=",
        "=1",
        "foo=,bar=3",
        "foo=bar=baz",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "1foo=1",
        "foo@1v=1",
        "foo=b\x7f",
        "foo=\xc3\xa4",
        "foo=a\tb",
        "foo=1,bar",
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        assert_string_equal(state_after(invalid[i], NULL, NULL), "");
        assert_true(is_continued(ID, SPAN));
    }
}

static const char *repeat(char *out, char c, size_t count, const char *end)
{
    memset(out, c, count);
    strcpy(out + count, end);
    return out;
}

static void the_limits_of_tracestate_members_hold(void **state)
{
    (void)state;
    char text[600], expected[600];
    repeat(text, 'z', 256, "=1");
    assert_string_equal(state_after(text, NULL, NULL), text);
    repeat(text, 'z', 257, "=1");
    assert_string_equal(state_after(text, NULL, NULL), "");
    repeat(text, 't', 241, "@vvvvvvvvvvvvvv=1");
    assert_string_equal(state_after(text, NULL, NULL), text);
    repeat(text, 't', 242, "@v=1");
    assert_string_equal(state_after(text, NULL, NULL), "");
    assert_string_equal(state_after("t@vvvvvvvvvvvvvvv=1", NULL, NULL), "");
    strcpy(text, "foo=");
    repeat(text + 4, 'v', 256, "");
    strcpy(expected, text);
    assert_string_equal(state_after(text, NULL, NULL), expected);
    repeat(text + 4, 'v', 257, "");
    assert_string_equal(state_after(text, NULL, NULL), "");
}

static void a_tracestate_has_at_most_32_members(void **state)
{
    (void)state;
    char text[400] = "";
    for (int i = 0; i < 32; i++)
        sprintf(text + strlen(text), "%sbar%02d=%02d", i ? "," : "", i, i);
    assert_string_equal(state_after(text, NULL, NULL), text);
    strcat(text, ",");
    assert_int_equal(strlen(state_after(text, NULL, NULL)), strlen(text) - 1);
    strcat(text, "bar32=32");
    assert_string_equal(state_after(text, NULL, NULL), "");
}

static void a_tracestate_over_512_bytes_loses_its_last_members(void **state)
{
    (void)state;
    char text[1024] = "", expected[1024];
    for (int i = 0; i < 8; i++)
        sprintf(text + strlen(text), "%skey%d=%0*d", i ? "," : "", i, i ? 58 : 59, i);
    assert_int_equal(strlen(text), 512);
    assert_string_equal(state_after(text, NULL, NULL), text);
    strcpy(expected, text);
    strcat(text, ",k=v");
    assert_string_equal(state_after(text, NULL, NULL), expected);
    /* One byte more in the eighth. */
    text[512] = 'x';
    strcpy(text + 513, ",k=v");
    expected[512 - 64] = '\0';
    assert_string_equal(state_after(text, NULL, NULL), expected);
}

static void tracestate_needs_a_traceparent(void **state)
{
    (void)state;
    header("tracestate", "foo=1");
    begin(GW_TRACE_W3C, 1);
    assert_int_equal(trace.tracestate.len, 0);
    header("traceparent", "00-" ID "-" SPAN "-0x");
    header("tracestate", "foo=1");
    begin(GW_TRACE_W3C, 1);
    assert_int_equal(trace.tracestate.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(traceparent_is_continued),
        TEST(a_malformed_traceparent_begins_anew),
        TEST(ids_of_zeros_and_upper_case_are_invalid),
        TEST(two_traceparents_are_none),
        TEST(the_lowest_flag_is_the_sampling_decision),
        TEST(a_wellformed_tracestate_goes_on),
        TEST(tracestate_headers_are_joined),
        TEST(a_malformed_tracestate_is_dropped),
        TEST(the_limits_of_tracestate_members_hold),
        TEST(a_tracestate_has_at_most_32_members),
        TEST(a_tracestate_over_512_bytes_loses_its_last_members),
        TEST(tracestate_needs_a_traceparent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
