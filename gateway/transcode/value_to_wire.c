#include <math.h>
#include <stdio.h>

#include "base/digits.h"
#include "base/utf8.h"
#include "transcode/json_message.h"
#include "transcode/value_reader.h"

static struct gw_slice number_text(struct gw_value_reader *values)
{
    const struct gw_value *value = &values->source->current;
    char *text = values->number, *end;
    if (value->kind == GW_VALUE_INTEGER)
        end = gw_number_put_i64(text, value->integer);
    else if (value->kind == GW_VALUE_UNSIGNED)
        end = gw_digits_put(text, value->unsigned_integer);
    else
        end = gw_number_put_double(text, value->real);
    return gw_slice(text, (size_t)(end - text));
}

static bool is_special(const struct gw_value *value)
{
    return value->kind == GW_VALUE_REAL && !isfinite(value->real);
}

static struct gw_slice current_text(struct gw_value_reader *values)
{
    static const struct gw_slice texts[] = {
        [GW_VALUE_NULL] = GW_SLICE_INIT("null"), [GW_VALUE_FALSE] = GW_SLICE_INIT("false"),
        [GW_VALUE_TRUE] = GW_SLICE_INIT("true"), [GW_VALUE_STRING] = GW_SLICE_INIT("\""),
        [GW_VALUE_BYTES] = GW_SLICE_INIT("\""),  [GW_VALUE_ARRAY] = GW_SLICE_INIT("["),
        [GW_VALUE_OBJECT] = GW_SLICE_INIT("{"),  [GW_VALUE_OTHER] = GW_SLICE_INIT("?"),
    };
    const struct gw_value *value = &values->source->current;
    if (is_special(value))
        return texts[GW_VALUE_OTHER];
    struct gw_slice text = texts[value->kind];
    return text.len > 0 ? text : number_text(values);
}

static void stand(struct gw_json_reader *r, struct gw_slice text)
{
    r->at = text.base;
    r->end = text.base + text.len;
}

void gw_value_phrase(struct gw_json_reader *r, struct gw_phrase *ret_phrase)
{
    const struct gw_value *value = &r->values->source->current;
    if (value->kind == GW_VALUE_STRING)
        gw_phrase_quote(ret_phrase, value->text);
    else if (value->kind == GW_VALUE_OTHER)
        gw_phrase_plain(ret_phrase, value->text);
    else if (is_special(value))
        snprintf(ret_phrase->text, sizeof(ret_phrase->text), "%f", value->real);
    else
        gw_phrase_json(ret_phrase, current_text(r->values));
}

int gw_value_read_string(struct gw_json_reader *r, struct gw_slice *ret_string)
{
    struct gw_slice text = r->values->source->current.text;
    size_t valid = gw_utf8_check(text);
    if (valid < text.len)
        return gw_json_fail(r, r->at, "byte 0x%02x is not UTF-8", (unsigned char)text.base[valid]);
    *ret_string = text;
    return 0;
}

void gw_value_open(struct gw_json_reader *r)
{
    r->values->source->ops->open(r->values->source);
}

/* Keys are strings; integers and booleans as they are written. */
static int make_key(struct gw_json_reader *r)
{
    struct gw_value *key = &r->values->source->current;
    switch (key->kind) {
    case GW_VALUE_STRING:
        return 0;
    case GW_VALUE_FALSE:
    case GW_VALUE_TRUE:
    case GW_VALUE_INTEGER:
    case GW_VALUE_UNSIGNED:
        *key = (struct gw_value){.kind = GW_VALUE_STRING,
                                 .text = gw_pool_dup(r->pool, current_text(r->values))};
        return 0;
    default:
        return gw_json_fail_expected(r, r->at, "a string for a key");
    }
}

static int fail_too_long(struct gw_json_reader *r)
{
    return gw_json_fail(r, r->at, "the message gets too long");
}

int gw_value_next(struct gw_json_reader *r, char close)
{
    struct gw_value_source *source = r->values->source;
    /* A tree may be larger than what it takes in memory: things can be in it many times. */
    if (r->out->len > r->values->out_max)
        return fail_too_long(r);
    if (!source->ops->next(source)) {
        stand(r, GW_SLICE(" "));
        r->at = r->end;
        return 0;
    }
    if (close == '}' && make_key(r) != 0)
        return -1;
    stand(r, current_text(r->values));
    return 1;
}

void gw_value_colon(struct gw_json_reader *r)
{
    r->values->source->ops->member(r->values->source);
    stand(r, current_text(r->values));
}

void gw_value_again(struct gw_json_reader *r)
{
    r->values->source->ops->again(r->values->source);
}

const struct gw_field *gw_value_field(const struct gw_message_type *type, struct gw_slice name)
{
    const struct gw_field *field = gw_message_field_by_name(type, name);
    if (field == NULL || gw_slice_eq(field->name, name))
        return field;
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (gw_slice_eq(type->fields[i].name, name))
            return &type->fields[i];
    }
    return field;
}

int gw_value_read_bytes(struct gw_json_reader *r, struct gw_scalar *ret_scalar)
{
    const struct gw_value *value = &r->values->source->current;
    if (value->kind != GW_VALUE_STRING)
        return gw_json_fail_expected(r, r->at, "a string");
    *ret_scalar = (struct gw_scalar){.bytes = value->text};
    return 0;
}

int gw_value_read_special(struct gw_json_reader *r, const struct gw_field *field,
                          struct gw_scalar *ret_scalar)
{
    const struct gw_value *value = &r->values->source->current;
    if (!is_special(value) || (field->type != GW_TYPE_DOUBLE && field->type != GW_TYPE_FLOAT))
        return 1;
    *ret_scalar = gw_scalar_of_real(field, value->real);
    return 0;
}

int gw_value_to_wire(const struct gw_schema *schema, const struct gw_message_type *type,
                     struct gw_value_source *source, size_t bytes_max, gw_pool *pool,
                     struct gw_buf *out, struct gw_error *error)
{
    static const struct gw_json_options options = {0};
    size_t start = out->len;
    struct gw_value_reader values = {.source = source, .out_max = start + bytes_max};
    struct gw_json_reader r = {.out = out,
                               .pool = pool,
                               .schema = schema,
                               .options = &options,
                               .error = error,
                               .values = &values};
    stand(&r, current_text(&values));
    int rc = gw_json_read_message(&r, type);
    r.place = NULL;
    if (rc == 0 && out->len > values.out_max)
        rc = fail_too_long(&r);
    if (rc != 0)
        out->len = start;
    return rc;
}
