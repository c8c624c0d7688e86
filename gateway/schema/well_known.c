/* Messages with a JSON form of their own. Whoever writes that form relies on their fields, so a set
 * that calls something else by such a name is refused. */
#include "schema/loader.h"

#define MAX_SHAPE_FIELDS 6

struct shape_field {
    uint32_t number;
    enum gw_type type;
    bool is_repeated;
    const char *type_name;
};

static const struct shape {
    const char *name; /* in google.protobuf */
    enum gw_well_known kind;
    struct shape_field fields[MAX_SHAPE_FIELDS]; /* number 0: no more */
} shapes[] = {
    {"Any", GW_WKT_ANY, {{1, GW_TYPE_STRING}, {2, GW_TYPE_BYTES}}},
    {"Timestamp", GW_WKT_TIMESTAMP, {{1, GW_TYPE_INT64}, {2, GW_TYPE_INT32}}},
    {"Duration", GW_WKT_DURATION, {{1, GW_TYPE_INT64}, {2, GW_TYPE_INT32}}},
    {"FieldMask", GW_WKT_FIELD_MASK, {{1, GW_TYPE_STRING, true}}},
    {"Struct", GW_WKT_STRUCT, {{1, GW_TYPE_MESSAGE, true, "google.protobuf.Struct.FieldsEntry"}}},
    {"Value",
     GW_WKT_VALUE,
     {{1, GW_TYPE_ENUM, false, "google.protobuf.NullValue"},
      {2, GW_TYPE_DOUBLE},
      {3, GW_TYPE_STRING},
      {4, GW_TYPE_BOOL},
      {5, GW_TYPE_MESSAGE, false, "google.protobuf.Struct"},
      {6, GW_TYPE_MESSAGE, false, "google.protobuf.ListValue"}}},
    {"ListValue", GW_WKT_LIST_VALUE, {{1, GW_TYPE_MESSAGE, true, "google.protobuf.Value"}}},
    {"Empty", GW_WKT_EMPTY, {{0}}},
    {"DoubleValue", GW_WKT_WRAPPER, {{1, GW_TYPE_DOUBLE}}},
    {"FloatValue", GW_WKT_WRAPPER, {{1, GW_TYPE_FLOAT}}},
    {"Int64Value", GW_WKT_WRAPPER, {{1, GW_TYPE_INT64}}},
    {"UInt64Value", GW_WKT_WRAPPER, {{1, GW_TYPE_UINT64}}},
    {"Int32Value", GW_WKT_WRAPPER, {{1, GW_TYPE_INT32}}},
    {"UInt32Value", GW_WKT_WRAPPER, {{1, GW_TYPE_UINT32}}},
    {"BoolValue", GW_WKT_WRAPPER, {{1, GW_TYPE_BOOL}}},
    {"StringValue", GW_WKT_WRAPPER, {{1, GW_TYPE_STRING}}},
    {"BytesValue", GW_WKT_WRAPPER, {{1, GW_TYPE_BYTES}}},
};

static bool has_shape(const struct gw_message_type *m, const struct shape *shape)
{
    uint32_t count = 0;
    while (count < MAX_SHAPE_FIELDS && shape->fields[count].number != 0)
        count++;
    if (m->field_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct shape_field *want = &shape->fields[i];
        const struct gw_field *have = &m->fields[i];
        struct gw_slice type_name = have->message     ? have->message->full_name
                                    : have->enum_type ? have->enum_type->full_name
                                                      : gw_slice(NULL, 0);
        if (have->number != want->number || have->type != want->type ||
            have->is_repeated != want->is_repeated ||
            !gw_slice_eq(type_name, gw_slice_str(want->type_name)))
            return false;
    }
    return true;
}

int gw_loader_recognise(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_message_type *m = symbol->message;
    struct gw_slice package = GW_SLICE("google.protobuf.");
    if (!gw_slice_starts_with(m->full_name, package))
        return 0;
    struct gw_slice name = gw_slice_from(m->full_name, package.len);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (!gw_slice_eq(name, gw_slice_str(shapes[i].name)))
            continue;
        if (!has_shape(m, &shapes[i]))
            return gw_loader_fail(loader, symbol->file,
                                  "%.*s has other fields than the well-known type of that name",
                                  GW_SLICE_ARG(m->full_name));
        m->well_known = shapes[i].kind;
        return 0;
    }
    return 0;
}
