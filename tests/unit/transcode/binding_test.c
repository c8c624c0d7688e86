#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library.h"
#include "transcode/binding.h"

static struct gw_schema *schema;
static const struct gw_json_options json;

static struct gw_binding *bind_rule(const char *method, struct gw_http_rule rule,
                                    enum gw_rule_part *ret_part, struct gw_error *error)
{
    const struct gw_method *m = gw_schema_method(schema, gw_slice_str(method));
    assert_non_null(m);
    return gw_binding_create(schema, m, &rule, &json, ret_part, error);
}

static struct gw_http_rule rule(const char *method, const char *path, const char *body,
                                const char *response_body)
{
    return (struct gw_http_rule){gw_slice_str(method), gw_slice_str(path), gw_slice_str(body),
                                 gw_slice_str(response_body)};
}

static void assert_refused(const char *method, struct gw_http_rule r, enum gw_rule_part part,
                           const char *message)
{
    struct gw_error error;
    enum gw_rule_part found = (enum gw_rule_part)99;
    struct gw_binding *b = bind_rule(method, r, &found, &error);
    if (b != NULL)
        fail_msg("was accepted, expected: %s", message);
    assert_string_equal(error.message, message);
    assert_int_equal(found, part);
}

static void variables_body_and_response_become_fields(void **state)
{
    (void)state;
    enum gw_rule_part part;
    struct gw_error error;
    struct gw_binding *b =
        bind_rule("library.v1.Library/Search",
                  rule("POST", "/v1/{author.mentor.given_name}/{pageSize}", "similar", "books"),
                  &part, &error);
    assert_non_null(b);
    assert_int_equal(b->variables[0].count, 3);
    assert_int_equal(b->variables[0].fields[0]->number, 6);
    assert_int_equal(b->variables[0].fields[1]->number, 3);
    assert_int_equal(b->variables[0].fields[2]->number, 1);
    assert_int_equal(b->variables[1].count, 1);
    assert_int_equal(b->variables[1].fields[0]->number, 2);
    assert_int_equal(b->body_kind, GW_BODY_FIELD);
    assert_int_equal(b->body_field->number, 12);
    assert_int_equal(b->response_body_field->number, 1);
    assert_true(gw_slice_eq(b->http_method, GW_SLICE("POST")));
    gw_binding_destroy(b);
}

static void a_rule_may_do_without_body(void **state)
{
    (void)state;
    enum gw_rule_part part;
    struct gw_binding *b =
        bind_rule("library.v1.Library/Search", rule("GET", "/v1", "", ""), &part, NULL);
    assert_int_equal(b->body_kind, GW_BODY_NONE);
    assert_null(b->body_field);
    assert_null(b->response_body_field);
    gw_binding_destroy(b);
    b = bind_rule("library.v1.Library/Search", rule("POST", "/v1", "*", ""), &part, NULL);
    assert_int_equal(b->body_kind, GW_BODY_MESSAGE);
    gw_binding_destroy(b);
}

static void wrappers_and_times_can_be_variables(void **state)
{
    (void)state;
    enum gw_rule_part part;
    struct gw_binding *b =
        bind_rule("library.v1.Library/Search",
                  rule("GET", "/{since}/{at_least}/{age}/{mask}/{token}/{genre}/{price}", "", ""),
                  &part, NULL);
    assert_non_null(b);
    gw_binding_destroy(b);
}

static void an_unknown_variable_is_refused_with_the_nearest(void **state)
{
    (void)state;
    assert_refused("library.v1.Library/GetBook", rule("GET", "/v1/{nmae}", "", ""), GW_RULE_PATH,
                   "path variable \"nmae\": library.v1.GetBookRequest has no field \"nmae\"; did "
                   "you mean \"name\"?");
    assert_refused("library.v1.Library/Search", rule("GET", "/v1/{author.given}", "", ""),
                   GW_RULE_PATH,
                   "path variable \"author.given\": library.v1.Author has no field \"given\"");
}

static void what_is_no_single_value_cannot_be_a_variable(void **state)
{
    (void)state;
    const char *method = "library.v1.Library/Search";
    assert_refused(method, rule("GET", "/{tags}", "", ""), GW_RULE_PATH,
                   "path variable \"tags\": a repeated field cannot be a path variable");
    assert_refused(method, rule("GET", "/{labels}", "", ""), GW_RULE_PATH,
                   "path variable \"labels\": a map field cannot be a path variable");
    assert_refused(method, rule("GET", "/{author}", "", ""), GW_RULE_PATH,
                   "path variable \"author\": a message cannot be a path variable; name a field in "
                   "it");
    assert_refused(method, rule("GET", "/{authors.given_name}", "", ""), GW_RULE_PATH,
                   "path variable \"authors.given_name\": field \"authors\" is repeated: no field "
                   "in it can be named");
    assert_refused(method, rule("GET", "/{text.x}", "", ""), GW_RULE_PATH,
                   "path variable \"text.x\": field \"text\" is no message: no field in it can be "
                   "named");
    assert_refused(method, rule("GET", "/{since.seconds}", "", ""), GW_RULE_PATH,
                   "path variable \"since.seconds\": field \"since\" is given as a whole: no field "
                   "in it can be named");
    assert_refused(method, rule("POST", "/{since}", "*", ""), GW_RULE_PATH,
                   "path variable \"since\": a google.protobuf.Timestamp cannot be a path variable "
                   "of a method with a body");
}

static void variables_must_not_contradict_each_other(void **state)
{
    (void)state;
    const char *method = "library.v1.Library/Search";
    assert_refused(method, rule("GET", "/{page_size}/{pageSize}", "", ""), GW_RULE_PATH,
                   "path variable \"pageSize\": the same field as path variable \"page_size\"");
    assert_refused(method, rule("GET", "/{by}/{similar.given_name}", "", ""), GW_RULE_PATH,
                   "path variable \"similar.given_name\": excludes path variable \"by\" by their "
                   "oneof");
}

static void the_part_that_is_wrong_is_told(void **state)
{
    (void)state;
    const char *method = "library.v1.Library/CreateBook";
    assert_refused(method, rule("POST", "/v1", "bok", ""), GW_RULE_BODY,
                   "body: library.v1.CreateBookRequest has no field \"bok\"; did you mean "
                   "\"book\"?");
    assert_refused(method, rule("POST", "/v1", "book.title", ""), GW_RULE_BODY,
                   "body: library.v1.CreateBookRequest has no field \"book.title\"");
    assert_refused(method, rule("POST", "/v1", "*", "titel"), GW_RULE_RESPONSE_BODY,
                   "response_body: library.v1.Book has no field \"titel\"; did you mean "
                   "\"title\"?");
    assert_refused(method, rule("POST", "/v1//x", "*", ""), GW_RULE_PATH,
                   "path template \"/v1//x\", character 5: expected a segment: a literal, '*', "
                   "'**' or '{variable}'");
}

static void nesting_is_limited(void **state)
{
    (void)state;
    struct gw_buf path = GW_BUF_HEAP;
    gw_buf_append(&path, GW_SLICE("/{author"));
    for (int i = 0; i < 120; i++)
        gw_buf_append(&path, GW_SLICE(".mentor"));
    gw_buf_append(&path, GW_SLICE(".given_name}"));
    struct gw_error error;
    enum gw_rule_part part;
    assert_null(bind_rule("library.v1.Library/Search", rule("GET", gw_buf_terminate(&path), "", ""),
                          &part, &error));
    assert_non_null(strstr(error.message, "more than 100 nested fields"));
    gw_buf_dispose(&path);
}

int main(int argc, char **argv)
{
    schema = argc > 1 ? load_library(argv[1]) : NULL;
    if (schema == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_body_and_response_become_fields),
        cmocka_unit_test(a_rule_may_do_without_body),
        cmocka_unit_test(wrappers_and_times_can_be_variables),
        cmocka_unit_test(an_unknown_variable_is_refused_with_the_nearest),
        cmocka_unit_test(what_is_no_single_value_cannot_be_a_variable),
        cmocka_unit_test(variables_must_not_contradict_each_other),
        cmocka_unit_test(the_part_that_is_wrong_is_told),
        cmocka_unit_test(nesting_is_limited),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
