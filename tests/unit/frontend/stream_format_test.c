#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frontend/stream_format.h"

#define NDJSON "application/x-ndjson"
#define SSE "text/event-stream"
#define JSON "application/json"

static void assert_chooses(const char *accept, const char *expected)
{
    struct gw_slice value = gw_slice_str(accept);
    const struct gw_stream_format *format = gw_stream_format_choose(&value, 1);
    if (expected == NULL) {
        assert_null(format);
        return;
    }
    assert_non_null(format);
    assert_int_equal(format->media_type.len, strlen(expected));
    assert_memory_equal(format->media_type.base, expected, format->media_type.len);
}

static void without_accept_it_is_ndjson(void **state)
{
    (void)state;
    assert_ptr_equal(gw_stream_format_choose(NULL, 0), &gw_stream_formats[0]);
    assert_chooses("", NDJSON);
    assert_chooses(" , ,", NDJSON);
    assert_chooses("*/*", NDJSON);
}

static void a_type_that_is_named_is_chosen(void **state)
{
    (void)state;
    assert_chooses("application/x-ndjson", NDJSON);
    assert_chooses("text/event-stream", SSE);
    assert_chooses("application/json", JSON);
    assert_chooses("Text/Event-Stream; charset=utf-8", SSE);
    assert_chooses("text/html, application/json", JSON);
    assert_chooses("text/*", SSE);
    assert_chooses("application/*", NDJSON);
}

static void the_greatest_quality_wins(void **state)
{
    (void)state;
    assert_chooses("application/json;q=0.4, text/event-stream;q=0.5", SSE);
    assert_chooses("application/json ; q=0.501, text/event-stream; Q=0.5", JSON);
    assert_chooses("*/*;q=0.1, application/json;q=1.000", JSON);
    assert_chooses("*/*, application/x-ndjson;q=0.5, text/event-stream;q=0.5", JSON);
}

static void among_equals_the_more_exact_wins(void **state)
{
    (void)state;
    assert_chooses("application/json, text/plain, */*", JSON);
    assert_chooses("text/*, */*", SSE);
    assert_chooses("application/json, text/event-stream", SSE);
    assert_chooses("application/json, text/event-stream, application/x-ndjson", NDJSON);
}

static void the_most_exact_range_gives_the_quality(void **state)
{
    (void)state;
    assert_chooses("application/x-ndjson;q=0, */*", SSE);
    assert_chooses("text/*;q=0, application/x-ndjson;q=0, */*", JSON);
    assert_chooses("application/*;q=0.9, application/json;q=0.1, text/event-stream;q=0.5", NDJSON);
}

static void nothing_acceptable_is_nothing(void **state)
{
    (void)state;
    assert_chooses("text/html", NULL);
    assert_chooses("*/*;q=0", NULL);
    assert_chooses("application/json;q=0.000", NULL);
    assert_chooses("text/event-streams", NULL);
    assert_chooses("text/event", NULL);
}

static void malformed_ranges_are_passed_over(void **state)
{
    (void)state;
    assert_chooses("nonsense", NDJSON);
    assert_chooses("application/json;q=2", NDJSON);
    assert_chooses("application/json;q=1.001", NDJSON);
    assert_chooses("application/json;q=0.1234", NDJSON);
    assert_chooses("application/json;q=x, text/event-stream", SSE);
    assert_chooses("application/json;q=, text/event-stream", SSE);
}

static void quoted_parameters_may_have_separators(void **state)
{
    (void)state;
    assert_chooses("text/html;x=\"a, application/json;q=1\", text/event-stream", SSE);
    assert_chooses("text/html;x=\"a\\\", application/json", NULL);
}

static void values_of_several_headers_are_one_list(void **state)
{
    (void)state;
    struct gw_slice values[] = {GW_SLICE("application/json;q=0.3"),
                                GW_SLICE("text/event-stream;q=0.6")};
    assert_ptr_equal(gw_stream_format_choose(values, 2), &gw_stream_formats[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_accept_it_is_ndjson),
        cmocka_unit_test(a_type_that_is_named_is_chosen),
        cmocka_unit_test(the_greatest_quality_wins),
        cmocka_unit_test(among_equals_the_more_exact_wins),
        cmocka_unit_test(the_most_exact_range_gives_the_quality),
        cmocka_unit_test(nothing_acceptable_is_nothing),
        cmocka_unit_test(malformed_ranges_are_passed_over),
        cmocka_unit_test(quoted_parameters_may_have_separators),
        cmocka_unit_test(values_of_several_headers_are_one_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
