#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/options.h"

static int parse(struct gw_options *options, const char *const *args)
{
    char *argv[16] = {(char *)"user-service"};
    int argc = 1;
    while (args[argc - 1] != NULL) {
        argv[argc] = (char *)args[argc - 1];
        argc++;
    }
    return gw_options_parse(argc, argv, "user-service", 8001, options);
}
#define PARSE(options, ...) parse(options, (const char *const[]){__VA_ARGS__, NULL})

static void defaults_are_those_of_the_service(void **state)
{
    (void)state;
    struct gw_options options;
    assert_int_equal(parse(&options, (const char *const[]){NULL}), GW_OPTIONS_RUN);
    assert_string_equal(options.address, "127.0.0.1");
    assert_int_equal(options.port, 8001);
    assert_int_equal(options.health_port, 9001);
    assert_string_equal(options.db, "var/user-service.db");
    assert_string_equal(options.version, "v1.0");
}

static void every_option_is_taken(void **state)
{
    (void)state;
    struct gw_options options;
    assert_int_equal(PARSE(&options, "--port", "7000", "--health-port=7500", "--address", "::1",
                           "--db", "a/b.db", "--version", "v2.1"),
                     GW_OPTIONS_RUN);
    assert_string_equal(options.address, "::1");
    assert_int_equal(options.port, 7000);
    assert_int_equal(options.health_port, 7500);
    assert_string_equal(options.db, "a/b.db");
    assert_string_equal(options.version, "v2.1");
}

static void the_health_port_follows_the_port(void **state)
{
    (void)state;
    struct gw_options options;
    assert_int_equal(PARSE(&options, "--port", "8002"), GW_OPTIONS_RUN);
    assert_int_equal(options.health_port, 9002);
    assert_int_equal(PARSE(&options, "--port", "65000"), -1);
    assert_int_equal(PARSE(&options, "--port", "65000", "--health-port", "1"), GW_OPTIONS_RUN);
}

static void wrong_command_lines_are_refused(void **state)
{
    (void)state;
    struct gw_options options;
    memset(&options, 7, sizeof(options));
    struct gw_options before = options;
    assert_int_equal(PARSE(&options, "--port", "0"), -1);
    assert_int_equal(PARSE(&options, "--port", "65536"), -1);
    assert_int_equal(PARSE(&options, "--port", "80x"), -1);
    assert_int_equal(PARSE(&options, "--port", ""), -1);
    assert_int_equal(PARSE(&options, "--health-port", "-1"), -1);
    assert_int_equal(PARSE(&options, "--port"), -1);
    assert_int_equal(PARSE(&options, "--nonsense"), -1);
    assert_int_equal(PARSE(&options, "extra"), -1);
    assert_memory_equal(&options, &before, sizeof(options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_service),
        cmocka_unit_test(every_option_is_taken),
        cmocka_unit_test(the_health_port_follows_the_port),
        cmocka_unit_test(wrong_command_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
