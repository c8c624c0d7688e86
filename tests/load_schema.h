/* The schema of descriptor sets that the build has made. */
#ifndef TESTS_LOAD_SCHEMA_H
#define TESTS_LOAD_SCHEMA_H

#include "read_file.h"
#include "schema/schema.h"

#define TEST_SETS_MAX 8

/* Of `count` files, at most TEST_SETS_MAX. */
static inline struct gw_schema *test_load_schema(size_t count, const char *const *paths)
{
    struct gw_buf contents[TEST_SETS_MAX];
    struct gw_schema_source sources[TEST_SETS_MAX];
    for (size_t i = 0; i < count; i++) {
        contents[i] = test_read_file(paths[i]);
        sources[i] = (struct gw_schema_source){gw_buf_slice(&contents[i]), paths[i]};
    }
    struct gw_error error;
    struct gw_schema *schema = gw_schema_load(sources, count, &error);
    if (schema == NULL) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    for (size_t i = 0; i < count; i++)
        gw_buf_dispose(&contents[i]);
    return schema;
}

/* Of the files `names` in the build folder. */
static inline struct gw_schema *test_load_built(const char *build_root, size_t count,
                                                const char *const *names)
{
    char paths[TEST_SETS_MAX][4096];
    const char *pointers[TEST_SETS_MAX];
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", build_root, names[i]);
        pointers[i] = paths[i];
    }
    return test_load_schema(count, pointers);
}

#endif
