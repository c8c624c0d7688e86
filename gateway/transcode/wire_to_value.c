#include "transcode/value.h"

#include "base/utf8.h"
#include "transcode/json_writer.h"

const struct gw_json_options gw_value_json_options = {.preserve_proto_names = true,
                                                      .always_print_defaults = true};

static struct gw_value integer(int64_t n)
{
    return (struct gw_value){.kind = GW_VALUE_INTEGER, .integer = n};
}

static struct gw_value unsigned_integer(uint64_t n)
{
    if (n <= INT64_MAX)
        return integer((int64_t)n);
    return (struct gw_value){.kind = GW_VALUE_UNSIGNED, .unsigned_integer = n};
}

static struct gw_value real(double number)
{
    return (struct gw_value){.kind = GW_VALUE_REAL, .real = number};
}

static struct gw_value text(enum gw_value_kind kind, struct gw_slice bytes)
{
    return (struct gw_value){.kind = kind, .text = bytes};
}

static struct gw_value float_of(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof(number));
    return real((double)number);
}

static struct gw_value double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return real(number);
}

static struct gw_value enum_value(const struct gw_enum_type *type, int32_t number)
{
    if (type->is_null_value)
        return (struct gw_value){.kind = GW_VALUE_NULL};
    const struct gw_enum_value *value = gw_enum_value_by_number(type, number);
    return value != NULL ? text(GW_VALUE_STRING, value->name) : integer(number);
}

static struct gw_value scalar(const struct gw_field *field, const struct gw_wire_value *value)
{
    switch (field->type) {
    case GW_TYPE_DOUBLE:
        return double_of(value->bits);
    case GW_TYPE_FLOAT:
        return float_of((uint32_t)value->bits);
    case GW_TYPE_SINT32:
        return integer((int32_t)gw_unzigzag((uint32_t)value->bits));
    case GW_TYPE_UINT32:
    case GW_TYPE_FIXED32:
        return integer((uint32_t)value->bits);
    case GW_TYPE_INT64:
    case GW_TYPE_SFIXED64:
        return integer((int64_t)value->bits);
    case GW_TYPE_SINT64:
        return integer(gw_unzigzag(value->bits));
    case GW_TYPE_UINT64:
    case GW_TYPE_FIXED64:
        return unsigned_integer(value->bits);
    case GW_TYPE_BOOL:
        return (struct gw_value){.kind = value->bits != 0 ? GW_VALUE_TRUE : GW_VALUE_FALSE};
    case GW_TYPE_ENUM:
        return enum_value(field->enum_type, (int32_t)value->bits);
    case GW_TYPE_STRING:
        return text(GW_VALUE_STRING, value->bytes);
    case GW_TYPE_BYTES:
        return text(GW_VALUE_BYTES, value->bytes);
    default:
        return integer((int32_t)value->bits);
    }
}

int gw_json_give_scalar(struct gw_json_writer *w, const struct gw_field *field,
                        const struct gw_wire_value *value)
{
    if (field->type == GW_TYPE_STRING && gw_utf8_check(value->bytes) != value->bytes.len)
        return gw_json_writer_fail(w, "the string is not UTF-8");
    struct gw_value given = scalar(field, value);
    w->sink->ops->value(w->sink, &given);
    return 0;
}

int gw_wire_to_value(const struct gw_schema *schema, const struct gw_message_type *type,
                     struct gw_slice wire, gw_pool *pool, struct gw_value_sink *sink,
                     struct gw_error *error)
{
    struct gw_buf scratch = gw_buf_in_pool(pool);
    struct gw_json_writer w = {.out = &scratch,
                               .max_len = SIZE_MAX,
                               .sink = sink,
                               .pool = pool,
                               .schema = schema,
                               .options = &gw_value_json_options,
                               .error = error};
    return gw_json_write_message(&w, type, wire);
}
