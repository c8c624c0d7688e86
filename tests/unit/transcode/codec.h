/* What the tests of the JSON codec share: the schema of kinds.proto, kinds2.proto and the services,
 * and rows of what goes in and what comes out. */
#ifndef TESTS_UNIT_TRANSCODE_CODEC_H
#define TESTS_UNIT_TRANSCODE_CODEC_H

#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "transcode/transcode.h"

static struct gw_schema *schema;
static struct gw_json_options options;
static gw_pool pool;

static inline struct gw_slice codec_read_file(const char *root, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    struct gw_buf content = GW_BUF_HEAP;
    for (size_t n; (n = fread(gw_buf_reserve(&content, 65536), 1, 65536, f)) > 0;)
        content.len += n;
    fclose(f);
    return gw_buf_slice(&content);
}

static inline void codec_load_schema(const char *build_root)
{
    struct gw_error error;
    struct gw_schema_source sources[] = {
        {codec_read_file(build_root, "tests/unit/schema/kinds.binpb"), "kinds.binpb"},
        {codec_read_file(build_root, "proto/services.binpb"), "services.binpb"},
    };
    schema = gw_schema_load(sources, 2, &error);
    if (schema == NULL) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    free((char *)sources[0].bytes.base);
    free((char *)sources[1].bytes.base);
}

static inline int codec_setup(void **state)
{
    (void)state;
    h2o_mem_init_pool(&pool);
    options = (struct gw_json_options){0};
    return 0;
}

static inline int codec_teardown(void **state)
{
    (void)state;
    h2o_mem_clear_pool(&pool);
    return 0;
}

static inline const struct gw_message_type *message(const char *name)
{
    const struct gw_message_type *type = gw_schema_message(schema, gw_slice_str(name));
    assert_non_null(type);
    return type;
}

static inline const struct gw_field *field(const char *of, const char *name)
{
    const struct gw_field *f = gw_message_field_by_name(message(of), gw_slice_str(name));
    assert_non_null(f);
    return f;
}

/* Bytes as hexadecimal digits. */
static inline const char *hex(struct gw_slice bytes)
{
    char *text = h2o_mem_alloc_pool(&pool, 2 * bytes.len + 1);
    gw_hex_encode(text, (const uint8_t *)bytes.base, bytes.len);
    text[2 * bytes.len] = '\0';
    return text;
}

/* Hexadecimal digits, spaces between them, as bytes in a block of exactly their size, so that a
 * sanitizer sees a read past the end. */
static inline struct gw_slice unhex(const char *text)
{
    char *digits = h2o_mem_alloc_pool(&pool, strlen(text) + 1);
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text != ' ')
            digits[n++] = *text;
    }
    uint8_t *bytes = h2o_mem_alloc_pool(&pool, n / 2);
    assert_int_equal(gw_hex_decode(bytes, n / 2, gw_slice(digits, n)), 0);
    return gw_slice(bytes, n / 2);
}

/* Runs of digits without the spaces, for comparison. */
static inline const char *squeeze(const char *text)
{
    return hex(unhex(text));
}

#endif
