#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library.h"
#include "transcode/transcode.h"

static struct gw_schema *schema;

/* The JSON of a SearchResponse; NULL and the error where there is none. */
static const char *respond(const char *response_body, struct gw_slice message,
                           struct gw_error *error)
{
    static const struct gw_json_options json;
    static struct gw_buf text;
    struct gw_http_rule rule = {GW_SLICE("GET"), GW_SLICE("/s"), gw_slice(NULL, 0),
                                gw_slice_str(response_body)};
    enum gw_rule_part part;
    struct gw_binding *binding =
        gw_binding_create(schema, gw_schema_method(schema, GW_SLICE("library.v1.Library/Search")),
                          &rule, &json, &part, NULL);
    assert_non_null(binding);
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    gw_buf_dispose(&text);
    text = GW_BUF_HEAP;
    int result = gw_transcode_response(binding, message, &pool, &text, error);
    if (result != 0)
        assert_int_equal(text.len, 0);
    h2o_mem_clear_pool(&pool);
    gw_binding_destroy(binding);
    return result == 0 ? gw_buf_terminate(&text) : NULL;
}

/* One book with title "x", total 3. */
static const struct gw_slice answer = {"\x0a\x03\x12\x01x\x10\x03", 7};

static void the_answer_is_the_whole_message(void **state)
{
    (void)state;
    assert_string_equal(respond("", answer, NULL), "{\"books\":[{\"title\":\"x\"}],\"total\":3}");
    assert_string_equal(respond("", GW_SLICE(""), NULL), "{}");
}

static void or_one_field_of_it(void **state)
{
    (void)state;
    assert_string_equal(respond("books", answer, NULL), "[{\"title\":\"x\"}]");
    assert_string_equal(respond("total", answer, NULL), "3");
    assert_string_equal(respond("books", GW_SLICE(""), NULL), "[]");
    assert_string_equal(respond("total", GW_SLICE(""), NULL), "0");
}

static void bytes_that_are_no_such_message_are_an_error(void **state)
{
    (void)state;
    struct gw_error error = {0};
    assert_null(respond("", gw_slice(answer.base, 4), &error));
    assert_int_equal(error.status, GW_INTERNAL);
    error.status = GW_OK;
    assert_null(respond("books", gw_slice(answer.base, 4), &error));
    assert_int_equal(error.status, GW_INTERNAL);
}

int main(int argc, char **argv)
{
    schema = argc > 1 ? load_library(argv[1]) : NULL;
    if (schema == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_the_whole_message),
        cmocka_unit_test(or_one_field_of_it),
        cmocka_unit_test(bytes_that_are_no_such_message_are_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
