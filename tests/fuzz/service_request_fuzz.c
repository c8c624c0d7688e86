/* Requests for protobuf-c services. What the check lets pass has, once it is unpacked, only strings
 * that are UTF-8 and end where their bytes on the wire end. The first byte chooses the type. */
#include <assert.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/request.h"
#include "strings.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of every shape; of proto2; small. */
static const ProtobufCMessageDescriptor *const types[] = {
    &test__v1__strings__descriptor,
    &google__protobuf__file_descriptor_set__descriptor,
    &grpc__reflection__v1__server_reflection_request__descriptor,
};

/* A block's size stands before it: of a string, protobuf-c asks for one more than was sent. */
static void *sized_alloc(void *arg, size_t bytes)
{
    (void)arg;
    size_t *block = malloc(sizeof(max_align_t) + bytes);
    *block = bytes;
    return (char *)block + sizeof(max_align_t);
}

static void sized_free(void *arg, void *block)
{
    (void)arg;
    if (block != NULL)
        free((char *)block - sizeof(max_align_t));
}

static void expect_whole(const ProtobufCMessage *message);

static void expect_value(const ProtobufCFieldDescriptor *field, const void *value)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        expect_whole(value);
    } else if (value != field->default_value && ((const char *)value)[0] != '\0') {
        struct gw_slice text = gw_slice_str(value);
        const void *block = (const char *)value - sizeof(max_align_t);
        assert(*(const size_t *)block == text.len + 1);
        assert(gw_utf8_check(text) == text.len);
    }
}

static void expect_whole(const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        bool is_other = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                        *(const uint32_t *)(base + field->quantifier_offset) != field->id;
        if (is_other ||
            (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING))
            continue;
        const void *const *values = (const void *const *)(base + field->offset);
        size_t count = *values != NULL;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            count = *(const size_t *)(base + field->quantifier_offset);
            values = *values;
        }
        for (size_t n = 0; n < count; n++)
            expect_value(field, values[n]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *type = types[data[0] % (sizeof(types) / sizeof(*types))];
    ProtobufCAllocator allocator = {sized_alloc, sized_free, NULL};
    struct gw_error error = {.message = ""};
    ProtobufCMessage *message =
        gw_request_unpack(type, gw_slice(data + 1, size - 1), &allocator, &error);
    if (message != NULL) {
        expect_whole(message);
        protobuf_c_message_free_unpacked(message, &allocator);
    } else {
        assert(error.status == GW_INVALID_ARGUMENT || error.status == GW_INTERNAL);
        assert(error.position == GW_NO_POSITION || error.position < size);
    }
    return 0;
}
