#include "config/config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "printed.h"

static const char *source_root;

static void a_file_is_loaded_and_named_in_errors(void **state)
{
    (void)state;
    char path[] = "/tmp/config_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "listen: [{address: a:1}]\nworkers: 2\n"), 36);
    struct gw_diagnostics errors = {0};
    struct gw_config *config = gw_config_load(path, &errors);
    assert_non_null(config);
    assert_int_equal(config->workers, 2);
    assert_string_equal(config->file, path);
    gw_config_destroy(config);

    assert_int_equal(dprintf(fd, "x: 1\n"), 5);
    close(fd);
    assert_null(gw_config_load(path, &errors));
    unlink(path);
    char *messages = printed(&errors);
    assert_memory_equal(messages, path, strlen(path));
    assert_memory_equal(messages + strlen(path), ":3:1: unknown key `x`", 21);
    free(messages);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct gw_diagnostics errors = {0};
    assert_null(gw_config_load("/nonexistent/a.yaml", &errors));
    assert_null(gw_config_load("/", &errors));
    char *messages = printed(&errors);
    assert_string_equal(messages, "/: cannot be read: neither a regular file nor a pipe\n"
                                  "/nonexistent/a.yaml: cannot be read: No such file or "
                                  "directory\n");
    free(messages);
}

static void errors_of_before_do_not_count(void **state)
{
    (void)state;
    struct gw_diagnostics errors = {0};
    gw_diagnostics_add(&errors, (struct gw_place){"other", 1, 1}, "message");
    struct gw_config *config =
        gw_config_parse("f", GW_SLICE("listen: [{address: a:1}]\n"), &errors);
    assert_non_null(config);
    gw_config_destroy(config);
    gw_diagnostics_dispose(&errors);
}

static void every_file_in_conf_loads(void **state)
{
    (void)state;
    char pattern[4096];
    snprintf(pattern, sizeof(pattern), "%s/conf/*.yaml", source_root);
    glob_t files;
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct gw_diagnostics errors = {0};
        struct gw_config *config = gw_config_load(files.gl_pathv[i], &errors);
        char *messages = printed(&errors);
        assert_string_equal(messages, "");
        free(messages);
        assert_non_null(config);
        gw_config_destroy(config);
    }
    globfree(&files);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 1;
    source_root = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_loaded_and_named_in_errors),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(errors_of_before_do_not_count),
        cmocka_unit_test(every_file_in_conf_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
