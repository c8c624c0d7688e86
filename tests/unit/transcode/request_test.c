#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library.h"
#include "transcode/transcode.h"

static struct gw_schema *schema;

#define SEARCH "library.v1.Library/Search"

/* A request to one rule; `captures` are raw, in the order of the template's variables. */
struct request {
    const char *grpc;
    const char *path, *rule_body; /* of the rule */
    const char *captures[3];
    const char *query, *body;
};

/* The message as JSON, or the error. The result is valid until the next call. */
static const char *transcode(const struct request *r, int *ret_result)
{
    static const struct gw_json_options json;
    static struct gw_buf text;
    struct gw_error error = {0};
    enum gw_rule_part part;
    struct gw_http_rule rule = {GW_SLICE("POST"), gw_slice_str(r->path), gw_slice_str(r->rule_body),
                                gw_slice(NULL, 0)};
    const struct gw_method *method = gw_schema_method(schema, gw_slice_str(r->grpc));
    struct gw_binding *binding = gw_binding_create(schema, method, &rule, &json, &part, &error);
    if (binding == NULL)
        fail_msg("%s", error.message);
    struct gw_slice captures[3];
    for (size_t i = 0; i < 3; i++)
        captures[i] = gw_slice_str(r->captures[i]);
    struct gw_transcode_request request = {captures, gw_slice_str(r->query), gw_slice_str(r->body)};
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_buf out = gw_buf_in_pool(&pool);
    gw_buf_append(&out, GW_SLICE("12345"));
    gw_buf_dispose(&text);
    text = GW_BUF_HEAP;
    *ret_result = gw_transcode_request(binding, &request, &pool, &out, &error);
    if (*ret_result != 0) {
        assert_int_equal(out.len, 5);
        assert_int_equal(error.status, GW_INVALID_ARGUMENT);
        gw_buf_append(&text, gw_slice_str(error.message));
    } else if (gw_wire_to_json(schema, method->input, &json, gw_slice_from(gw_buf_slice(&out), 5),
                               &pool, &text, &error) != 0) {
        fail_msg("%s", error.message);
    }
    h2o_mem_clear_pool(&pool);
    gw_binding_destroy(binding);
    return gw_buf_terminate(&text);
}

static void assert_message(struct request r, const char *json)
{
    int result;
    const char *text = transcode(&r, &result);
    if (result != 0)
        fail_msg("%s", text);
    assert_string_equal(text, json);
}

static void assert_refused(struct request r, const char *message)
{
    int result;
    const char *text = transcode(&r, &result);
    if (result == 0)
        fail_msg("was accepted: %s", text);
    assert_string_equal(text, message);
}

static struct request search(const char *query)
{
    return (struct request){.grpc = SEARCH, .path = "/s", .query = query};
}

static void path_variables_become_fields(void **state)
{
    (void)state;
    assert_message((struct request){SEARCH, "/{text}/{page_size}/{genre}", "", {"a", "7", "1"}},
                   "{\"text\":\"a\",\"pageSize\":7,\"genre\":\"GENRE_POETRY\"}");
    assert_message((struct request){SEARCH,
                                    "/{author.mentor.given_name}/{author.mentor.family_name}/"
                                    "{author.given_name}",
                                    "",
                                    {"a", "b", "c"}},
                   "{\"author\":{\"givenName\":\"c\",\"mentor\":{\"givenName\":\"a\","
                   "\"familyName\":\"b\"}}}");
    assert_message(
        (struct request){SEARCH, "/{since}/{at_least}", "", {"2020-01-02T03:04:05Z", "4"}},
        "{\"since\":\"2020-01-02T03:04:05Z\",\"atLeast\":4}");
}

static void one_segment_is_decoded_altogether(void **state)
{
    (void)state;
    assert_message((struct request){SEARCH, "/{text}", "", {"a%2Fb%20%C3%A9+c%25"}},
                   "{\"text\":\"a/b \xc3\xa9+c%\"}");
}

static void of_several_segments_reserved_characters_stay_encoded(void **state)
{
    (void)state;
    assert_message((struct request){SEARCH, "/{text=x/*}", "", {"x/a%2fb%20%C3%A9%3a%7E%25"}},
                   "{\"text\":\"x/a%2fb \xc3\xa9%3a~%\"}");
    assert_message((struct request){SEARCH, "/{text=**}", "", {"x%2Fy"}}, "{\"text\":\"x%2Fy\"}");
    assert_message((struct request){SEARCH, "/{text=**}", "", {""}}, "{}");
}

static void a_path_variable_that_does_not_fit_is_named(void **state)
{
    (void)state;
    assert_refused((struct request){SEARCH, "/{page_size}", "", {"ten"}},
                   "path variable \"page_size\": expected an integer, found \"ten\"");
    assert_refused((struct request){SEARCH, "/{text}", "", {"ab%2"}},
                   "path variable \"text\": expected two hexadecimal digits after '%' (character "
                   "3)");
    assert_refused((struct request){SEARCH, "/{text=**}", "", {"a/%zz"}},
                   "path variable \"text\": expected two hexadecimal digits after '%' (character "
                   "3)");
    assert_refused((struct request){SEARCH, "/{text}", "", {"%ff"}},
                   "path variable \"text\": expected UTF-8");
}

static void a_path_variable_beats_the_body(void **state)
{
    (void)state;
    assert_message((struct request){"library.v1.Library/UpdateBook",
                                    "/{id}",
                                    "*",
                                    {"7"},
                                    "",
                                    "{\"id\":\"8\",\"title\":\"x\"}"},
                   "{\"id\":\"7\",\"title\":\"x\"}");
    assert_message((struct request){"library.v1.Library/UpdateBook",
                                    "/{author.given_name}",
                                    "*",
                                    {"a"},
                                    "",
                                    "{\"author\":{\"givenName\":\"b\",\"familyName\":\"c\"}}"},
                   "{\"author\":{\"givenName\":\"a\",\"familyName\":\"c\"}}");
    assert_message(
        (struct request){
            "library.v1.Library/UpdateBook", "/{person}", "*", {"a"}, "", "{\"branch\":\"b\"}"},
        "{\"person\":\"a\"}");
}

static void also_with_the_default_value(void **state)
{
    (void)state;
    assert_message((struct request){SEARCH, "/{page_size}", "*", {"0"}, "", "{\"pageSize\":8}"},
                   "{}");
    assert_message((struct request){SEARCH, "/{at_least}", "*", {"0"}, "", "{\"atLeast\":8}"},
                   "{\"atLeast\":0}");
}

static void the_body_may_be_one_field(void **state)
{
    (void)state;
    struct request r = {
        "library.v1.Library/CreateBook", "/{shelf}", "book", {"3"}, "dryRun=true&notes=a&notes=b",
        "{\"title\":\"x\",\"pages\":0}"};
    assert_message(r, "{\"book\":{\"title\":\"x\",\"pages\":0},\"shelf\":\"3\",\"dryRun\":true,"
                      "\"notes\":[\"a\",\"b\"]}");
    r.body = "{\"title\":1}";
    assert_refused(r, "book.title: expected a string, found 1 (line 1, column 10)");
    r.rule_body = "notes";
    r.query = "";
    r.body = "[\"x\", \"y\"]";
    assert_message(r, "{\"notes\":[\"x\",\"y\"],\"shelf\":\"3\"}");
    r.rule_body = "dry_run";
    r.body = "true";
    assert_message(r, "{\"dryRun\":true,\"shelf\":\"3\"}");
}

static void a_variable_may_stand_in_the_body_field(void **state)
{
    (void)state;
    assert_message((struct request){"library.v1.Library/CreateBook",
                                    "/{book.id}",
                                    "book",
                                    {"7"},
                                    "",
                                    "{\"id\":\"8\",\"title\":\"x\"}"},
                   "{\"book\":{\"id\":\"7\",\"title\":\"x\"}}");
}

static void an_empty_body_is_an_empty_message(void **state)
{
    (void)state;
    assert_message((struct request){SEARCH, "/s", "*"}, "{}");
    assert_message((struct request){"library.v1.Library/CreateBook", "/s", "book"}, "{}");
}

static void a_body_that_no_rule_wants_is_refused(void **state)
{
    (void)state;
    struct request r = search("");
    r.body = "{}";
    assert_refused(r, "POST /s takes no request body");
}

static void the_body_is_told_its_fault(void **state)
{
    (void)state;
    struct request r = {SEARCH, "/s", "*", .body = "{\"pageSize\": \"ten\"}"};
    assert_refused(r, "pageSize: expected an integer, found \"ten\" (line 1, column 14)");
}

static void parameters_become_fields_in_either_spelling(void **state)
{
    (void)state;
    assert_message(search("page_size=7&text=a%26b%3D+c&exact=true"),
                   "{\"text\":\"a&b= c\",\"pageSize\":7,\"exact\":true}");
    assert_message(search("pageSize=7&%74ext=x"), "{\"text\":\"x\",\"pageSize\":7}");
    assert_message(search("genre=GENRE_POETRY&token=AQI%3D&price=0"),
                   "{\"genre\":\"GENRE_POETRY\",\"token\":\"AQI=\",\"price\":0}");
    assert_message(search("since=2020-01-02T03:04:05Z&at_least=0&mask=a,bC&age=1.5s"),
                   "{\"since\":\"2020-01-02T03:04:05Z\",\"atLeast\":0,\"mask\":\"a,bC\","
                   "\"age\":\"1.500s\"}");
    assert_message(search(""), "{}");
    assert_message(search("&&text=a&"), "{\"text\":\"a\"}");
}

static void repeated_fields_are_given_by_repetition(void **state)
{
    (void)state;
    assert_message(search("tags=b&years=3&tags=a&years=1&years=2"),
                   "{\"tags\":[\"b\",\"a\"],\"years\":[3,1,2]}");
}

static void nested_fields_make_one_submessage(void **state)
{
    (void)state;
    assert_message(search("author.mentor.given_name=a&text=x&author.givenName=b&"
                          "author.mentor.familyName=c"),
                   "{\"text\":\"x\",\"author\":{\"givenName\":\"b\",\"mentor\":{\"givenName\":"
                   "\"a\",\"familyName\":\"c\"}}}");
    struct request r = {SEARCH, "/{author.given_name}", "", {"a"}, "author.family_name=b"};
    assert_message(r, "{\"author\":{\"givenName\":\"a\",\"familyName\":\"b\"}}");
}

static void a_parameter_without_value_is_empty(void **state)
{
    (void)state;
    assert_message(search("text"), "{}");
    assert_message(search("tags&tags="), "{\"tags\":[\"\",\"\"]}");
    assert_message(search("text=a=b"), "{\"text\":\"a=b\"}");
    assert_refused(search("exact"),
                   "query parameter \"exact\": expected true or false, found \"\"");
}

static void an_unknown_parameter_is_refused_with_the_nearest(void **state)
{
    (void)state;
    assert_refused(search("pagesize=7"),
                   "query parameter \"pagesize\": library.v1.SearchRequest has no field "
                   "\"pagesize\"; did you mean \"pageSize\"?");
    assert_refused(search("author.xyz=7"), "query parameter \"author.xyz\": library.v1.Author has "
                                           "no field \"xyz\"");
    assert_refused(search("=7"),
                   "query parameter \"\": library.v1.SearchRequest has no field \"\"");
    assert_refused(search("author..mentor=7"),
                   "query parameter \"author..mentor\": library.v1.Author has no field \"\"");
}

static void a_parameter_that_does_not_fit_is_named(void **state)
{
    (void)state;
    assert_refused(search("text=a&page_size=ten"),
                   "query parameter \"page_size\": expected an integer, found \"ten\"");
    assert_refused(search("years=1&years=x"),
                   "query parameter \"years\": expected an integer, found \"x\"");
    assert_refused(search("text=%4"), "query parameter \"text\": expected two hexadecimal digits "
                                      "after '%' (character 1)");
    assert_refused(search("te%zz=1"), "query parameter \"te%zz\": expected two hexadecimal digits "
                                      "after '%' (character 3)");
    assert_refused(search("text=%ff"), "query parameter \"text\": expected UTF-8");
}

static void messages_and_maps_are_no_parameters(void **state)
{
    (void)state;
    assert_refused(search("author=x"), "query parameter \"author\": a message cannot be a query "
                                       "parameter; name a field in it");
    assert_refused(search("authors=x"),
                   "query parameter \"authors\": a message cannot be a query parameter");
    assert_refused(search("labels=x"),
                   "query parameter \"labels\": a map cannot be a query parameter");
    assert_refused(search("labels.a=x"), "query parameter \"labels.a\": field \"labels\" is "
                                         "repeated: no field in it can be named");
}

static void a_singular_field_is_given_once(void **state)
{
    (void)state;
    assert_refused(search("text=a&text=a"), "query parameter \"text\": given twice");
    assert_refused(search("page_size=1&pageSize=1"), "query parameter \"pageSize\": given twice");
    assert_refused(search("author.given_name=a&text=x&author.given_name=b"),
                   "query parameter \"author.given_name\": given twice");
}

static void what_path_or_body_give_is_no_parameter(void **state)
{
    (void)state;
    assert_refused((struct request){SEARCH, "/{text}", "", {"a"}, "text=b"},
                   "query parameter \"text\": the path gives this field");
    struct request r = {"library.v1.Library/CreateBook", "/s", "book", .query = "book.title=x"};
    assert_refused(r, "query parameter \"book.title\": the request body gives this field");
    r.body = "{}";
    assert_refused(r, "query parameter \"book.title\": the request body gives this field");
}

static void a_oneof_is_given_once(void **state)
{
    (void)state;
    assert_refused(search("random=true&by=x"),
                   "query parameter \"by\": excluded by \"random\", a field of the same oneof");
    assert_refused(search("similar.given_name=x&text=a&random=false"),
                   "query parameter \"random\": excluded by \"similar.given_name\", a field of the "
                   "same oneof");
    assert_refused((struct request){SEARCH, "/{random}", "", {"true"}, "by=x"},
                   "query parameter \"by\": excluded by \"random\", a field of the same oneof");
    struct request r = {SEARCH, "/s", "similar", .query = "by=x", .body = "{}"};
    assert_refused(r, "query parameter \"by\": excluded by the request body, a field of the same "
                      "oneof");
    r.body = "";
    assert_message(r, "{\"by\":\"x\"}");
}

static void a_body_that_is_the_whole_message_leaves_no_parameters(void **state)
{
    (void)state;
    struct request r = {SEARCH, "/s", "*", .query = "text=a"};
    assert_refused(r, "POST /s takes no query parameters: its body is the whole message");
    r.query = "&";
    assert_message(r, "{}");
}

static void the_number_of_parameters_is_limited(void **state)
{
    (void)state;
    struct gw_buf query = GW_BUF_HEAP;
    for (int i = 0; i < 256; i++)
        gw_buf_append(&query, GW_SLICE("tags=x&"));
    int result;
    struct request r = search(gw_buf_terminate(&query));
    transcode(&r, &result);
    assert_int_equal(result, 0);
    gw_buf_append(&query, GW_SLICE("tags=x"));
    assert_refused(search(gw_buf_terminate(&query)), "more than 256 query parameters");
    gw_buf_dispose(&query);
}

static void the_nesting_of_parameters_is_limited(void **state)
{
    (void)state;
    struct gw_buf query = GW_BUF_HEAP;
    gw_buf_append(&query, GW_SLICE("author"));
    for (int i = 0; i < 98; i++)
        gw_buf_append(&query, GW_SLICE(".mentor"));
    size_t len = query.len;
    gw_buf_append(&query, GW_SLICE(".given_name=x"));
    int result;
    struct request r = search(gw_buf_terminate(&query));
    transcode(&r, &result);
    assert_int_equal(result, 0);
    query.len = len;
    for (int i = 0; i < 9000; i++)
        gw_buf_append(&query, GW_SLICE(".mentor"));
    gw_buf_append(&query, GW_SLICE(".given_name=x"));
    r = search(gw_buf_terminate(&query));
    assert_non_null(strstr(transcode(&r, &result), "more than 100 nested fields"));
    assert_int_equal(result, -1);
    gw_buf_dispose(&query);
}

int main(int argc, char **argv)
{
    schema = argc > 1 ? load_library(argv[1]) : NULL;
    if (schema == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_variables_become_fields),
        cmocka_unit_test(one_segment_is_decoded_altogether),
        cmocka_unit_test(of_several_segments_reserved_characters_stay_encoded),
        cmocka_unit_test(a_path_variable_that_does_not_fit_is_named),
        cmocka_unit_test(a_path_variable_beats_the_body),
        cmocka_unit_test(also_with_the_default_value),
        cmocka_unit_test(the_body_may_be_one_field),
        cmocka_unit_test(a_variable_may_stand_in_the_body_field),
        cmocka_unit_test(an_empty_body_is_an_empty_message),
        cmocka_unit_test(a_body_that_no_rule_wants_is_refused),
        cmocka_unit_test(the_body_is_told_its_fault),
        cmocka_unit_test(parameters_become_fields_in_either_spelling),
        cmocka_unit_test(repeated_fields_are_given_by_repetition),
        cmocka_unit_test(nested_fields_make_one_submessage),
        cmocka_unit_test(a_parameter_without_value_is_empty),
        cmocka_unit_test(an_unknown_parameter_is_refused_with_the_nearest),
        cmocka_unit_test(a_parameter_that_does_not_fit_is_named),
        cmocka_unit_test(messages_and_maps_are_no_parameters),
        cmocka_unit_test(a_singular_field_is_given_once),
        cmocka_unit_test(what_path_or_body_give_is_no_parameter),
        cmocka_unit_test(a_oneof_is_given_once),
        cmocka_unit_test(a_body_that_is_the_whole_message_leaves_no_parameters),
        cmocka_unit_test(the_number_of_parameters_is_limited),
        cmocka_unit_test(the_nesting_of_parameters_is_limited),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
