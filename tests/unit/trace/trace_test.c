#include "support.h"

#define ID64 "48485a3953bb6124"
#define ID128 "463ac35c9f6413ad48485a3953bb6124"
#define PADDED "0000000000000000" ID64
#define SPAN "a2fb4a1d1a96d312"
#define PARENT "0020000000000001"

static void headers_are_filed_by_name(void **state)
{
    (void)state;
    struct {
        const char *name;
        struct gw_slice *slot;
    } const names[] = {
        {"traceparent", &headers.traceparent},
        {"tracestate", &headers.tracestate},
        {"b3", &headers.b3},
        {"x-b3-traceid", &headers.x_b3_traceid},
        {"x-b3-spanid", &headers.x_b3_spanid},
        {"x-b3-parentspanid", &headers.x_b3_parentspanid},
        {"x-b3-sampled", &headers.x_b3_sampled},
        {"x-b3-flags", &headers.x_b3_flags},
        {"x-trace-id", &headers.x_trace_id},
        {"x-span-id", &headers.x_span_id},
        {"x-parent-id", &headers.x_parent_id},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        header(names[i].name, names[i].name);
        assert_slice(*names[i].slot, names[i].name);
    }
    static const char *const others[] = {
        "",           "b4",          "host",          "x-request-id",
        "X-Trace-ID", "traceparenx", "x-b3-traceids", "accept-language"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_false(
            gw_trace_headers_take(&headers, &pool, gw_slice_str(others[i]), GW_SLICE("1")));
}

static void the_first_of_two_equal_headers_counts(void **state)
{
    (void)state;
    header("x-trace-id", "first");
    header("x-trace-id", "second");
    assert_slice(headers.x_trace_id, "first");
}

static void without_headers_a_trace_begins(void **state)
{
    (void)state;
    char last[33] = "";
    for (int i = 0; i < 1000; i++) {
        begin(ALL_FORMS, 1);
        assert_int_equal(strlen(trace.trace_id), 32);
        assert_int_equal(strspn(trace.trace_id, "0123456789abcdef"), 32);
        assert_int_equal(strlen(trace.span_id), 16);
        assert_int_equal(strspn(trace.span_id, "0123456789abcdef"), 16);
        assert_string_equal(trace.parent_id, "");
        assert_string_not_equal(trace.trace_id, last);
        assert_slice(trace.x_trace_id, trace.trace_id);
        strcpy(last, trace.trace_id);
    }
}

static void b3_in_one_header_is_continued(void **state)
{
    (void)state;
    static const struct {
        const char *text, *trace_id;
        bool sampled, debug; /* sample is 0: false where b3 does not say */
    } cases[] = {
        {ID128 "-" SPAN, ID128, false, false},
        {ID128 "-" SPAN "-0", ID128, false, false},
        {ID128 "-" SPAN "-1", ID128, true, false},
        {ID128 "-" SPAN "-d", ID128, true, true},
        {ID128 "-" SPAN "-1-" PARENT, ID128, true, false},
        {ID128 "-" SPAN "-d-" PARENT, ID128, true, true},
        {ID64 "-" SPAN "-1", PADDED, true, false},
        {" " ID64 "-" SPAN "-1\t", PADDED, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        header("b3", cases[i].text);
        begin(ALL_FORMS, 0);
        assert_true(is_continued(cases[i].trace_id, SPAN));
        assert_true(trace.sampled == cases[i].sampled);
        assert_true(trace.debug == cases[i].debug);
    }
    header("b3", ID128 "-" SPAN);
    begin(ALL_FORMS, 1);
    assert_true(trace.sampled);
}

static void malformed_b3_begins_anew(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "",
        "-",
        "--",
        "---",
        "x",
        "01",
        ID128,
        ID128 "-",
        ID128 "-" SPAN "-",
        ID128 "-" SPAN "-2",
        ID128 "-" SPAN "-true",
        ID128 "-" SPAN "-1-",
        ID128 "-" SPAN "-1-" SPAN "-",
        ID128 "-" SPAN "-1-12345",
        ID128 "-" SPAN "--" SPAN,
        ID128 "-" SPAN "0",
        ID128 "0-" SPAN,
        "-" SPAN,
        "463AC35C9F6413AD48485A3953BB6124-" SPAN,
        ID128 "-A2FB4A1D1A96D312",
        "00000000000000000000000000000000-" SPAN,
        "0000000000000000-" SPAN,
        ID128 "-0000000000000000",
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        header("b3", invalid[i]);
        begin(ALL_FORMS, 0);
        assert_string_equal(trace.parent_id, "");
        assert_string_not_equal(trace.trace_id, ID128);
        assert_false(trace.sampled);
    }
}

static void b3_may_be_a_decision_alone(void **state)
{
    (void)state;
    static const struct {
        const char *b3;
        bool sampled, debug;
    } cases[] = {{"0", false, false}, {"1", true, false}, {"d", true, true}};
    for (size_t i = 0; i < 3; i++) {
        header("b3", cases[i].b3);
        begin(ALL_FORMS, cases[i].sampled ? 0 : 1);
        assert_string_equal(trace.parent_id, "");
        assert_true(trace.sampled == cases[i].sampled);
        assert_true(trace.debug == cases[i].debug);
        /* It also decides for a trace named by another form. */
        header("b3", cases[i].b3);
        header("x-trace-id", ID64);
        begin(ALL_FORMS, cases[i].sampled ? 0 : 1);
        assert_string_equal(trace.trace_id, PADDED);
        assert_true(trace.sampled == cases[i].sampled);
    }
}

static void b3_in_many_headers_is_continued(void **state)
{
    (void)state;
    static const struct {
        const char *sampled, *flags;
        bool expected, debug;
    } cases[] = {
        {"1", "", true, false},      {"0", "", false, false},   {"true", "", true, false},
        {"false", "", false, false}, {"", "1", true, true},     {"0", "1", true, true},
        {"", "0", false, false},     {"yes", "", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        header("x-b3-traceid", i % 2 ? ID64 : ID128);
        header("x-b3-spanid", SPAN);
        header("x-b3-parentspanid", PARENT);
        header("x-b3-sampled", cases[i].sampled);
        header("x-b3-flags", cases[i].flags);
        begin(ALL_FORMS, 0);
        assert_true(is_continued(i % 2 ? PADDED : ID128, SPAN));
        assert_true(trace.sampled == cases[i].expected);
        assert_true(trace.debug == cases[i].debug);
    }
}

static void b3_without_ids_in_many_headers_still_decides(void **state)
{
    (void)state;
    header("x-b3-sampled", "0");
    begin(ALL_FORMS, 1);
    assert_false(trace.sampled);
    header("x-b3-traceid", ID128);
    header("x-b3-sampled", "1");
    begin(ALL_FORMS, 0);
    assert_string_not_equal(trace.trace_id, ID128);
    assert_true(trace.sampled);
}

static void x_trace_id_of_hex_digits_is_the_id(void **state)
{
    (void)state;
    header("x-trace-id", ID128);
    header("x-span-id", SPAN);
    header("x-parent-id", PARENT);
    begin(ALL_FORMS, 1);
    assert_true(is_continued(ID128, SPAN));
    assert_slice(trace.x_trace_id, ID128);

    header("x-trace-id", "463AC35C9F6413AD48485A3953BB6124");
    header("x-span-id", "A2FB4A1D1A96D312");
    begin(ALL_FORMS, 1);
    assert_true(is_continued(ID128, SPAN));
    assert_slice(trace.x_trace_id, "463AC35C9F6413AD48485A3953BB6124");

    header("x-trace-id", ID64);
    header("x-parent-id", PARENT);
    begin(ALL_FORMS, 1);
    assert_true(is_continued(PADDED, PARENT));
    assert_slice(trace.x_trace_id, ID64);
}

static void an_odd_x_trace_id_is_kept_and_hashed(void **state)
{
    (void)state;
    /* FNV-1a, from the vectors of draft-eastlake-fnv. */
    header("x-trace-id", "a");
    header("x-span-id", "not-an-id");
    begin(ALL_FORMS, 1);
    assert_true(is_continued("d228cb696f1a8caf78912b704e4a8964", ""));
    assert_slice(trace.x_trace_id, "a");
    header("x-trace-id", "foobar");
    begin(ALL_FORMS, 1);
    assert_string_equal(trace.trace_id, "343e1662793c64bf6f0d3597ba446f18");

    static const char *const odd[] = {
        "00000000000000000000000000000000",
        "0000000000000000",
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        "463ac35c9f6413ad48485a3953bb612",
        "~!@#$%^&*()",
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        header("x-trace-id", odd[i]);
        begin(ALL_FORMS, 1);
        char first[33];
        strcpy(first, trace.trace_id);
        assert_slice(trace.x_trace_id, odd[i]);
        assert_string_not_equal(first, "00000000000000000000000000000000");
        header("x-trace-id", odd[i]);
        begin(ALL_FORMS, 1);
        assert_string_equal(trace.trace_id, first);
    }
}

static void an_x_trace_id_is_at_most_128_visible_characters(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof(text));
    text[128] = '\0';
    header("x-trace-id", text);
    begin(ALL_FORMS, 1);
    assert_slice(trace.x_trace_id, text);
    text[128] = 'x';
    text[129] = '\0';
    header("x-trace-id", text);
    begin(ALL_FORMS, 1);
    assert_slice(trace.x_trace_id, trace.trace_id);
    static const char *const invisible[] = {"a b", "a\x7f", "a\xc3\xa4", "a\x01", " ", "\t"};
    for (size_t i = 0; i < sizeof(invisible) / sizeof(*invisible); i++) {
        header("x-trace-id", invisible[i]);
        begin(ALL_FORMS, 1);
        assert_slice(trace.x_trace_id, trace.trace_id);
    }
}

#define W3C_ID "11111111111111111111111111111111"
#define B3_ID "22222222222222222222222222222222"
#define X_B3_ID "33333333333333333333333333333333"
#define X_ID "44444444444444444444444444444444"

static void all_forms(const char *traceparent, const char *b3, const char *x_b3)
{
    header("traceparent", traceparent);
    header("b3", b3);
    header("x-b3-traceid", x_b3);
    header("x-b3-spanid", SPAN);
    header("x-trace-id", X_ID);
}

static void forms_are_read_in_order(void **state)
{
    (void)state;
    static const char w3c[] = "00-" W3C_ID "-" SPAN "-01", b3[] = B3_ID "-" SPAN "-1";
    all_forms(w3c, b3, X_B3_ID);
    begin(ALL_FORMS, 1);
    assert_string_equal(trace.trace_id, W3C_ID);
    assert_slice(trace.x_trace_id, W3C_ID);
    all_forms("00-x", b3, X_B3_ID);
    begin(ALL_FORMS, 1);
    assert_string_equal(trace.trace_id, B3_ID);
    all_forms("00-x", "bad", X_B3_ID);
    begin(ALL_FORMS, 1);
    assert_string_equal(trace.trace_id, X_B3_ID);
    all_forms("00-x", "bad", "bad");
    begin(ALL_FORMS, 1);
    assert_string_equal(trace.trace_id, X_ID);
}

static void only_forms_asked_for_are_read(void **state)
{
    (void)state;
    static const char w3c[] = "00-" W3C_ID "-" SPAN "-01", b3[] = B3_ID "-" SPAN "-1";
    all_forms(w3c, b3, X_B3_ID);
    begin(GW_TRACE_B3 | GW_TRACE_X, 1);
    assert_string_equal(trace.trace_id, B3_ID);
    all_forms(w3c, b3, X_B3_ID);
    begin(GW_TRACE_X, 1);
    assert_string_equal(trace.trace_id, X_ID);
    all_forms(w3c, b3, X_B3_ID);
    begin(0, 1);
    assert_string_equal(trace.parent_id, "");
    assert_string_not_equal(trace.trace_id, X_ID);
}

static void a_denied_trace_stays_denied(void **state)
{
    (void)state;
    header("traceparent", "00-" W3C_ID "-" SPAN "-00");
    header("b3", "1");
    begin(ALL_FORMS, 1);
    assert_false(trace.sampled);
}

static void sampling_is_as_frequent_as_asked(void **state)
{
    (void)state;
    static const double samples[] = {0, 0.01, 0.5, 0.9, 1};
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        const double count = 40000, p = samples[i];
        double sampled = 0;
        for (int n = 0; n < (int)count; n++) {
            header("x-trace-id", ID128); /* names a trace and does not decide */
            begin(ALL_FORMS, p);
            sampled += trace.sampled;
        }
        double deviation = sampled - count * p;
        assert_true(deviation * deviation <= 25 * count * p * (1 - p));
    }
}

static void assert_header(const struct gw_trace_header *h, const char *name, const char *value)
{
    assert_slice(h->name, name);
    assert_slice(h->value, value);
}

static void all_forms_go_upstream(void **state)
{
    (void)state;
    header("traceparent", "00-" W3C_ID "-" SPAN "-01");
    header("tracestate", "foo=1");
    begin(ALL_FORMS, 0);
    strcpy(trace.span_id, "fedcba9876543210");
    struct gw_trace_header out[GW_TRACE_INJECT_MAX];
    assert_int_equal(gw_trace_inject(&trace, ALL_FORMS, &pool, out), 6);
    assert_header(&out[0], "traceparent", "00-" W3C_ID "-fedcba9876543210-01");
    assert_header(&out[1], "tracestate", "foo=1");
    assert_header(&out[2], "b3", W3C_ID "-fedcba9876543210-1-" SPAN);
    assert_header(&out[3], "x-trace-id", W3C_ID);
    assert_header(&out[4], "x-span-id", "fedcba9876543210");
    assert_header(&out[5], "x-parent-id", SPAN);
}

static void a_root_has_no_parent_upstream(void **state)
{
    (void)state;
    header("x-trace-id", "7");
    begin(ALL_FORMS, 0);
    strcpy(trace.span_id, "fedcba9876543210");
    strcpy(trace.trace_id, X_ID);
    struct gw_trace_header out[GW_TRACE_INJECT_MAX];
    assert_int_equal(gw_trace_inject(&trace, ALL_FORMS, &pool, out), 4);
    assert_header(&out[0], "traceparent", "00-" X_ID "-fedcba9876543210-00");
    assert_header(&out[1], "b3", X_ID "-fedcba9876543210-0");
    assert_header(&out[2], "x-trace-id", "7");
    assert_header(&out[3], "x-span-id", "fedcba9876543210");
}

static void only_forms_asked_for_go_upstream(void **state)
{
    (void)state;
    header("b3", ID128 "-" SPAN "-d");
    begin(ALL_FORMS, 0);
    strcpy(trace.span_id, "fedcba9876543210");
    struct gw_trace_header out[GW_TRACE_INJECT_MAX];
    assert_int_equal(gw_trace_inject(&trace, 0, &pool, out), 0);
    assert_int_equal(gw_trace_inject(&trace, GW_TRACE_B3, &pool, out), 1);
    assert_header(&out[0], "b3", ID128 "-fedcba9876543210-d-" SPAN);
    assert_int_equal(gw_trace_inject(&trace, GW_TRACE_W3C, &pool, out), 1);
    assert_header(&out[0], "traceparent", "00-" ID128 "-fedcba9876543210-01");
    assert_int_equal(gw_trace_inject(&trace, GW_TRACE_X, &pool, out), 3);
    assert_header(&out[2], "x-parent-id", SPAN);
}

static void what_is_sent_is_continued_by_the_next(void **state)
{
    (void)state;
    static const unsigned forms[] = {GW_TRACE_W3C, GW_TRACE_B3, GW_TRACE_X};
    for (size_t i = 0; i < 3; i++) {
        header("traceparent", "00-" W3C_ID "-" SPAN "-01");
        begin(ALL_FORMS, 0);
        struct gw_trace first = trace;
        struct gw_trace_header out[GW_TRACE_INJECT_MAX];
        size_t count = gw_trace_inject(&trace, forms[i], &pool, out);
        struct gw_trace_headers sent = {0};
        for (size_t k = 0; k < count; k++)
            assert_true(gw_trace_headers_take(&sent, &pool, out[k].name, out[k].value));
        struct gw_trace next;
        gw_trace_begin(&next, &sent, ALL_FORMS, 1);
        assert_string_equal(next.trace_id, W3C_ID);
        assert_string_equal(next.parent_id, first.span_id);
        assert_true(next.sampled);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_are_filed_by_name),
        TEST(the_first_of_two_equal_headers_counts),
        TEST(without_headers_a_trace_begins),
        TEST(b3_in_one_header_is_continued),
        TEST(malformed_b3_begins_anew),
        TEST(b3_may_be_a_decision_alone),
        TEST(b3_in_many_headers_is_continued),
        TEST(b3_without_ids_in_many_headers_still_decides),
        TEST(x_trace_id_of_hex_digits_is_the_id),
        TEST(an_odd_x_trace_id_is_kept_and_hashed),
        TEST(an_x_trace_id_is_at_most_128_visible_characters),
        TEST(forms_are_read_in_order),
        TEST(only_forms_asked_for_are_read),
        TEST(a_denied_trace_stays_denied),
        TEST(sampling_is_as_frequent_as_asked),
        TEST(all_forms_go_upstream),
        TEST(a_root_has_no_parent_upstream),
        TEST(only_forms_asked_for_go_upstream),
        TEST(what_is_sent_is_continued_by_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
