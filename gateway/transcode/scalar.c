#include "transcode/scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/encoding.h"
#include "transcode/time_text.h"

static int expect(struct gw_phrase *expected, const char *text)
{
    snprintf(expected->text, sizeof(expected->text), "%s", text);
    return -1;
}

static bool is_integer(enum gw_type type)
{
    switch (type) {
    case GW_TYPE_DOUBLE:
    case GW_TYPE_FLOAT:
    case GW_TYPE_BOOL:
    case GW_TYPE_STRING:
    case GW_TYPE_GROUP:
    case GW_TYPE_MESSAGE:
    case GW_TYPE_BYTES:
    case GW_TYPE_ENUM:
        return false;
    default:
        return true;
    }
}

void gw_scalar_expected(const struct gw_field *field, struct gw_phrase *ret_expected)
{
    switch (field->type) {
    case GW_TYPE_DOUBLE:
    case GW_TYPE_FLOAT:
        expect(ret_expected, "a number");
        break;
    case GW_TYPE_BOOL:
        expect(ret_expected, "true or false");
        break;
    case GW_TYPE_STRING:
        expect(ret_expected, "a string");
        break;
    case GW_TYPE_BYTES:
        expect(ret_expected, "a base64 string");
        break;
    case GW_TYPE_ENUM:
        snprintf(ret_expected->text, sizeof(ret_expected->text), "a value of enum %.*s",
                 GW_SLICE_ARG(field->enum_type->full_name));
        break;
    case GW_TYPE_GROUP:
    case GW_TYPE_MESSAGE:
        expect(ret_expected, "an object");
        break;
    default:
        expect(ret_expected, "an integer");
    }
}

static int expect_number(const struct gw_field *field, enum gw_number_result result,
                         struct gw_phrase *expected)
{
    if (result == GW_NUMBER_TOO_LONG) {
        snprintf(expected->text, sizeof(expected->text), "a number of at most %d characters",
                 GW_NUMBER_LENGTH_MAX);
        return -1;
    }
    if (result == GW_NUMBER_NOT_INTEGER)
        return expect(expected, "an integer");
    switch (field->type) {
    case GW_TYPE_DOUBLE:
        return expect(expected, "a number in the range of a double");
    case GW_TYPE_FLOAT:
        return expect(expected, "a number in the range of a float");
    case GW_TYPE_UINT32:
    case GW_TYPE_FIXED32:
        return expect(expected, "an integer from 0 to 4294967295");
    case GW_TYPE_UINT64:
    case GW_TYPE_FIXED64:
        return expect(expected, "an integer from 0 to 18446744073709551615");
    case GW_TYPE_INT64:
    case GW_TYPE_SINT64:
    case GW_TYPE_SFIXED64:
        return expect(expected, "an integer from -9223372036854775808 to 9223372036854775807");
    default:
        return expect(expected, "an integer from -2147483648 to 2147483647");
    }
}

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static enum gw_number_result number_to_bits(enum gw_type type, const struct gw_number *number,
                                            uint64_t *ret_bits)
{
    enum gw_number_result result;
    int64_t i = 0;
    double d = 0;
    float f = 0;
    switch (type) {
    case GW_TYPE_DOUBLE:
        result = gw_number_to_double(number, &d);
        *ret_bits = bits_of_double(d);
        return result;
    case GW_TYPE_FLOAT:
        result = gw_number_to_float(number, &f);
        *ret_bits = bits_of_float(f);
        return result;
    case GW_TYPE_UINT32:
    case GW_TYPE_FIXED32:
        return gw_number_to_u64(number, UINT32_MAX, ret_bits);
    case GW_TYPE_UINT64:
    case GW_TYPE_FIXED64:
        return gw_number_to_u64(number, UINT64_MAX, ret_bits);
    case GW_TYPE_INT64:
    case GW_TYPE_SFIXED64:
        result = gw_number_to_i64(number, INT64_MIN, INT64_MAX, &i);
        *ret_bits = (uint64_t)i;
        return result;
    case GW_TYPE_SINT64:
        result = gw_number_to_i64(number, INT64_MIN, INT64_MAX, &i);
        *ret_bits = gw_zigzag(i);
        return result;
    case GW_TYPE_SINT32:
        result = gw_number_to_i64(number, INT32_MIN, INT32_MAX, &i);
        *ret_bits = gw_zigzag(i);
        return result;
    default:
        result = gw_number_to_i64(number, INT32_MIN, INT32_MAX, &i);
        *ret_bits = (uint64_t)i;
        return result;
    }
}

int gw_scalar_from_number(const struct gw_field *field, const struct gw_number *number,
                          struct gw_scalar *ret_scalar, struct gw_phrase *ret_expected)
{
    if (!is_integer(field->type) && field->type != GW_TYPE_DOUBLE && field->type != GW_TYPE_FLOAT &&
        field->type != GW_TYPE_ENUM) {
        gw_scalar_expected(field, ret_expected);
        return -1;
    }
    uint64_t bits;
    enum gw_number_result result = number_to_bits(field->type, number, &bits);
    if (result != GW_NUMBER_OK)
        return expect_number(field, result, ret_expected);
    *ret_scalar = (struct gw_scalar){.bits = bits};
    return 0;
}

struct gw_scalar gw_scalar_of_real(const struct gw_field *field, double value)
{
    return (struct gw_scalar){.bits = field->type == GW_TYPE_DOUBLE ? bits_of_double(value)
                                                                    : bits_of_float((float)value)};
}

static bool special_double(struct gw_slice text, double *ret_value)
{
    if (gw_slice_eq(text, GW_SLICE("NaN")))
        *ret_value = NAN;
    else if (gw_slice_eq(text, GW_SLICE("Infinity")))
        *ret_value = INFINITY;
    else if (gw_slice_eq(text, GW_SLICE("-Infinity")))
        *ret_value = -INFINITY;
    else
        return false;
    return true;
}

static int bytes_from_base64(struct gw_slice text, gw_pool *pool, struct gw_scalar *ret_scalar,
                             struct gw_phrase *expected)
{
    struct gw_buf bytes = gw_buf_in_pool(pool);
    if (gw_base64_decode(&bytes, text) != 0)
        return expect(expected, "a base64 string");
    *ret_scalar = (struct gw_scalar){.bytes = gw_buf_slice(&bytes)};
    return 0;
}

static int number_from_string(const struct gw_field *field, struct gw_slice text,
                              struct gw_scalar *ret_scalar, struct gw_phrase *expected)
{
    double special;
    struct gw_number number;
    bool is_real = field->type == GW_TYPE_DOUBLE || field->type == GW_TYPE_FLOAT;
    if (is_real && special_double(text, &special)) {
        *ret_scalar = gw_scalar_of_real(field, special);
        return 0;
    }
    if (text.len != 0 && gw_number_parse(text, &number) == text.len)
        return gw_scalar_from_number(field, &number, ret_scalar, expected);
    gw_scalar_expected(field, expected);
    return -1;
}

static int enum_from_name(const struct gw_field *field, struct gw_slice name,
                          struct gw_scalar *ret_scalar, struct gw_phrase *expected)
{
    const struct gw_enum_value *value = gw_enum_value_by_name(field->enum_type, name);
    if (value == NULL) {
        gw_scalar_expected(field, expected);
        return -1;
    }
    *ret_scalar = (struct gw_scalar){.bits = (uint64_t)(int64_t)value->number};
    return 0;
}

int gw_scalar_from_string(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                          struct gw_scalar *ret_scalar, struct gw_phrase *ret_expected)
{
    switch (field->type) {
    case GW_TYPE_STRING:
        *ret_scalar = (struct gw_scalar){.bytes = text};
        return 0;
    case GW_TYPE_BYTES:
        return bytes_from_base64(text, pool, ret_scalar, ret_expected);
    case GW_TYPE_ENUM:
        return enum_from_name(field, text, ret_scalar, ret_expected);
    case GW_TYPE_BOOL:
    case GW_TYPE_GROUP:
    case GW_TYPE_MESSAGE:
        gw_scalar_expected(field, ret_expected);
        return -1;
    default:
        return number_from_string(field, text, ret_scalar, ret_expected);
    }
}

void gw_scalar_append_field(struct gw_buf *out, const struct gw_field *field,
                            const struct gw_scalar *scalar)
{
    enum gw_wire_type wire_type = gw_wire_type_of(field->type);
    if (wire_type == GW_WIRE_BYTES) {
        gw_wire_append_bytes_field(out, field->number, scalar->bytes);
        return;
    }
    char *to = gw_wire_put_key(gw_buf_reserve(out, 2 * GW_VARINT_MAX), field->number, wire_type);
    out->len = (size_t)(gw_wire_put_bits(to, wire_type, scalar->bits) - out->base);
}

bool gw_is_string_message(const struct gw_message_type *type)
{
    return type->well_known == GW_WKT_TIMESTAMP || type->well_known == GW_WKT_DURATION ||
           type->well_known == GW_WKT_FIELD_MASK;
}

static bool is_path_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

/* "user.displayName" as "user.display_name". */
static int append_path(struct gw_buf *out, struct gw_slice path)
{
    gw_wire_append_key(out, 1, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(out);
    char *to = gw_buf_reserve(out, 2 * path.len);
    for (size_t i = 0; i < path.len; i++) {
        char c = path.base[i];
        if (!is_path_character(c))
            return -1;
        if (c >= 'A' && c <= 'Z') {
            *to++ = '_';
            c = (char)(c - 'A' + 'a');
        }
        *to++ = c;
    }
    out->len = (size_t)(to - out->base);
    gw_wire_end_length(out, begin);
    return path.len > 0 ? 0 : -1;
}

static int append_field_mask(struct gw_buf *out, struct gw_slice text)
{
    while (text.len > 0) {
        const char *comma = memchr(text.base, ',', text.len);
        size_t length = comma ? (size_t)(comma - text.base) : text.len;
        if (append_path(out, gw_slice(text.base, length)) != 0)
            return -1;
        if (comma != NULL && length + 1 == text.len)
            return -1;
        text = gw_slice_from(text, comma ? length + 1 : length);
    }
    return 0;
}

static void append_time(struct gw_buf *out, int64_t seconds, int32_t nanos)
{
    if (seconds != 0)
        gw_wire_append_varint_field(out, 1, (uint64_t)seconds);
    if (nanos != 0)
        gw_wire_append_varint_field(out, 2, (uint64_t)(int64_t)nanos);
}

void gw_string_message_expected(const struct gw_message_type *type, struct gw_phrase *ret_expected)
{
    if (type->well_known == GW_WKT_TIMESTAMP)
        expect(ret_expected, "a time like \"2026-01-31T12:00:00Z\"");
    else if (type->well_known == GW_WKT_DURATION)
        expect(ret_expected, "a duration like \"1.5s\"");
    else
        expect(ret_expected, "a field mask like \"id,displayName\"");
}

int gw_string_message_to_wire(const struct gw_message_type *type, struct gw_slice text,
                              struct gw_buf *out, struct gw_phrase *ret_expected)
{
    int64_t seconds;
    int32_t nanos;
    int rc;
    if (type->well_known == GW_WKT_FIELD_MASK) {
        rc = append_field_mask(out, text);
    } else {
        rc = type->well_known == GW_WKT_TIMESTAMP ? gw_timestamp_parse(text, &seconds, &nanos)
                                                  : gw_duration_parse(text, &seconds, &nanos);
        if (rc == 0)
            append_time(out, seconds, nanos);
    }
    if (rc != 0)
        gw_string_message_expected(type, ret_expected);
    return rc;
}

const struct gw_message_type *gw_any_type(const struct gw_schema *schema, struct gw_slice url)
{
    const char *slash = url.len > 0 ? memrchr(url.base, '/', url.len) : NULL;
    size_t from = slash != NULL ? (size_t)(slash + 1 - url.base) : 0;
    return gw_schema_message(schema, gw_slice_from(url, from));
}
