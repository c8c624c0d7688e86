#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* google/rpc/code.proto, and the HTTP statuses its comments give. */
static const struct {
    const char *name;
    int http;
} codes[] = {
    {"OK", 200},
    {"CANCELLED", 499},
    {"UNKNOWN", 500},
    {"INVALID_ARGUMENT", 400},
    {"DEADLINE_EXCEEDED", 504},
    {"NOT_FOUND", 404},
    {"ALREADY_EXISTS", 409},
    {"PERMISSION_DENIED", 403},
    {"RESOURCE_EXHAUSTED", 429},
    {"FAILED_PRECONDITION", 400},
    {"ABORTED", 409},
    {"OUT_OF_RANGE", 400},
    {"UNIMPLEMENTED", 501},
    {"INTERNAL", 500},
    {"UNAVAILABLE", 503},
    {"DATA_LOSS", 500},
    {"UNAUTHENTICATED", 401},
};

static void codes_have_names_and_http_statuses(void **state)
{
    (void)state;
    assert_int_equal(sizeof(codes) / sizeof(*codes), GW_STATUS_COUNT);
    for (int i = 0; i < GW_STATUS_COUNT; i++) {
        assert_string_equal(gw_status_name(i), codes[i].name);
        assert_int_equal(gw_status_to_http(i), codes[i].http);
        assert_int_equal(gw_status_from_name(gw_slice_str(codes[i].name)), i);
    }
}

static void numbers_outside_the_table_are_unknown(void **state)
{
    (void)state;
    static const int numbers[] = {-1, 17, 1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        assert_string_equal(gw_status_name(numbers[i]), "UNKNOWN");
        assert_int_equal(gw_status_to_http(numbers[i]), 500);
    }
    assert_int_equal(gw_status_from_name(GW_SLICE("")), -1);
    assert_int_equal(gw_status_from_name(GW_SLICE("not_found")), -1);
    assert_int_equal(gw_status_from_name(GW_SLICE("OKAY")), -1);
}

static void http_statuses_map_as_grpc_says(void **state)
{
    (void)state;
    static const int cases[][2] = {
        {400, GW_INTERNAL},      {401, GW_UNAUTHENTICATED}, {403, GW_PERMISSION_DENIED},
        {404, GW_UNIMPLEMENTED}, {429, GW_UNAVAILABLE},     {502, GW_UNAVAILABLE},
        {503, GW_UNAVAILABLE},   {504, GW_UNAVAILABLE},     {200, GW_UNKNOWN},
        {302, GW_UNKNOWN},       {500, GW_UNKNOWN},         {0, GW_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(gw_status_from_http(cases[i][0]), cases[i][1]);
}

static void errors_of_http_have_one_code_each(void **state)
{
    (void)state;
    static const int cases[][2] = {
        {400, GW_INVALID_ARGUMENT},
        {401, GW_UNAUTHENTICATED},
        {403, GW_PERMISSION_DENIED},
        {404, GW_NOT_FOUND},
        {405, GW_UNIMPLEMENTED},
        {406, GW_INVALID_ARGUMENT},
        {408, GW_DEADLINE_EXCEEDED},
        {409, GW_ALREADY_EXISTS},
        {413, GW_RESOURCE_EXHAUSTED},
        {415, GW_INVALID_ARGUMENT},
        {416, GW_OUT_OF_RANGE},
        {417, GW_INVALID_ARGUMENT},
        {418, GW_UNKNOWN},
        {426, GW_INVALID_ARGUMENT},
        {429, GW_RESOURCE_EXHAUSTED},
        {431, GW_RESOURCE_EXHAUSTED},
        {499, GW_CANCELLED},
        {500, GW_INTERNAL},
        {501, GW_UNIMPLEMENTED},
        {502, GW_INTERNAL},
        {503, GW_UNAVAILABLE},
        {504, GW_DEADLINE_EXCEEDED},
        {200, GW_UNKNOWN},
        {302, GW_UNKNOWN},
        {0, GW_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(gw_status_of_http_error(cases[i][0]), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_names_and_http_statuses),
        cmocka_unit_test(numbers_outside_the_table_are_unknown),
        cmocka_unit_test(http_statuses_map_as_grpc_says),
        cmocka_unit_test(errors_of_http_have_one_code_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
