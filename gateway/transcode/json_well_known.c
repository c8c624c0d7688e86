#include "transcode/json_message.h"
#include "transcode/json_types.h"
#include "transcode/scalar.h"
#include "transcode/value_reader.h"
#include "transcode/wire_map.h"

/* Timestamp, Duration, FieldMask. */
static int read_string_message(struct gw_json_reader *r, const struct gw_message_type *type)
{
    bool is_string = gw_json_peek(r) == '"';
    const char *at = r->at;
    struct gw_phrase expected;
    struct gw_slice text = {"", 0};
    if (is_string && gw_json_read_string(r, &text) != 0)
        return -1;
    if (!is_string) {
        gw_string_message_expected(type, &expected);
        return gw_json_fail_expected(r, at, expected.text);
    }
    if (gw_string_message_to_wire(type, text, r->out, &expected) != 0)
        return gw_json_fail_expected(r, at, expected.text);
    return 0;
}

/* google/protobuf/struct.proto. */
enum { STRUCT_FIELDS = 1, ENTRY_KEY = 1, ENTRY_VALUE = 2, LIST_VALUES = 1 };
enum {
    VALUE_NULL = 1,
    VALUE_NUMBER = 2,
    VALUE_STRING = 3,
    VALUE_BOOL = 4,
    VALUE_STRUCT = 5,
    VALUE_LIST = 6,
};

static int read_dynamic(struct gw_json_reader *r);

/* One google.protobuf.Value under the key `number`. */
static int append_dynamic(struct gw_json_reader *r, uint32_t number)
{
    gw_wire_append_key(r->out, number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (gw_json_enter(r) != 0 || read_dynamic(r) != 0)
        return -1;
    gw_json_leave(r);
    gw_wire_end_length(r->out, begin);
    return 0;
}

static int read_struct_entry(struct gw_json_reader *r, struct gw_json_place *place,
                             struct gw_map_keys *keys)
{
    const char *key_at = r->at;
    gw_wire_append_key(r->out, STRUCT_FIELDS, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (gw_json_read_string(r, &place->name) != 0)
        return -1;
    /* What values give may last no longer than until the next one. */
    struct gw_slice key = r->values != NULL ? gw_pool_dup(r->pool, place->name) : place->name;
    if (gw_map_keys_add_text(keys, r->pool, key))
        return gw_json_fail(r, key_at, "the key is there twice");
    if (gw_json_colon(r) != 0)
        return -1;
    gw_wire_append_bytes_field(r->out, ENTRY_KEY, place->name);
    if (append_dynamic(r, ENTRY_VALUE) != 0)
        return -1;
    gw_wire_end_length(r->out, begin);
    return 0;
}

static int read_struct(struct gw_json_reader *r)
{
    if (gw_json_open(r, '{', "an object") != 0 || gw_json_enter(r) != 0)
        return -1;
    struct gw_json_place place = {.up = r->place, .kind = GW_JSON_IN_ENTRY};
    struct gw_map_keys keys;
    keys.count = 0;
    keys.many = NULL;
    int more;
    for (bool is_first = true; (more = gw_json_next(r, '}', is_first)) > 0; is_first = false) {
        r->place = &place;
        if (read_struct_entry(r, &place, &keys) != 0) {
            more = -1;
            break;
        }
        r->place = place.up;
    }
    gw_map_keys_dispose(&keys);
    gw_json_leave(r);
    return more;
}

static int read_list(struct gw_json_reader *r)
{
    if (gw_json_open(r, '[', "an array") != 0)
        return -1;
    struct gw_json_place place = {.up = r->place, .kind = GW_JSON_IN_ELEMENT};
    r->place = &place;
    int more;
    for (; (more = gw_json_next(r, ']', place.index == 0)) > 0; place.index++) {
        if (append_dynamic(r, LIST_VALUES) != 0)
            return -1;
    }
    r->place = place.up;
    return more;
}

static int read_dynamic_composite(struct gw_json_reader *r, uint32_t number,
                                  int (*read)(struct gw_json_reader *r))
{
    gw_wire_append_key(r->out, number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (gw_json_enter(r) != 0 || read(r) != 0)
        return -1;
    gw_json_leave(r);
    gw_wire_end_length(r->out, begin);
    return 0;
}

static int read_dynamic_number(struct gw_json_reader *r)
{
    static const struct gw_field number_field = {.number = VALUE_NUMBER, .type = GW_TYPE_DOUBLE};
    const char *at = r->at;
    struct gw_number number;
    struct gw_scalar scalar;
    struct gw_phrase expected;
    if (gw_json_read_number(r, "a value", &number) != 0)
        return -1;
    if (gw_scalar_from_number(&number_field, &number, &scalar, &expected) != 0)
        return gw_json_fail_expected(r, at, expected.text);
    gw_scalar_append_field(r->out, &number_field, &scalar);
    return 0;
}

/* The contents of a google.protobuf.Value: any JSON. */
static int read_dynamic(struct gw_json_reader *r)
{
    struct gw_slice text;
    switch (gw_json_peek(r)) {
    case '{':
        return read_dynamic_composite(r, VALUE_STRUCT, read_struct);
    case '[':
        return read_dynamic_composite(r, VALUE_LIST, read_list);
    case '"':
        if (gw_json_read_string(r, &text) != 0)
            return -1;
        gw_wire_append_bytes_field(r->out, VALUE_STRING, text);
        return 0;
    case 't':
    case 'f':
    case 'n':
        if (gw_json_take_word(r, GW_SLICE("true")))
            gw_wire_append_varint_field(r->out, VALUE_BOOL, 1);
        else if (gw_json_take_word(r, GW_SLICE("false")))
            gw_wire_append_varint_field(r->out, VALUE_BOOL, 0);
        else if (gw_json_take_word(r, GW_SLICE("null")))
            gw_wire_append_varint_field(r->out, VALUE_NULL, 0);
        else
            return gw_json_fail_expected(r, r->at, "a value");
        return 0;
    default:
        return read_dynamic_number(r);
    }
}

/* google/protobuf/any.proto. */
enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };

static int fail_without_type(struct gw_json_reader *r, const char *begin)
{
    return gw_json_fail(r, begin - 1, "\"@type\" is missing");
}

/* Of a tree of values, in which passing over one takes no time. */
static int find_type_value(struct gw_json_reader *r, struct gw_slice *ret_url, const char **ret_at)
{
    const char *begin = r->at;
    bool is_empty = true;
    int more;
    *ret_at = NULL;
    for (; (more = gw_json_next(r, '}', is_empty)) > 0; is_empty = false) {
        struct gw_slice key;
        if (gw_json_read_string(r, &key) != 0 || gw_json_colon(r) != 0)
            return -1;
        if (!gw_slice_eq(key, GW_SLICE("@type")))
            continue;
        *ret_at = r->at;
        if (gw_json_peek(r) != '"')
            return gw_json_fail_expected(r, r->at, "a type's URL");
        if (gw_json_read_string(r, ret_url) != 0)
            return -1;
    }
    if (more == 0 && *ret_at == NULL && !is_empty)
        return fail_without_type(r, begin);
    return more;
}

static int find_type_text(struct gw_json_reader *r, struct gw_slice *ret_url, const char **ret_at)
{
    static const struct gw_slice first_key = GW_SLICE_INIT("\"@type\":");
    const char *begin = r->at;
    if (gw_json_peek(r) == '}')
        return 0;
    if (gw_slice_starts_with(gw_slice(r->at, (size_t)(r->end - r->at)), first_key)) {
        *ret_at = r->at + first_key.len;
    } else {
        r->at = begin;
        if (gw_json_find_type(r, ret_at) != 0)
            return -1;
    }
    if (*ret_at == NULL)
        return fail_without_type(r, begin);
    r->at = *ret_at;
    if (gw_json_peek(r) != '"')
        return gw_json_fail_expected(r, r->at, "a type's URL");
    *ret_at = r->at;
    return gw_json_read_string(r, ret_url);
}

/* The member "@type" of the object whose brace is behind r->at; it need not be the first. *ret_at
 * is where its value is, NULL for an object without members. */
static int find_type_url(struct gw_json_reader *r, struct gw_slice *ret_url, const char **ret_at)
{
    const char *begin = r->at;
    *ret_at = NULL;
    int rc = r->values != NULL ? find_type_value(r, ret_url, ret_at)
                               : find_type_text(r, ret_url, ret_at);
    if (rc != 0)
        return rc;
    r->at = begin;
    if (r->values != NULL)
        gw_value_again(r);
    return 0;
}

/* A type that the schema lacks: only a source can have its contents, as bytes. */
static int read_opaque(struct gw_json_reader *r)
{
    struct gw_scalar scalar;
    if (gw_value_read_bytes(r, &scalar) != 0)
        return -1;
    gw_buf_append(r->out, scalar.bytes);
    return 0;
}

/* {"@type": ..., "value": ...}: types whose JSON is not an object with their fields. */
static int read_any_well_known(struct gw_json_reader *r, const struct gw_message_type *type)
{
    struct gw_json_place place = {
        .up = r->place, .kind = GW_JSON_IN_FIELD, .name = GW_SLICE("value")};
    const char *start = r->at;
    bool is_found = false, has_type = false;
    int more;
    for (bool is_first = true; (more = gw_json_next(r, '}', is_first)) > 0; is_first = false) {
        const char *key_at = r->at;
        struct gw_slice key;
        if (gw_json_read_string(r, &key) != 0 || gw_json_colon(r) != 0)
            return -1;
        bool is_value = gw_slice_eq(key, GW_SLICE("value"));
        if (is_value && is_found)
            return gw_json_fail(r, key_at, "\"value\" is there twice");
        if (is_value) {
            is_found = true;
            r->place = &place;
            if (type != NULL ? gw_json_read_message(r, type) != 0 : read_opaque(r) != 0)
                return -1;
            r->place = place.up;
        } else if (gw_slice_eq(key, GW_SLICE("@type")) || r->options->ignore_unknown_fields) {
            bool is_type = gw_slice_eq(key, GW_SLICE("@type"));
            if (is_type && has_type)
                return gw_json_fail(r, key_at, "\"@type\" is there twice");
            has_type = has_type || is_type;
            if (gw_json_skip(r) != 0)
                return -1;
        } else {
            return gw_json_fail(r, key_at, "expected only \"@type\" and \"value\"");
        }
    }
    if (more == 0 && !is_found)
        return gw_json_fail(r, start - 1, "\"value\" is missing");
    return more;
}

static int read_any_members(struct gw_json_reader *r, const struct gw_message_type *type)
{
    if (type == NULL || (type->well_known != GW_WKT_NONE && type->well_known != GW_WKT_EMPTY))
        return read_any_well_known(r, type);
    if (gw_json_enter(r) != 0)
        return -1;
    int rc = gw_json_read_members(r, type, true);
    gw_json_leave(r);
    return rc;
}

static int read_any(struct gw_json_reader *r)
{
    struct gw_slice url;
    const char *url_at;
    if (gw_json_open(r, '{', "an object") != 0 || find_type_url(r, &url, &url_at) != 0)
        return -1;
    if (url_at == NULL)
        return gw_json_next(r, '}', true);
    const struct gw_message_type *type = gw_any_type(r->schema, url);
    if (type == NULL && r->values == NULL) {
        struct gw_phrase shown;
        gw_phrase_quote(&shown, url);
        return gw_json_fail(r, url_at, "unknown type %s", shown.text);
    }
    gw_wire_append_bytes_field(r->out, ANY_TYPE_URL, url);
    size_t start = r->out->len;
    gw_wire_append_key(r->out, ANY_VALUE, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (read_any_members(r, type) != 0)
        return -1;
    if (r->out->len == begin)
        r->out->len = start;
    else
        gw_wire_end_length(r->out, begin);
    return 0;
}

int gw_json_read_well_known(struct gw_json_reader *r, const struct gw_message_type *type)
{
    switch (type->well_known) {
    case GW_WKT_ANY:
        return read_any(r);
    case GW_WKT_STRUCT:
        return read_struct(r);
    case GW_WKT_VALUE:
        return read_dynamic(r);
    case GW_WKT_LIST_VALUE:
        return read_list(r);
    case GW_WKT_WRAPPER:
        return gw_json_read_value(r, &type->fields[0]) < 0 ? -1 : 0;
    default:
        return read_string_message(r, type);
    }
}
