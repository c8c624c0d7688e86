/* What the .proto files say, as tables: messages, fields, enums, services, methods and their
 * google.api.http rules, read at start-up from serialised google.protobuf.FileDescriptorSets.
 * Immutable once loaded; any thread. Everything reachable from a gw_schema lives as long as it
 * does. */
#ifndef GW_SCHEMA_SCHEMA_H
#define GW_SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "base/strmap.h"

/* Numbers as in google.protobuf.FieldDescriptorProto.Type. */
enum gw_type {
    GW_TYPE_DOUBLE = 1,
    GW_TYPE_FLOAT = 2,
    GW_TYPE_INT64 = 3,
    GW_TYPE_UINT64 = 4,
    GW_TYPE_INT32 = 5,
    GW_TYPE_FIXED64 = 6,
    GW_TYPE_FIXED32 = 7,
    GW_TYPE_BOOL = 8,
    GW_TYPE_STRING = 9,
    GW_TYPE_GROUP = 10,
    GW_TYPE_MESSAGE = 11,
    GW_TYPE_BYTES = 12,
    GW_TYPE_UINT32 = 13,
    GW_TYPE_ENUM = 14,
    GW_TYPE_SFIXED32 = 15,
    GW_TYPE_SFIXED64 = 16,
    GW_TYPE_SINT32 = 17,
    GW_TYPE_SINT64 = 18,
};

/* Messages whose JSON form is their own (protobuf.dev/programming-guides/json). */
enum gw_well_known {
    GW_WKT_NONE,
    GW_WKT_ANY,
    GW_WKT_TIMESTAMP,
    GW_WKT_DURATION,
    GW_WKT_FIELD_MASK,
    GW_WKT_STRUCT,
    GW_WKT_VALUE,
    GW_WKT_LIST_VALUE,
    GW_WKT_EMPTY,
    GW_WKT_WRAPPER, /* DoubleValue ... BytesValue: one field, `value` = 1 */
};

struct gw_enum_value {
    struct gw_slice name;
    int32_t number;
};

struct gw_enum_type {
    struct gw_slice full_name;    /* "google.protobuf.NullValue" */
    struct gw_enum_value *values; /* in order of declaration; values[0] is the default */
    size_t value_count;
    bool is_closed;                   /* proto2 */
    bool is_null_value;               /* google.protobuf.NullValue */
    struct gw_strmap by_name;         /* -> struct gw_enum_value */
    struct gw_enum_value **by_number; /* sorted by number; of aliases the first declared */
    size_t by_number_count;
};

struct gw_message_type;

struct gw_field {
    struct gw_slice name;      /* as in the .proto file */
    struct gw_slice json_name; /* lowerCamelCase, or the json_name option */
    struct gw_slice json_key;  /* json_name as JSON text that a value follows, `"fullName":` */
    struct gw_slice name_key;  /* the same for name */
    uint32_t number;
    enum gw_type type;
    bool is_repeated;  /* maps too */
    bool is_map;       /* message is then the entry type: key = fields[0], value = fields[1] */
    bool is_packed;    /* how to write; read both */
    bool is_required;  /* proto2 */
    bool has_presence; /* singular message, oneof member, `optional`, proto2 singular: printed when
                          set, even with the default value */
    uint32_t index;    /* in message->fields */
    int32_t oneof;     /* index of the (not synthetic) oneof, or -1 */
    const struct gw_message_type *message; /* GW_TYPE_MESSAGE and GW_TYPE_GROUP, else NULL */
    const struct gw_enum_type *enum_type;  /* GW_TYPE_ENUM, else NULL */
    /* proto2 default, as descriptor.proto writes it and of the field's type; base is NULL where
     * there is none. */
    struct gw_slice default_text;
};

struct gw_message_type {
    struct gw_slice full_name; /* "user.v1.User" */
    struct gw_field *fields;   /* sorted by number */
    uint32_t field_count;
    bool has_required;    /* a field is_required */
    uint32_t oneof_count; /* not synthetic */
    struct gw_slice *oneof_names;
    enum gw_well_known well_known;
    struct gw_strmap by_name;      /* both spellings -> struct gw_field; JSON names come first */
    const struct gw_field **dense; /* dense[n] is field number n or NULL, for n < dense_count */
    uint32_t dense_count;
};

/* One google.api.HttpRule; additional_bindings are rules of their own. */
struct gw_http_rule {
    struct gw_slice method;        /* "GET", "POST" ... or a custom kind */
    struct gw_slice path;          /* template text */
    struct gw_slice body;          /* "", "*" or a field */
    struct gw_slice response_body; /* "" or a field */
};

struct gw_method {
    struct gw_slice service;   /* "user.v1.UserService" */
    struct gw_slice name;      /* "GetUser" */
    struct gw_slice full_name; /* "user.v1.UserService/GetUser" */
    struct gw_slice path;      /* "/user.v1.UserService/GetUser" */
    const struct gw_message_type *input, *output;
    bool client_streaming, server_streaming;
    struct gw_http_rule *rules;
    size_t rule_count;
    uint32_t index; /* in gw_schema_method_at's order */
};

struct gw_service {
    struct gw_slice full_name;
    const struct gw_method **methods;
    size_t method_count;
};

struct gw_schema;

/* Largest descriptor set. */
#define GW_SCHEMA_SOURCE_MAX_BYTES ((size_t)64 << 20)

struct gw_schema_source {
    struct gw_slice bytes; /* a serialised FileDescriptorSet; borrowed during the call */
    const char *name;      /* for messages, e.g. the file's path */
};

/* Links all sets; the same file in several sets must be the same (but for comments, and of
 * protobuf's own google/protobuf/ the first counts). NULL on error: bytes that are not a descriptor
 * set, a type or imported file that is missing (named), a name defined twice, an unsound descriptor
 * (field number out of range or used twice, map entry of the wrong shape, nesting deeper than 100,
 * ...). */
struct gw_schema *gw_schema_load(const struct gw_schema_source *sources, size_t count,
                                 struct gw_error *error);
void gw_schema_destroy(struct gw_schema *schema);

/* By full name, without a leading dot; NULL where unknown. */
const struct gw_message_type *gw_schema_message(const struct gw_schema *schema,
                                                struct gw_slice name);
const struct gw_enum_type *gw_schema_enum(const struct gw_schema *schema, struct gw_slice name);
const struct gw_service *gw_schema_service(const struct gw_schema *schema, struct gw_slice name);
/* "user.v1.UserService/GetUser", with or without a leading slash. */
const struct gw_method *gw_schema_method(const struct gw_schema *schema, struct gw_slice name);

size_t gw_schema_method_count(const struct gw_schema *schema);
const struct gw_method *gw_schema_method_at(const struct gw_schema *schema, size_t index);
size_t gw_schema_service_count(const struct gw_schema *schema);
const struct gw_service *gw_schema_service_at(const struct gw_schema *schema, size_t index);

const struct gw_field *gw_message_field_by_number_slow(const struct gw_message_type *m, uint32_t n);

/* NULL where unknown. */
static inline const struct gw_field *gw_message_field_by_number(const struct gw_message_type *m,
                                                                uint32_t number)
{
    return number < m->dense_count ? m->dense[number] : gw_message_field_by_number_slow(m, number);
}

/* Either spelling; NULL where unknown. */
static inline const struct gw_field *gw_message_field_by_name(const struct gw_message_type *m,
                                                              struct gw_slice name)
{
    return gw_strmap_get(&m->by_name, name);
}

const struct gw_enum_value *gw_enum_value_by_name(const struct gw_enum_type *e,
                                                  struct gw_slice name);
const struct gw_enum_value *gw_enum_value_by_number(const struct gw_enum_type *e, int32_t number);

#endif
