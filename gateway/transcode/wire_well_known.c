#include "transcode/json_writer.h"
#include "transcode/scalar.h"
#include "transcode/time_text.h"

static int fail_invalid(struct gw_json_writer *w, const struct gw_message_type *type)
{
    return gw_json_writer_fail(w, "not a valid %.*s", GW_SLICE_ARG(type->full_name));
}

static int write_time(struct gw_json_writer *w, const struct gw_message_type *type,
                      struct gw_slice wire)
{
    uint64_t seconds = 0, nanos = 0;
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        if (value.wire_type == GW_WIRE_VARINT && value.number == 1)
            seconds = value.bits;
        else if (value.wire_type == GW_WIRE_VARINT && value.number == 2)
            nanos = value.bits;
    }
    size_t start = w->out->len;
    char *to = gw_buf_reserve(w->out, GW_TIME_TEXT_MAX + 2);
    *to++ = '"';
    to = type->well_known == GW_WKT_TIMESTAMP
             ? gw_timestamp_put(to, (int64_t)seconds, (int32_t)nanos)
             : gw_duration_put(to, (int64_t)seconds, (int32_t)nanos);
    if (to == NULL)
        return fail_invalid(w, type);
    *to++ = '"';
    w->out->len = (size_t)(to - w->out->base);
    gw_json_end_plain_string(w, start);
    return 0;
}

/* "user.display_name" as "user.displayName"; -1 for a path that would not come back the same. */
static int append_path(struct gw_buf *out, struct gw_slice path)
{
    char *to = gw_buf_reserve(out, path.len);
    for (size_t i = 0; i < path.len; i++) {
        char c = path.base[i];
        bool is_letter = c >= 'a' && c <= 'z';
        if (c == '_') {
            i++;
            if (i == path.len || path.base[i] < 'a' || path.base[i] > 'z')
                return -1;
            *to++ = (char)(path.base[i] - 'a' + 'A');
        } else if (is_letter || c == '.' || (c >= '0' && c <= '9')) {
            *to++ = c;
        } else {
            return -1;
        }
    }
    out->len = (size_t)(to - out->base);
    return path.len > 0 ? 0 : -1;
}

static int write_field_mask(struct gw_json_writer *w, const struct gw_message_type *type,
                            struct gw_slice wire)
{
    size_t start = w->out->len;
    gw_buf_append_byte(w->out, '"');
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        if (value.number != 1 || value.wire_type != GW_WIRE_BYTES)
            continue;
        gw_json_append_comma(w->out, '"');
        if (append_path(w->out, value.bytes) != 0)
            return fail_invalid(w, type);
    }
    gw_buf_append_byte(w->out, '"');
    gw_json_end_plain_string(w, start);
    return 0;
}

/* Struct, ListValue and wrappers are the value of their only field. */
static int write_only_field(struct gw_json_writer *w, const struct gw_message_type *type,
                            struct gw_slice wire)
{
    struct gw_wire_value value;
    const struct gw_field *field = &type->fields[0];
    if (type->well_known == GW_WKT_WRAPPER && wire.len > 0 &&
        gw_json_writer_next(w, wire.base, wire.base + wire.len, &value) == wire.base + wire.len &&
        value.number == field->number && gw_wire_fits(field, value.wire_type))
        return gw_json_write_value(w, field, &value);
    int rc = gw_json_write_field_of(w, type, field, wire);
    return rc > 0 ? gw_json_write_default(w, field) : rc;
}

#define VALUE_NUMBER 2

static bool is_finite(uint64_t bits)
{
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

/* A google.protobuf.Value: whichever of its fields is set. */
static int write_dynamic(struct gw_json_writer *w, const struct gw_message_type *type,
                         struct gw_slice wire)
{
    const struct gw_field *last_field = NULL;
    struct gw_wire_value last;
    size_t count = 0;
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        const struct gw_field *field = gw_message_field_by_number(type, value.number);
        if (field == NULL || !gw_wire_fits(field, value.wire_type))
            continue;
        if (field->number == VALUE_NUMBER && !is_finite(value.bits))
            return fail_invalid(w, type);
        last_field = field;
        last = value;
        count++;
    }
    if (count > 1)
        return gw_json_write_field_of(w, type, NULL, wire);
    if (count == 1)
        return gw_json_write_value(w, last_field, &last);
    gw_json_write_null(w);
    return 0;
}

enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };

static int write_any_contents(struct gw_json_writer *w, const struct gw_message_type *type,
                              struct gw_slice wire)
{
    if (type == NULL) {
        gw_json_write_name(w, GW_SLICE("value"));
        gw_json_write_bytes(w, wire);
        return 0;
    }
    if (type->well_known != GW_WKT_NONE && type->well_known != GW_WKT_EMPTY) {
        gw_json_write_name(w, GW_SLICE("value"));
        return gw_json_write_message(w, type, wire);
    }
    if (gw_json_writer_enter(w) != 0)
        return -1;
    int rc = gw_json_write_members(w, type, wire);
    gw_json_writer_leave(w);
    return rc;
}

/* A type that the schema lacks is kept as base64. */
static int write_any(struct gw_json_writer *w, struct gw_slice wire)
{
    struct gw_slice url = {"", 0}, contents = {"", 0};
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        if (value.wire_type == GW_WIRE_BYTES && value.number == ANY_TYPE_URL)
            url = value.bytes;
        else if (value.wire_type == GW_WIRE_BYTES && value.number == ANY_VALUE)
            contents = value.bytes;
    }
    gw_json_begin_object(w);
    if (url.len > 0 || contents.len > 0) {
        gw_json_write_name(w, GW_SLICE("@type"));
        if (gw_json_write_string(w, url) != 0)
            return gw_json_writer_fail(w, "the type's URL is not UTF-8");
        if (write_any_contents(w, gw_any_type(w->schema, url), contents) != 0)
            return -1;
    }
    gw_json_end_object(w);
    return 0;
}

int gw_json_write_well_known(struct gw_json_writer *w, const struct gw_message_type *type,
                             struct gw_slice wire)
{
    switch (type->well_known) {
    case GW_WKT_ANY:
        return write_any(w, wire);
    case GW_WKT_TIMESTAMP:
    case GW_WKT_DURATION:
        return write_time(w, type, wire);
    case GW_WKT_FIELD_MASK:
        return write_field_mask(w, type, wire);
    case GW_WKT_VALUE:
        return write_dynamic(w, type, wire);
    default:
        return write_only_field(w, type, wire);
    }
}
