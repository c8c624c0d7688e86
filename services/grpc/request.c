#include "grpc/request.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "schema/raw.h"

struct walk {
    const char *begin; /* of the whole message */
    const ProtobufCMessageDescriptor *type;
    struct gw_error *error;
};

static int fail_type(const struct walk *w, const char *at)
{
    return gw_error_set(w->error, GW_INTERNAL, (size_t)(at - w->begin), "request is not a %s",
                        w->type->name);
}

/* Before what is wrong with it: "items[2].name", from the inside out. */
static int name_field(const struct walk *w, const ProtobufCFieldDescriptor *field,
                      struct gw_slice before, const char *behind)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return gw_error_prefix(w->error, "%s%s", field->name, behind);
    struct gw_raw_field raw;
    size_t index = 0;
    while (gw_raw_next(&before, &raw) > 0)
        index += raw.number == field->id;
    return gw_error_prefix(w->error, "%s[%zu]%s", field->name, index, behind);
}

static int check_string(const struct walk *w, struct gw_slice text)
{
    const char *nul = text.len > 0 ? memchr(text.base, '\0', text.len) : NULL;
    if (nul != NULL)
        return gw_error_set(w->error, GW_INVALID_ARGUMENT, (size_t)(nul - w->begin),
                            "has a NUL character");
    size_t valid = gw_utf8_check(text);
    if (valid < text.len)
        return gw_error_set(w->error, GW_INVALID_ARGUMENT, (size_t)(text.base - w->begin) + valid,
                            "is not UTF-8");
    return 0;
}

static int check_message(const struct walk *w, const ProtobufCMessageDescriptor *type,
                         struct gw_slice message, unsigned depth);

static int check_field(const struct walk *w, const ProtobufCFieldDescriptor *field,
                       const struct gw_raw_field *raw, struct gw_slice before, unsigned depth)
{
    bool is_string = field->type == PROTOBUF_C_TYPE_STRING;
    if (is_string && check_string(w, raw->payload) != 0)
        return name_field(w, field, before, ": ");
    if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
        check_message(w, field->descriptor, raw->payload, depth + 1) == 0)
        return 0;
    return w->error->status == GW_INVALID_ARGUMENT ? name_field(w, field, before, ".") : -1;
}

static int check_message(const struct walk *w, const ProtobufCMessageDescriptor *type,
                         struct gw_slice message, unsigned depth)
{
    struct gw_slice rest = message;
    struct gw_raw_field raw;
    int taken;
    if (depth > GW_REQUEST_DEPTH_MAX)
        return fail_type(w, message.base);
    while ((taken = gw_raw_next(&rest, &raw)) > 0) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, raw.number);
        struct gw_slice before = gw_slice(message.base, (size_t)(raw.whole.base - message.base));
        if (field != NULL && raw.type == GW_RAW_LEN &&
            check_field(w, field, &raw, before, depth) != 0)
            return -1;
    }
    return taken == 0 ? 0 : fail_type(w, rest.base);
}

int gw_request_check(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                     struct gw_error *error)
{
    return check_message(&(struct walk){bytes.base, type, error}, type, bytes, 1);
}

ProtobufCMessage *gw_request_unpack(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                                    ProtobufCAllocator *allocator, struct gw_error *error)
{
    if (gw_request_check(type, bytes, error) != 0)
        return NULL;
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, allocator, bytes.len, (const uint8_t *)bytes.base);
    if (message == NULL)
        fail_type(&(struct walk){bytes.base, type, error}, bytes.base);
    return message;
}
