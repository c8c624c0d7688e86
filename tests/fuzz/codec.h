/* What the fuzz targets of the JSON codec share. Inputs: the first byte chooses a message type, the
 * second options, the rest is the text or the bytes. */
#ifndef TESTS_FUZZ_CODEC_H
#define TESTS_FUZZ_CODEC_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "transcode/transcode.h"

struct codec_case {
    const struct gw_schema *schema;
    const struct gw_message_type *type;
    struct gw_json_options options;
    struct gw_slice input;
};

static const char *const codec_types[] = {
    "test.v1.Everything", "test.v1.Scalars", "test.v1.Optionals",     "test.v1.Repeated",
    "test.v1.Maps",       "test.v1.Tree",    "test.v1.Choice",        "test.v1.WellKnown",
    "test.v1.Names",      "test.v1.Sparse",  "test.v2.Labels",        "test.v2.Groups",
    "test.v2.Defaults",   "user.v1.User",    "google.protobuf.Value",
};

static inline struct gw_slice codec_read_file(const char *path)
{
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

static inline const struct gw_schema *codec_schema(void)
{
    static struct gw_schema *schema;
    if (schema != NULL)
        return schema;
    struct gw_error error;
    struct gw_schema_source sources[] = {
        {codec_read_file(KINDS_BINPB), KINDS_BINPB},
        {codec_read_file(SERVICES_BINPB), SERVICES_BINPB},
    };
    schema = gw_schema_load(sources, 2, &error);
    if (schema == NULL) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    free((char *)sources[0].bytes.base);
    free((char *)sources[1].bytes.base);
    return schema;
}

/* Returns whether there is anything to do. */
static inline bool codec_case_read(const uint8_t *data, size_t size, struct codec_case *ret_case)
{
    if (size < 2)
        return false;
    const char *name = codec_types[data[0] % (sizeof(codec_types) / sizeof(codec_types[0]))];
    *ret_case = (struct codec_case){
        .schema = codec_schema(),
        .type = gw_schema_message(codec_schema(), gw_slice_str(name)),
        .options = {.preserve_proto_names = data[1] & 1,
                    .always_print_defaults = data[1] & 2,
                    .enums_as_ints = data[1] & 4,
                    .ignore_unknown_fields = data[1] & 8},
        .input = gw_slice(data + 2, size - 2),
    };
    return true;
}

#endif
