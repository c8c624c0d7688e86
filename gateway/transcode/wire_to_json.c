#include "transcode/wire_to_json.h"

#include <math.h>

#include "base/digits.h"
#include "base/encoding.h"
#include "base/json_text.h"
#include "transcode/json_writer.h"
#include "transcode/number.h"
#include "transcode/seen.h"
#include "transcode/wire_map.h"

static int append_number(struct gw_buf *out, char *(*put)(char *to, int64_t n), int64_t n)
{
    out->len = (size_t)(put(gw_buf_reserve(out, GW_NUMBER_TEXT_MAX), n) - out->base);
    return 0;
}

static int append_i64(struct gw_buf *out, int64_t n)
{
    return append_number(out, gw_number_put_i64, n);
}

static int append_quoted_u64(struct gw_buf *out, bool is_negative, uint64_t magnitude)
{
    char *to = gw_buf_reserve(out, GW_NUMBER_TEXT_MAX);
    *to++ = '"';
    if (is_negative)
        *to++ = '-';
    to = gw_digits_put(to, magnitude);
    *to++ = '"';
    out->len = (size_t)(to - out->base);
    return 0;
}

static int append_quoted_i64(struct gw_buf *out, int64_t n)
{
    return append_quoted_u64(out, n < 0, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static int append_special(struct gw_buf *out, double value)
{
    if (isnan(value))
        gw_buf_append(out, GW_SLICE("\"NaN\""));
    else
        gw_buf_append(out, value < 0 ? GW_SLICE("\"-Infinity\"") : GW_SLICE("\"Infinity\""));
    return 0;
}

static int append_double(struct gw_buf *out, uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value))
        return append_special(out, value);
    char *to = gw_buf_reserve(out, GW_NUMBER_TEXT_MAX);
    out->len = (size_t)(gw_number_put_double(to, value) - out->base);
    return 0;
}

static int append_float(struct gw_buf *out, uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value))
        return append_special(out, (double)value);
    char *to = gw_buf_reserve(out, GW_NUMBER_TEXT_MAX);
    out->len = (size_t)(gw_number_put_float(to, value) - out->base);
    return 0;
}

static int append_enum(struct gw_json_writer *w, const struct gw_enum_type *type, int32_t number)
{
    if (type->is_null_value) {
        gw_json_write_null(w);
        return 0;
    }
    const struct gw_enum_value *value =
        w->options->enums_as_ints ? NULL : gw_enum_value_by_number(type, number);
    if (value == NULL)
        return append_i64(w->out, number);
    char *to = gw_buf_reserve(w->out, value->name.len + 2);
    *to++ = '"';
    memcpy(to, value->name.base, value->name.len);
    to[value->name.len] = '"';
    w->out->len += value->name.len + 2;
    return 0;
}

int gw_json_write_value(struct gw_json_writer *w, const struct gw_field *field,
                        const struct gw_wire_value *value)
{
    struct gw_buf *out = w->out;
    if (w->sink != NULL && field->message == NULL)
        return gw_json_give_scalar(w, field, value);
    switch (field->type) {
    case GW_TYPE_DOUBLE:
        return append_double(out, value->bits);
    case GW_TYPE_FLOAT:
        return append_float(out, (uint32_t)value->bits);
    case GW_TYPE_INT32:
    case GW_TYPE_SFIXED32:
        return append_i64(out, (int32_t)value->bits);
    case GW_TYPE_SINT32:
        return append_i64(out, (int32_t)gw_unzigzag((uint32_t)value->bits));
    case GW_TYPE_UINT32:
    case GW_TYPE_FIXED32:
        return append_i64(out, (uint32_t)value->bits);
    case GW_TYPE_INT64:
    case GW_TYPE_SFIXED64:
        return append_quoted_i64(out, (int64_t)value->bits);
    case GW_TYPE_SINT64:
        return append_quoted_i64(out, gw_unzigzag(value->bits));
    case GW_TYPE_UINT64:
    case GW_TYPE_FIXED64:
        return append_quoted_u64(out, false, value->bits);
    case GW_TYPE_BOOL:
        gw_buf_append(out, value->bits != 0 ? GW_SLICE("true") : GW_SLICE("false"));
        return 0;
    case GW_TYPE_ENUM:
        return append_enum(w, field->enum_type, (int32_t)value->bits);
    case GW_TYPE_STRING:
        if (gw_json_append_string(out, value->bytes) != 0)
            return gw_json_writer_fail(w, "the string is not UTF-8");
        return 0;
    case GW_TYPE_BYTES:
        gw_json_write_bytes(w, value->bytes);
        return 0;
    case GW_TYPE_GROUP:
    case GW_TYPE_MESSAGE:
        break;
    }
    return gw_json_write_message(w, field->message, value->bytes);
}

int gw_json_write_elements(struct gw_json_writer *w, const struct gw_field *field,
                           const struct gw_wire_value *value)
{
    enum gw_wire_type wire_type = gw_wire_type_of(field->type);
    if (value->wire_type == wire_type) {
        gw_json_begin_element(w);
        return gw_json_write_value(w, field, value);
    }
    const char *at = value->bytes.base, *end = at + value->bytes.len;
    while (at < end) {
        struct gw_wire_value element = {.number = field->number, .wire_type = wire_type};
        at = gw_wire_get_bits(at, end, wire_type, &element.bits);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        if (gw_json_writer_is_too_long(w))
            return gw_json_writer_fail_too_long(w);
        gw_json_begin_element(w);
        gw_json_write_value(w, field, &element);
    }
    return 0;
}

int gw_json_write_default(struct gw_json_writer *w, const struct gw_field *field)
{
    static const struct gw_wire_value zero = {.bytes = {"", 0}};
    if (field->is_map) {
        gw_json_begin_object(w);
        gw_json_end_object(w);
    } else if (field->is_repeated) {
        gw_json_begin_array(w);
        gw_json_end_array(w);
    } else if (field->has_presence) {
        gw_json_write_null(w);
    } else {
        return gw_json_write_value(w, field, &zero);
    }
    return 0;
}

/* The values of one field that stand in a row, of which *value is the first. */
struct run {
    const struct gw_field *field;
    struct gw_wire_value *value;
    const char *at, *end;
};

/* 1: run->value is the row's next value; 0: the row ends at run->at. */
static int next_in_run(struct gw_json_writer *w, struct run *run)
{
    if (run->at == run->end)
        return 0;
    if (gw_json_writer_is_too_long(w))
        return gw_json_writer_fail_too_long(w);
    struct gw_wire_value next;
    const char *behind = gw_json_writer_next(w, run->at, run->end, &next);
    if (behind == NULL)
        return gw_json_writer_fail_malformed(w);
    if (next.number != run->field->number || !gw_wire_fits(run->field, next.wire_type))
        return 0;
    *run->value = next;
    run->at = behind;
    return 1;
}

static int write_array(struct gw_json_writer *w, struct run *run)
{
    size_t start = w->out->len;
    gw_json_write_key(w, run->field);
    gw_json_begin_array(w);
    size_t first = w->out->len;
    int more = 1;
    for (; more > 0; more = next_in_run(w, run)) {
        if (gw_json_write_elements(w, run->field, run->value) != 0)
            return -1;
    }
    if (w->out->len == first && !w->options->always_print_defaults)
        w->out->len = start;
    else
        gw_json_end_array(w);
    return more;
}

static int write_entries(struct gw_json_writer *w, struct run *run, struct gw_map_keys *keys)
{
    int more = 1;
    for (; more > 0; more = next_in_run(w, run)) {
        struct gw_map_entry entry;
        if (gw_map_entry_decode(w, run->field, run->value->bytes, &entry) != 0)
            return -1;
        if (gw_map_keys_add(keys, w->pool, run->field, &entry))
            return 1;
        if (gw_map_entry_write(w, run->field, &entry) != 0)
            return -1;
    }
    return more;
}

/* 1: a key came back. */
static int write_map(struct gw_json_writer *w, struct run *run)
{
    struct gw_map_keys keys;
    keys.count = 0;
    keys.many = NULL;
    if (gw_json_writer_enter(w) != 0)
        return -1;
    gw_json_write_key(w, run->field);
    gw_json_begin_object(w);
    int rc = write_entries(w, run, &keys);
    gw_json_end_object(w);
    gw_json_writer_leave(w);
    gw_map_keys_dispose(&keys);
    return rc;
}

static bool is_default(const struct gw_field *field, const struct gw_wire_value *value)
{
    if (value->wire_type == GW_WIRE_BYTES)
        return value->bytes.len == 0;
    switch (field->type) {
    case GW_TYPE_INT32:
    case GW_TYPE_SINT32:
    case GW_TYPE_UINT32:
    case GW_TYPE_ENUM:
        return (uint32_t)value->bits == 0;
    default:
        return value->bits == 0;
    }
}

bool gw_json_is_left_out(const struct gw_json_writer *w, const struct gw_field *field,
                         const struct gw_wire_value *value)
{
    return !field->has_presence && !w->options->always_print_defaults && is_default(field, value);
}

static int write_singular(struct gw_json_writer *w, const struct gw_field *field,
                          const struct gw_wire_value *value)
{
    if (gw_json_is_left_out(w, field, value))
        return 0;
    gw_json_write_key(w, field);
    return gw_json_write_value(w, field, value);
}

static int write_missing(struct gw_json_writer *w, const struct gw_message_type *type,
                         const uint64_t *seen)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct gw_field *field = &type->fields[i];
        if (field->has_presence || gw_seen_has(seen, i))
            continue;
        gw_json_write_key(w, field);
        if (gw_json_write_default(w, field) != 0)
            return -1;
    }
    return 0;
}

/* Writes the fields as they come. 1: one came back, and that is not how to write this message. */
static int write_once(struct gw_json_writer *w, const struct gw_message_type *type,
                      struct gw_slice wire, uint64_t *seen)
{
    struct gw_json_writer_place place = {.up = w->place};
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        const struct gw_field *field = gw_message_field_by_number(type, value.number);
        if (field == NULL || !gw_wire_fits(field, value.wire_type))
            continue;
        if (gw_json_writer_is_too_long(w))
            return gw_json_writer_fail_too_long(w);
        if (gw_seen_add(seen, field->index) || gw_seen_add_oneof(seen, type, field))
            return 1;
        place.field = field;
        w->place = &place;
        int rc;
        if (field->is_repeated) {
            struct run run = {field, &value, at, end};
            rc = field->is_map ? write_map(w, &run) : write_array(w, &run);
            at = run.at;
        } else {
            rc = write_singular(w, field, &value);
        }
        if (rc != 0)
            return rc;
        w->place = place.up;
    }
    return w->options->always_print_defaults ? write_missing(w, type, seen) : 0;
}

int gw_json_write_members(struct gw_json_writer *w, const struct gw_message_type *type,
                          struct gw_slice wire)
{
    if (w->is_merging)
        return gw_json_write_merged(w, type, wire);
    const struct gw_json_writer_place *place = w->place;
    int depth = w->depth;
    size_t start = w->out->len, sink_depth = w->sink != NULL ? w->sink->depth : 0;
    struct gw_seen seen;
    gw_seen_init(&seen, type, w->pool);
    int rc = write_once(w, type, wire, seen.bits);
    if (rc <= 0)
        return rc;
    w->is_merging = true;
    w->place = place;
    w->depth = depth;
    w->out->len = start;
    if (w->sink != NULL)
        w->sink->ops->restart(w->sink, sink_depth);
    return gw_json_write_merged(w, type, wire);
}

int gw_json_write_message(struct gw_json_writer *w, const struct gw_message_type *type,
                          struct gw_slice wire)
{
    if (gw_json_writer_enter(w) != 0)
        return -1;
    int rc;
    if (type->well_known != GW_WKT_NONE && type->well_known != GW_WKT_EMPTY) {
        rc = gw_json_write_well_known(w, type, wire);
    } else {
        gw_json_begin_object(w);
        rc = gw_json_write_members(w, type, wire);
        gw_json_end_object(w);
    }
    gw_json_writer_leave(w);
    return rc;
}

static int finish(struct gw_json_writer *w, int rc, size_t start)
{
    if (rc == 0 && gw_json_writer_is_too_long(w))
        rc = gw_json_writer_fail_too_long(w);
    if (rc != 0)
        w->out->len = start;
    return rc;
}

static struct gw_json_writer writer(const struct gw_schema *schema,
                                    const struct gw_json_options *options, struct gw_slice wire,
                                    gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    /* Mostly the text is about twice as long as the bytes. */
    gw_buf_reserve(out, 2 * wire.len);
    return (struct gw_json_writer){
        .out = out,
        .has_json_names = !options->preserve_proto_names,
        .pool = pool,
        .schema = schema,
        .options = options,
        .max_len = options->max_bytes != 0 ? out->len + options->max_bytes : SIZE_MAX,
        .error = error};
}

int gw_wire_to_json(const struct gw_schema *schema, const struct gw_message_type *type,
                    const struct gw_json_options *options, struct gw_slice wire, gw_pool *pool,
                    struct gw_buf *out, struct gw_error *error)
{
    size_t start = out->len;
    struct gw_json_writer w = writer(schema, options, wire, pool, out, error);
    return finish(&w, gw_json_write_message(&w, type, wire), start);
}

int gw_wire_field_to_json(const struct gw_schema *schema, const struct gw_message_type *type,
                          const struct gw_field *field, const struct gw_json_options *options,
                          struct gw_slice wire, gw_pool *pool, struct gw_buf *out,
                          struct gw_error *error)
{
    size_t start = out->len;
    struct gw_json_writer w = writer(schema, options, wire, pool, out, error);
    struct gw_json_writer_place place = {.field = field};
    w.depth = 1;
    w.place = &place;
    int rc = gw_json_write_field_of(&w, type, field, wire);
    if (rc > 0)
        rc = gw_json_write_default(&w, field);
    return finish(&w, rc, start);
}
