/* What the fuzz targets of the JSON codec share. Inputs: the first byte chooses a message type, the
 * second options, the rest is the text or the bytes. */
#ifndef TESTS_FUZZ_CODEC_H
#define TESTS_FUZZ_CODEC_H

#include "../load_schema.h"
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

static inline const struct gw_schema *codec_schema(void)
{
    static struct gw_schema *schema;
    if (schema == NULL)
        schema = test_load_schema(2, (const char *const[]){KINDS_BINPB, SERVICES_BINPB});
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
