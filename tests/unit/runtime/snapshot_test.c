#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "load.h"

static void assert_slice(struct gw_slice s, const char *expected)
{
    if (!gw_slice_eq(s, gw_slice_str(expected)))
        fail_msg("\"%.*s\" instead of \"%s\"", GW_SLICE_ARG(s), expected);
}

static void assert_errors(const char *rest, const char *expected)
{
    struct loaded l = load(rest);
    assert_null(l.snapshot);
    assert_string_equal(l.errors, expected);
    unload(&l);
}

static void routes_are_resolved(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - match: GET /v1/{name=shelves/*}\n"
                           "    grpc: library.v1.Library/GetBook\n"
                           "    upstream: archive\n"
                           "    timeout: 3s\n"
                           "  - match: GET /v1/books/{name}\n"
                           "    grpc: library.v1.Library/GetBook\n"
                           "    upstream: library\n");
    assert_string_equal(l.errors, "");
    assert_non_null(l.snapshot);
    assert_int_equal(gw_snapshot_route_count(l.snapshot), 2);
    const struct gw_route *r = gw_snapshot_route_at(l.snapshot, 0);
    assert_int_equal(r->index, 0);
    assert_slice(r->http_method, "GET");
    assert_slice(r->template, "/v1/{name=shelves/*}");
    assert_slice(r->method->full_name, "library.v1.Library/GetBook");
    assert_int_equal(r->upstream, 1);
    assert_int_equal(r->timeout_ms, 3000);
    assert_int_equal(r->place.line, 8);
    r = gw_snapshot_route_at(l.snapshot, 1);
    assert_int_equal(r->index, 1);
    assert_int_equal(r->upstream, 0);
    assert_int_equal(r->method_index, 0);
    assert_int_equal(gw_snapshot_method_count(l.snapshot), 1);
    assert_ptr_equal(gw_snapshot_method_at(l.snapshot, 0), r->method);
    assert_ptr_equal(gw_snapshot_config(l.snapshot), l.config);
    assert_non_null(gw_snapshot_schema(l.snapshot));
    unload(&l);
}

static void annotations_stand_for_every_rule_of_the_service(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - {annotations: library.v1.Library, upstream: library}\n");
    assert_string_equal(l.errors, "");
    struct gw_buf out = GW_BUF_HEAP;
    gw_snapshot_print_routes(l.snapshot, &out);
    assert_string_equal(gw_buf_terminate(&out),
                        "GET\t/v1/{name=shelves/*/books/*}\tlibrary.v1.Library/GetBook\tlibrary\n"
                        "POST\t/v1/shelves/{shelf}/books\tlibrary.v1.Library/CreateBook\tlibrary\n"
                        "PUT\t/v1/books/{id}\tlibrary.v1.Library/UpdateBook\tlibrary\n"
                        "PATCH\t/v1/books/{id}\tlibrary.v1.Library/UpdateBook\tlibrary\n"
                        "GET\t/v1/books:search\tlibrary.v1.Library/Search\tlibrary\n"
                        "PURGE\t/v1/{name=**}\tlibrary.v1.Library/Purge\tlibrary\n"
                        "GET\t/v1/books:watch\tlibrary.v1.Library/Watch\tlibrary\n");
    gw_buf_dispose(&out);
    assert_true(gw_snapshot_route_at(l.snapshot, 6)->method->server_streaming);
    assert_int_equal(gw_snapshot_method_count(l.snapshot), 6);
    unload(&l);
}

static void a_service_stands_for_its_methods_by_name(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - {service: library.v1.Depot, upstream: archive}\n");
    assert_non_null(l.snapshot);
    assert_int_equal(gw_snapshot_route_count(l.snapshot), 1);
    const struct gw_route *r = gw_snapshot_route_at(l.snapshot, 0);
    assert_slice(r->http_method, "POST");
    assert_slice(r->template, "/library.v1.Depot/Import");
    assert_int_equal(r->binding->body_kind, GW_BODY_MESSAGE);
    assert_true(gw_route_takes_messages(r));
    unload(&l);
}

static void files_have_a_route_for_get_and_one_for_head(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - {match: GET /x/**, files: /}\n");
    assert_non_null(l.snapshot);
    assert_int_equal(gw_snapshot_route_count(l.snapshot), 2);
    const struct gw_route *r = gw_snapshot_route_at(l.snapshot, 1);
    assert_slice(r->http_method, "HEAD");
    assert_string_equal(r->files, "/");
    assert_null(r->method);
    assert_false(gw_route_takes_messages(r));
    assert_int_equal(gw_snapshot_method_count(l.snapshot), 0);
    unload(&l);
}

static void the_json_options_of_a_route_reach_its_binding(void **state)
{
    (void)state;
    struct loaded l = load("json: {enums_as_ints: true}\n"
                           "routes:\n"
                           "  - match: GET /v1/{name}\n"
                           "    grpc: library.v1.Library/GetBook\n"
                           "    upstream: library\n"
                           "    json: {preserve_proto_names: true}\n");
    assert_string_equal(l.errors, "");
    const struct gw_json_options *json = &gw_snapshot_route_at(l.snapshot, 0)->binding->json;
    assert_true(json->enums_as_ints);
    assert_true(json->preserve_proto_names);
    assert_false(json->always_print_defaults);
    unload(&l);
}

static void paths_find_their_route(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - {annotations: library.v1.Library, upstream: library}\n");
    struct gw_route_match m;
    assert_true(gw_snapshot_match(l.snapshot, GW_SLICE("PATCH"), GW_SLICE("/v1/books/7"), &m));
    assert_int_equal(((struct gw_route *)m.value)->index, 3);
    assert_slice(m.captures[0], "7");
    assert_false(gw_snapshot_match(l.snapshot, GW_SLICE("GET"), GW_SLICE("/v2"), &m));
    unload(&l);
}

static void unknown_names_come_with_the_nearest(void **state)
{
    (void)state;
    assert_errors("routes:\n"
                  "  - match: GET /v1/{name}\n"
                  "    grpc: library.v1.Library/GetBok\n"
                  "    upstream: library\n"
                  "  - annotations: library.v1.Libary\n"
                  "    upstream: library\n"
                  "  - match: GET /v2/{nam}\n"
                  "    grpc: library.v1.Library/GetBook\n"
                  "    upstream: library\n"
                  "  - match: POST /v3\n"
                  "    grpc: library.v1.Library/CreateBook\n"
                  "    upstream: library\n"
                  "    body: boook\n"
                  "  - match: POST /v4\n"
                  "    grpc: library.v1.Library/Search\n"
                  "    upstream: library\n"
                  "    body: \"*\"\n"
                  "    response_body: bocks\n",
                  "9:11: unknown method \"library.v1.Library/GetBok\", expected one of the "
                  "descriptor sets; did you mean \"library.v1.Library/GetBook\"?\n"
                  "11:18: unknown service \"library.v1.Libary\", expected one of the descriptor "
                  "sets; did you mean \"library.v1.Library\"?\n"
                  "13:12: path variable \"nam\": library.v1.GetBookRequest has no field \"nam\"; "
                  "did you mean \"name\"?\n"
                  "19:11: body: library.v1.CreateBookRequest has no field \"boook\"; did you mean "
                  "\"book\"?\n"
                  "24:20: response_body: library.v1.SearchResponse has no field \"bocks\"; did you "
                  "mean \"books\"?\n");
}

static void a_strategy_must_exist(void **state)
{
    (void)state;
    struct loaded l = load("routes: [{annotations: library.v1.Library, upstream: library}]\n");
    ((struct gw_config_upstream *)l.config->upstreams)[0].strategy.text = "round_robbin";
    struct gw_diagnostics errors = {0};
    assert_null(gw_snapshot_create(l.config, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].message,
                        "unknown strategy \"round_robbin\", expected one of round_robin, random, "
                        "weighted; did you mean \"round_robin\"?");
    gw_diagnostics_dispose(&errors);
    unload(&l);
}

static void a_clash_names_both_places(void **state)
{
    (void)state;
    struct loaded l = load("routes:\n"
                           "  - annotations: library.v1.Library\n"
                           "    upstream: library\n"
                           "  - match: PUT /v1/books/*\n"
                           "    grpc: library.v1.Library/UpdateBook\n"
                           "    upstream: library\n");
    assert_null(l.snapshot);
    assert_string_equal(l.errors,
                        "10:12: route PUT /v1/books/* (library.v1.Library/UpdateBook) clashes with "
                        "PUT /v1/books/{id} (library.v1.Library/UpdateBook) of :8:18\n");
    unload(&l);
}

static void a_template_error_tells_the_character(void **state)
{
    (void)state;
    assert_errors("routes:\n"
                  "  - match: GET /v1/{name\n"
                  "    grpc: library.v1.Library/GetBook\n"
                  "    upstream: library\n",
                  "8:12: path template \"/v1/{name\", character 10: expected '}' to end variable "
                  "\"name\"\n");
}

static void a_service_needs_rules_and_they_must_be_right(void **state)
{
    (void)state;
    assert_errors("routes:\n"
                  "  - {annotations: library.v1.Unmapped, upstream: library}\n"
                  "  - {annotations: library.v1.Broken, upstream: library}\n",
                  "8:19: no method of service \"library.v1.Unmapped\" has a google.api.http rule\n"
                  "9:19: http rule of library.v1.Broken/Get: path variable \"nam\": "
                  "library.v1.GetBookRequest has no field \"nam\"; did you mean \"name\"?\n");
}

static void a_descriptor_set_must_be_readable(void **state)
{
    (void)state;
    struct loaded l = load("routes: [{annotations: library.v1.Library, upstream: library}]\n");
    struct gw_string *path = &l.config->descriptor_sets.items[0];
    path->text = "/nonexistent/x.binpb";
    struct gw_diagnostics errors = {0};
    assert_null(gw_snapshot_create(l.config, &errors));
    assert_int_equal(errors.count, 1);
    assert_int_equal(errors.items[0].place.line, 2);
    assert_string_equal(errors.items[0].message, "cannot read descriptor set "
                                                 "\"/nonexistent/x.binpb\": No such file or "
                                                 "directory");
    gw_diagnostics_dispose(&errors);
    path->text = "/proc/self/cmdline";
    assert_null(gw_snapshot_create(l.config, &errors));
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.items[0].message, "/proc/self/cmdline"));
    gw_diagnostics_dispose(&errors);
    path->text = "/";
    assert_null(gw_snapshot_create(l.config, &errors));
    assert_string_equal(errors.items[0].message,
                        "cannot read descriptor set \"/\": not a regular file");
    gw_diagnostics_dispose(&errors);
    unload(&l);
}

/* All combinations of a literal and a variable in 11 places. */
static void routes_that_make_matching_slow_are_refused(void **state)
{
    (void)state;
    struct gw_buf text = GW_BUF_HEAP;
    gw_buf_append(&text, GW_SLICE("routes:\n"));
    for (unsigned i = 0; i < 1u << 11; i++) {
        gw_buf_append(&text, GW_SLICE("  - {match: GET /v1"));
        for (unsigned k = 0; k < 11; k++)
            gw_buf_append(&text, i >> k & 1 ? GW_SLICE("/a") : GW_SLICE("/*"));
        gw_buf_append(&text,
                      GW_SLICE("/z, grpc: library.v1.Library/GetBook, upstream: library}\n"));
    }
    struct loaded l = load(gw_buf_terminate(&text));
    assert_null(l.snapshot);
    assert_non_null(strstr(l.errors, "8:5: too many routes that differ in having a literal or a "
                                     "variable in the same places: matching a path may take 6144 "
                                     "steps, at most 4096 are allowed"));
    unload(&l);
    gw_buf_dispose(&text);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    build_root = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_resolved),
        cmocka_unit_test(annotations_stand_for_every_rule_of_the_service),
        cmocka_unit_test(a_service_stands_for_its_methods_by_name),
        cmocka_unit_test(files_have_a_route_for_get_and_one_for_head),
        cmocka_unit_test(the_json_options_of_a_route_reach_its_binding),
        cmocka_unit_test(paths_find_their_route),
        cmocka_unit_test(unknown_names_come_with_the_nearest),
        cmocka_unit_test(a_strategy_must_exist),
        cmocka_unit_test(a_clash_names_both_places),
        cmocka_unit_test(a_template_error_tells_the_character),
        cmocka_unit_test(a_service_needs_rules_and_they_must_be_right),
        cmocka_unit_test(a_descriptor_set_must_be_readable),
        cmocka_unit_test(routes_that_make_matching_slow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
