#include "transcode/json_to_wire.h"

#include "base/nearest.h"
#include "transcode/json_message.h"
#include "transcode/json_reader.h"
#include "transcode/scalar.h"
#include "transcode/seen.h"
#include "transcode/value_reader.h"
#include "transcode/wire_map.h"

static int fail_unknown_enum_value(struct gw_json_reader *r, const struct gw_field *field,
                                   struct gw_slice name, const char *at)
{
    struct gw_nearest_search search;
    struct gw_phrase expected, found;
    char hint[100];
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < field->enum_type->value_count; i++)
        gw_nearest_offer(&search, field->enum_type->values[i].name);
    gw_scalar_expected(field, &expected);
    gw_phrase_quote(&found, name);
    return gw_json_fail(r, at, "expected %s, found %s%s", expected.text, found.text,
                        gw_nearest_hint(&search, hint, sizeof(hint)));
}

static int fail_scalar(struct gw_json_reader *r, const struct gw_field *field, const char *at,
                       const struct gw_phrase *expected)
{
    bool is_raw = field->type == GW_TYPE_BYTES && r->values != NULL;
    return gw_json_fail_expected(r, at, is_raw ? "a string" : expected->text);
}

/* 1: see gw_json_read_value. */
static int read_scalar(struct gw_json_reader *r, const struct gw_field *field,
                       struct gw_scalar *ret_scalar)
{
    char c = gw_json_peek(r);
    const char *at = r->at;
    struct gw_phrase expected;
    if (c == '"') {
        if (field->type == GW_TYPE_BYTES && r->values != NULL)
            return gw_value_read_bytes(r, ret_scalar);
        struct gw_slice text;
        if (gw_json_read_string(r, &text) != 0)
            return -1;
        if (gw_scalar_from_string(field, text, r->pool, ret_scalar, &expected) == 0)
            return 0;
        if (field->type == GW_TYPE_ENUM)
            return r->options->ignore_unknown_fields ? 1
                                                     : fail_unknown_enum_value(r, field, text, at);
        return gw_json_fail_expected(r, at, expected.text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        struct gw_number number;
        gw_scalar_expected(field, &expected);
        if (gw_json_read_number(r, expected.text, &number) != 0)
            return -1;
        if (gw_scalar_from_number(field, &number, ret_scalar, &expected) == 0)
            return 0;
        return fail_scalar(r, field, at, &expected);
    }
    *ret_scalar = (struct gw_scalar){.bits = 0};
    if (field->type == GW_TYPE_BOOL && gw_json_take_word(r, GW_SLICE("false")))
        return 0;
    if (field->type == GW_TYPE_ENUM && field->enum_type->is_null_value &&
        gw_json_take_word(r, GW_SLICE("null")))
        return 0;
    ret_scalar->bits = 1;
    if (field->type == GW_TYPE_BOOL && gw_json_take_word(r, GW_SLICE("true")))
        return 0;
    if (r->values != NULL && gw_value_read_special(r, field, ret_scalar) == 0)
        return 0;
    gw_scalar_expected(field, &expected);
    return fail_scalar(r, field, at, &expected);
}

static int read_submessage(struct gw_json_reader *r, const struct gw_field *field)
{
    if (field->type == GW_TYPE_GROUP) {
        gw_wire_append_key(r->out, field->number, GW_WIRE_GROUP);
        if (gw_json_read_message(r, field->message) != 0)
            return -1;
        gw_wire_append_key(r->out, field->number, GW_WIRE_GROUP_END);
        return 0;
    }
    gw_wire_append_key(r->out, field->number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (gw_json_read_message(r, field->message) != 0)
        return -1;
    gw_wire_end_length(r->out, begin);
    return 0;
}

int gw_json_read_value(struct gw_json_reader *r, const struct gw_field *field)
{
    if (field->message != NULL)
        return read_submessage(r, field);
    struct gw_scalar scalar;
    int rc = read_scalar(r, field, &scalar);
    if (rc == 0 && (field->has_presence || field->is_repeated || !gw_scalar_is_default(&scalar)))
        gw_scalar_append_field(r->out, field, &scalar);
    return rc;
}

static int read_packed_value(struct gw_json_reader *r, const struct gw_field *field)
{
    struct gw_scalar scalar;
    int rc = read_scalar(r, field, &scalar);
    if (rc != 0)
        return rc;
    char *to = gw_buf_reserve(r->out, GW_VARINT_MAX);
    to = gw_wire_put_bits(to, gw_wire_type_of(field->type), scalar.bits);
    r->out->len = (size_t)(to - r->out->base);
    return 0;
}

static int read_elements(struct gw_json_reader *r, const struct gw_field *field)
{
    struct gw_json_place place = {.up = r->place, .kind = GW_JSON_IN_ELEMENT};
    r->place = &place;
    int more;
    for (; (more = gw_json_next(r, ']', place.index == 0)) > 0; place.index++) {
        int rc = field->is_packed ? read_packed_value(r, field) : gw_json_read_value(r, field);
        if (rc < 0)
            return -1;
    }
    r->place = place.up;
    return more;
}

static int read_repeated(struct gw_json_reader *r, const struct gw_field *field)
{
    if (gw_json_open(r, '[', "an array") != 0)
        return -1;
    if (!field->is_packed)
        return read_elements(r, field);
    size_t start = r->out->len;
    gw_wire_append_key(r->out, field->number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (read_elements(r, field) != 0)
        return -1;
    if (r->out->len == begin)
        r->out->len = start;
    else
        gw_wire_end_length(r->out, begin);
    return 0;
}

/* Keys are compared as what they mean: "1" and "1e0" are one. */
static bool was_there(struct gw_json_reader *r, const struct gw_field *map,
                      const struct gw_scalar *key, struct gw_map_keys *keys)
{
    struct gw_map_entry entry = {.key = {.bits = key->bits, .bytes = key->bytes}};
    if (r->values != NULL) /* whose text may last no longer than until the next value */
        entry.key.bytes = gw_pool_dup(r->pool, key->bytes);
    return gw_map_keys_add(keys, r->pool, map, &entry);
}

static int append_map_key(struct gw_json_reader *r, const struct gw_field *map,
                          struct gw_slice text, const char *at, struct gw_map_keys *keys)
{
    struct gw_scalar scalar = {.bits = 0};
    struct gw_phrase expected;
    const struct gw_field *field = &map->message->fields[0];
    if (field->type == GW_TYPE_BOOL) {
        scalar.bits = gw_slice_eq(text, GW_SLICE("true"));
        gw_scalar_expected(field, &expected);
        if (scalar.bits == 0 && !gw_slice_eq(text, GW_SLICE("false")))
            return gw_json_fail_expected(r, at, expected.text);
    } else if (gw_scalar_from_string(field, text, r->pool, &scalar, &expected) != 0) {
        return gw_json_fail_expected(r, at, expected.text);
    }
    if (was_there(r, map, &scalar, keys))
        return gw_json_fail(r, at, "the key is there twice");
    if (!gw_scalar_is_default(&scalar))
        gw_scalar_append_field(r->out, field, &scalar);
    return 0;
}

static int read_entry(struct gw_json_reader *r, const struct gw_field *field,
                      struct gw_json_place *place, struct gw_map_keys *keys)
{
    const char *at = r->at;
    size_t start = r->out->len;
    gw_wire_append_key(r->out, field->number, GW_WIRE_BYTES);
    size_t begin = gw_wire_begin_length(r->out);
    if (gw_json_read_string(r, &place->name) != 0 ||
        append_map_key(r, field, place->name, at, keys) != 0 || gw_json_colon(r) != 0)
        return -1;
    int rc = gw_json_read_value(r, &field->message->fields[1]);
    if (rc < 0)
        return -1;
    if (rc > 0)
        r->out->len = start;
    else
        gw_wire_end_length(r->out, begin);
    return 0;
}

static int read_map(struct gw_json_reader *r, const struct gw_field *field)
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
        if (read_entry(r, field, &place, &keys) != 0) {
            more = -1;
            break;
        }
        r->place = place.up;
    }
    gw_map_keys_dispose(&keys);
    gw_json_leave(r);
    return more;
}

static int read_field(struct gw_json_reader *r, const struct gw_field *field)
{
    if (!field->is_repeated)
        return gw_json_read_value(r, field) < 0 ? -1 : 0;
    return field->is_map ? read_map(r, field) : read_repeated(r, field);
}

/* Whether null does not mean that the field is absent: it is a value, or none may be missing. */
static bool reads_null(const struct gw_field *field)
{
    if (field->is_required)
        return true;
    if (field->is_repeated)
        return false;
    if (field->message != NULL)
        return field->message->well_known == GW_WKT_VALUE;
    return field->type == GW_TYPE_ENUM && field->enum_type->is_null_value;
}

static int read_known_member(struct gw_json_reader *r, const struct gw_message_type *type,
                             const struct gw_field *field, const char *key_at, uint64_t *seen)
{
    if (gw_seen_add(seen, field->index))
        return gw_json_fail(r, key_at, "the field is there twice");
    if (gw_json_peek(r) == 'n' && !reads_null(field) && gw_json_take_word(r, GW_SLICE("null")))
        return 0;
    if (gw_seen_add_oneof(seen, type, field))
        return gw_json_fail(r, key_at, "another field of oneof %.*s is there already",
                            GW_SLICE_ARG(type->oneof_names[field->oneof]));
    return read_field(r, field);
}

/* As who made the input is used to. */
static struct gw_slice shown_name(const struct gw_json_reader *r, const struct gw_field *field)
{
    return r->values != NULL ? field->name : field->json_name;
}

static int fail_unknown_field(struct gw_json_reader *r, const struct gw_message_type *type,
                              struct gw_slice key, const char *key_at)
{
    struct gw_nearest_search search;
    char hint[100];
    gw_nearest_begin(&search, key);
    for (uint32_t i = 0; i < type->field_count; i++)
        gw_nearest_offer(&search, shown_name(r, &type->fields[i]));
    return gw_json_fail(r, key_at, "unknown field of %.*s%s", GW_SLICE_ARG(type->full_name),
                        gw_nearest_hint(&search, hint, sizeof(hint)));
}

static int read_unknown_member(struct gw_json_reader *r, const struct gw_message_type *type,
                               struct gw_slice key, const char *key_at)
{
    if (!r->options->ignore_unknown_fields)
        return fail_unknown_field(r, type, key, key_at);
    return gw_json_skip(r);
}

/* Clients mostly write the fields in the order of the .proto file, and no space before the colon.
 * Takes key and colon if they are the field's. */
static bool take_key(struct gw_json_reader *r, const struct gw_field *field)
{
    struct gw_slice key = field->json_key;
    if ((size_t)(r->end - r->at) < key.len || memcmp(r->at, key.base, key.len) != 0)
        return false;
    r->at += key.len;
    return true;
}

/* Reads a key and its colon. */
static int read_key(struct gw_json_reader *r, const struct gw_message_type *type, uint32_t guess,
                    struct gw_slice *ret_key, const struct gw_field **ret_field)
{
    if (guess < type->field_count && take_key(r, &type->fields[guess])) {
        *ret_key = type->fields[guess].json_name;
        *ret_field = &type->fields[guess];
        return 0;
    }
    if (gw_json_read_string(r, ret_key) != 0)
        return -1;
    *ret_field = r->values == NULL ? gw_message_field_by_name(type, *ret_key)
                                   : gw_value_field(type, *ret_key);
    return gw_json_colon(r);
}

static int check_required(struct gw_json_reader *r, const struct gw_message_type *type,
                          const uint64_t *seen)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].is_required && !gw_seen_has(seen, i))
            return gw_json_fail(r, r->at - 1, "required field %.*s is missing",
                                GW_SLICE_ARG(shown_name(r, &type->fields[i])));
    }
    return 0;
}

static int read_members_seen(struct gw_json_reader *r, const struct gw_message_type *type,
                             bool is_any, uint64_t *seen)
{
    struct gw_json_place place = {.up = r->place, .kind = GW_JSON_IN_FIELD};
    uint32_t guess = 0;
    bool has_type = false;
    int more;
    for (bool is_first = true; (more = gw_json_next(r, '}', is_first)) > 0; is_first = false) {
        const char *key_at = r->at;
        const struct gw_field *field;
        if (read_key(r, type, guess, &place.name, &field) != 0)
            return -1;
        if (is_any && gw_slice_eq(place.name, GW_SLICE("@type"))) {
            if (has_type)
                return gw_json_fail(r, key_at, "\"@type\" is there twice");
            has_type = true;
            if (gw_json_skip(r) != 0)
                return -1;
            continue;
        }
        r->place = &place;
        if (field == NULL ? read_unknown_member(r, type, place.name, key_at) != 0
                          : read_known_member(r, type, field, key_at, seen) != 0)
            return -1;
        r->place = place.up;
        guess = field != NULL ? field->index + 1 : guess;
    }
    if (more == 0 && type->has_required)
        return check_required(r, type, seen);
    return more;
}

int gw_json_read_members(struct gw_json_reader *r, const struct gw_message_type *type, bool is_any)
{
    struct gw_seen seen;
    gw_seen_init(&seen, type, r->pool);
    return read_members_seen(r, type, is_any, seen.bits);
}

int gw_json_read_message(struct gw_json_reader *r, const struct gw_message_type *type)
{
    if (gw_json_enter(r) != 0)
        return -1;
    int rc;
    if (type->well_known != GW_WKT_NONE && type->well_known != GW_WKT_EMPTY)
        rc = gw_json_read_well_known(r, type);
    else
        rc = gw_json_open(r, '{', "an object") == 0 ? gw_json_read_members(r, type, false) : -1;
    gw_json_leave(r);
    return rc;
}

static int finish(struct gw_json_reader *r, int rc, size_t start)
{
    if (rc == 0) {
        r->place = NULL;
        gw_json_peek(r);
        if (r->at < r->end)
            rc = gw_json_fail_expected(r, r->at, "the end of the text");
    }
    if (rc != 0)
        r->out->len = start;
    return rc;
}

static struct gw_json_reader reader(const struct gw_schema *schema,
                                    const struct gw_json_options *options, struct gw_slice json,
                                    struct gw_text_place begins, gw_pool *pool, struct gw_buf *out,
                                    struct gw_error *error)
{
    const char *text = json.len > 0 ? json.base : "";
    /* Mostly the bytes are fewer than the text. */
    gw_buf_reserve(out, json.len);
    return (struct gw_json_reader){
        .at = text,
        .end = text + json.len,
        .text = text,
        .begins = begins,
        .out = out,
        .pool = pool,
        .schema = schema,
        .options = options,
        .error = error,
    };
}

int gw_json_to_wire_under(const struct gw_schema *schema, const struct gw_message_type *type,
                          const struct gw_json_options *options, struct gw_slice prefix,
                          struct gw_slice json, struct gw_text_place begins, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error)
{
    size_t start = out->len;
    struct gw_json_reader r = reader(schema, options, json, begins, pool, out, error);
    struct gw_json_place place = {.kind = GW_JSON_IN_FIELD, .name = prefix};
    r.place = &place;
    return finish(&r, gw_json_read_message(&r, type), start);
}

int gw_json_to_wire(const struct gw_schema *schema, const struct gw_message_type *type,
                    const struct gw_json_options *options, struct gw_slice json, gw_pool *pool,
                    struct gw_buf *out, struct gw_error *error)
{
    return gw_json_to_wire_under(schema, type, options, GW_SLICE(""), json,
                                 (struct gw_text_place){0}, pool, out, error);
}

int gw_json_field_to_wire(const struct gw_schema *schema, const struct gw_field *field,
                          const struct gw_json_options *options, struct gw_slice json,
                          struct gw_text_place begins, gw_pool *pool, struct gw_buf *out,
                          struct gw_error *error)
{
    size_t start = out->len;
    struct gw_json_reader r = reader(schema, options, json, begins, pool, out, error);
    struct gw_json_place place = {.kind = GW_JSON_IN_FIELD, .name = field->json_name};
    r.place = &place;
    if (gw_json_peek(&r) == 'n' && !reads_null(field) && gw_json_take_word(&r, GW_SLICE("null")))
        return finish(&r, 0, start);
    return finish(&r, read_field(&r, field), start);
}
