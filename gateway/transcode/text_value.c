#include "transcode/text_value.h"

#include "base/utf8.h"
#include "transcode/scalar.h"

bool gw_text_value_is_possible(const struct gw_field *field)
{
    if (field->is_map || field->type == GW_TYPE_GROUP)
        return false;
    return field->type != GW_TYPE_MESSAGE || field->message->well_known == GW_WKT_WRAPPER ||
           gw_is_string_message(field->message);
}

/* What JSON writes without quotes, and enums by number. */
static int scalar_from_text(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                            struct gw_scalar *ret_scalar, struct gw_phrase *expected)
{
    struct gw_number number;
    if (field->type == GW_TYPE_BOOL) {
        bool is_true = gw_slice_eq(text, GW_SLICE("true"));
        if (is_true || gw_slice_eq(text, GW_SLICE("false"))) {
            *ret_scalar = (struct gw_scalar){.bits = is_true};
            return 0;
        }
    } else if (field->type == GW_TYPE_ENUM && text.len != 0 &&
               gw_number_parse(text, &number) == text.len) {
        return gw_scalar_from_number(field, &number, ret_scalar, expected);
    }
    return gw_scalar_from_string(field, text, pool, ret_scalar, expected);
}

static int message_to_wire(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                           struct gw_buf *out, struct gw_phrase *expected)
{
    struct gw_scalar scalar;
    gw_wire_append_key(out, field->number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(out);
    if (field->message->well_known != GW_WKT_WRAPPER) {
        if (gw_string_message_to_wire(field->message, text, out, expected) != 0)
            return -1;
    } else {
        const struct gw_field *value = &field->message->fields[0];
        if (scalar_from_text(value, text, pool, &scalar, expected) != 0)
            return -1;
        /* Also the default, so that it counts where the body gave another value before. */
        gw_scalar_append_field(out, value, &scalar);
    }
    gw_wire_end_length(out, begin);
    return 0;
}

static int fail(struct gw_error *error, const struct gw_phrase *expected, struct gw_slice text)
{
    struct gw_phrase found;
    gw_phrase_quote(&found, text);
    return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "expected %s, found %s",
                        expected->text, found.text);
}

int gw_text_value_to_wire(const struct gw_field *field, struct gw_slice text, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error)
{
    size_t start = out->len;
    struct gw_phrase expected;
    struct gw_scalar scalar;
    if (gw_utf8_check(text) != text.len)
        return fail(error, &(struct gw_phrase){"UTF-8"}, text);
    if (field->type == GW_TYPE_MESSAGE) {
        if (message_to_wire(field, text, pool, out, &expected) == 0)
            return 0;
        out->len = start;
        return fail(error, &expected, text);
    }
    if (scalar_from_text(field, text, pool, &scalar, &expected) != 0)
        return fail(error, &expected, text);
    gw_scalar_append_field(out, field, &scalar);
    return 0;
}
