/* What the tests of the JSON codec share: the schema of kinds.proto, kinds2.proto and the services,
 * and rows of what goes in and what comes out. */
#ifndef TESTS_UNIT_TRANSCODE_CODEC_H
#define TESTS_UNIT_TRANSCODE_CODEC_H

#include "../../load_schema.h"
#include "base/encoding.h"
#include "transcode/transcode.h"
#include "transcode/wire_format.h"

static struct gw_schema *schema;
static struct gw_json_options options;
static gw_pool pool;

static inline void codec_load_schema(const char *build_root)
{
    schema = test_load_built(
        build_root, 2,
        (const char *const[]){"tests/unit/schema/kinds.binpb", "proto/services.binpb"});
}

/* A schema of its own with one message, `Many`: int32 fields f1, f2 ... fCOUNT. */
static inline struct gw_schema *codec_many_fields(uint32_t count)
{
    struct gw_buf fields = gw_buf_in_pool(&pool), file = gw_buf_in_pool(&pool),
                  set = gw_buf_in_pool(&pool);
    gw_wire_append_bytes_field(&fields, 1, GW_SLICE("Many"));
    for (uint32_t i = 1; i <= count; i++) {
        struct gw_buf one = gw_buf_in_pool(&pool);
        gw_wire_append_bytes_field(&one, 1, gw_pool_printf(&pool, "f%u", i));
        gw_wire_append_varint_field(&one, 3, i);
        gw_wire_append_varint_field(&one, 4, 1);
        gw_wire_append_varint_field(&one, 5, GW_TYPE_INT32);
        gw_wire_append_bytes_field(&fields, 2, gw_buf_slice(&one));
    }
    gw_wire_append_bytes_field(&file, 1, GW_SLICE("many.proto"));
    gw_wire_append_bytes_field(&file, 4, gw_buf_slice(&fields));
    gw_wire_append_bytes_field(&file, 12, GW_SLICE("proto3"));
    gw_wire_append_bytes_field(&set, 1, gw_buf_slice(&file));
    struct gw_error error;
    struct gw_schema_source source = {gw_buf_slice(&set), "many"};
    struct gw_schema *many = gw_schema_load(&source, 1, &error);
    if (many == NULL)
        fail_msg("%s", error.message);
    return many;
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
