/* Lets a script use a codec. Reads lines DIRECTION TYPE OPTIONS :BASE64 from standard input, with
 * DIRECTION j (JSON to wire) or w (wire to JSON), and letters of OPTIONS p (preserve_proto_names),
 * d (always_print_defaults), e (enums_as_ints), i (ignore_unknown_fields) or - (none); answers each
 * with a line, `ok BASE64` or `error MESSAGE`. Arguments: descriptor sets. */
#ifndef TESTS_UNIT_TRANSCODE_CODEC_DRIVER_H
#define TESTS_UNIT_TRANSCODE_CODEC_DRIVER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../load_schema.h"
#include "base/encoding.h"
#include "transcode/transcode.h"

typedef int (*codec_fn)(const struct gw_schema *schema, const struct gw_message_type *type,
                        const struct gw_json_options *options, struct gw_slice in, gw_pool *pool,
                        struct gw_buf *out, struct gw_error *error);

static inline void codec_answer(const struct gw_schema *schema, codec_fn json_to_wire,
                                codec_fn wire_to_json, char *line)
{
    char *direction = strtok(line, " "), *name = strtok(NULL, " "), *letters = strtok(NULL, " "),
         *text = strtok(NULL, " \n");
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_buf in = gw_buf_in_pool(&pool), out = gw_buf_in_pool(&pool);
    const struct gw_message_type *type = gw_schema_message(schema, gw_slice_str(name));
    if (type == NULL || gw_base64_decode(&in, gw_slice_str(text + 1)) != 0) {
        fprintf(stderr, "bad request\n");
        exit(1);
    }
    struct gw_json_options options = {
        .preserve_proto_names = strchr(letters, 'p') != NULL,
        .always_print_defaults = strchr(letters, 'd') != NULL,
        .enums_as_ints = strchr(letters, 'e') != NULL,
        .ignore_unknown_fields = strchr(letters, 'i') != NULL,
    };
    struct gw_error error;
    codec_fn convert = *direction == 'j' ? json_to_wire : wire_to_json;
    if (convert(schema, type, &options, gw_buf_slice(&in), &pool, &out, &error) == 0) {
        struct gw_buf encoded = gw_buf_in_pool(&pool);
        gw_base64_encode(&encoded, gw_buf_slice(&out));
        printf("ok %.*s\n", GW_SLICE_ARG(gw_buf_slice(&encoded)));
    } else {
        printf("error %s\n", error.message);
    }
    fflush(stdout);
    h2o_mem_clear_pool(&pool);
}

static inline int codec_drive(int argc, char **argv, codec_fn json_to_wire, codec_fn wire_to_json)
{
    if (argc < 2 || argc - 1 > TEST_SETS_MAX) {
        fprintf(stderr, "expected 1 to %d descriptor sets\n", TEST_SETS_MAX);
        return 2;
    }
    struct gw_schema *schema = test_load_schema((size_t)argc - 1, (const char *const *)argv + 1);
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0)
        codec_answer(schema, json_to_wire, wire_to_json, line);
    free(line);
    gw_schema_destroy(schema);
    return 0;
}

#endif
