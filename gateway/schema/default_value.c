/* Defaults of proto2 fields, as FieldDescriptorProto.default_value writes them. */
#include "schema/loader.h"

#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"

static bool is_signed(struct gw_slice text, int64_t min, int64_t max)
{
    char *end;
    errno = 0;
    long long n = strtoll(text.base, &end, 10);
    bool is_number = text.base[0] == '-' || (text.base[0] >= '0' && text.base[0] <= '9');
    return is_number && errno == 0 && end == text.base + text.len && n >= min && n <= max;
}

static bool is_unsigned(struct gw_slice text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text.base, &end, 10);
    bool is_number = text.base[0] >= '0' && text.base[0] <= '9';
    return is_number && errno == 0 && end == text.base + text.len && n <= max;
}

static bool is_float(struct gw_slice text)
{
    if (gw_slice_eq(text, GW_SLICE("inf")) || gw_slice_eq(text, GW_SLICE("-inf")) ||
        gw_slice_eq(text, GW_SLICE("nan")) || gw_slice_eq(text, GW_SLICE("-nan")))
        return true;
    if (text.len == 0 || strspn(text.base, "0123456789+-.eE") != text.len)
        return false;
    char *end;
    strtod(text.base, &end);
    return end == text.base + text.len;
}

static size_t span(struct gw_slice s, const char *accepted, size_t max)
{
    size_t n = strspn(s.base, accepted);
    return n < max ? n : max;
}

/* Length of the C escape after a backslash, or 0. */
static size_t escape(struct gw_slice s)
{
    size_t octal = span(s, "01234567", 3);
    if (octal > 0)
        return octal;
    if (s.len > 1 && (s.base[0] == 'x' || s.base[0] == 'X')) {
        size_t hex = span(gw_slice_from(s, 1), "0123456789abcdefABCDEF", 2);
        return hex > 0 ? 1 + hex : 0;
    }
    return span(s, "abfnrtv\\'\"?", 1);
}

static bool is_escaped_bytes(struct gw_slice text)
{
    for (size_t i = 0; i < text.len;) {
        size_t n = text.base[i] == '\\' ? escape(gw_slice_from(text, i + 1)) : 1;
        if (n == 0)
            return false;
        i += text.base[i] == '\\' ? 1 + n : 1;
    }
    return true;
}

bool gw_default_is_valid(const struct gw_field *field, struct gw_slice text)
{
    switch (field->type) {
    case GW_TYPE_DOUBLE:
    case GW_TYPE_FLOAT:
        return is_float(text);
    case GW_TYPE_INT32:
    case GW_TYPE_SINT32:
    case GW_TYPE_SFIXED32:
        return is_signed(text, INT32_MIN, INT32_MAX);
    case GW_TYPE_INT64:
    case GW_TYPE_SINT64:
    case GW_TYPE_SFIXED64:
        return is_signed(text, INT64_MIN, INT64_MAX);
    case GW_TYPE_UINT32:
    case GW_TYPE_FIXED32:
        return is_unsigned(text, UINT32_MAX);
    case GW_TYPE_UINT64:
    case GW_TYPE_FIXED64:
        return is_unsigned(text, UINT64_MAX);
    case GW_TYPE_BOOL:
        return gw_slice_eq(text, GW_SLICE("true")) || gw_slice_eq(text, GW_SLICE("false"));
    case GW_TYPE_STRING:
        return gw_utf8_check(text) == text.len;
    case GW_TYPE_BYTES:
        return is_escaped_bytes(text);
    case GW_TYPE_ENUM:
        return gw_enum_value_by_name(field->enum_type, text) != NULL;
    case GW_TYPE_MESSAGE:
    case GW_TYPE_GROUP:
        break;
    }
    return false;
}
