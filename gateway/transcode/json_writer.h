/* What the parts of the JSON writer share. Functions that return -1 have set the error. */
#ifndef GW_TRANSCODE_JSON_WRITER_H
#define GW_TRANSCODE_JSON_WRITER_H

#include "base/buf.h"
#include "base/error.h"
#include "schema/schema.h"
#include "transcode/binding.h"
#include "transcode/value.h"
#include "transcode/wire_format.h"

/* One step of the way to a value, for error messages: on the stack of whoever writes it. */
struct gw_json_writer_place {
    const struct gw_json_writer_place *up;
    const struct gw_field *field;
};

struct gw_json_writer {
    struct gw_buf *out;
    struct gw_value_sink *sink; /* not NULL: gets the values; `out` is scratch */
    bool has_json_names;        /* as `sink` and options->preserve_proto_names say */
    gw_pool *pool;
    const struct gw_schema *schema;
    const struct gw_json_options *options;
    const struct gw_json_writer_place *place;
    int depth;            /* of messages around the value */
    bool is_merging;      /* a field came back: from here on every message goes the longer way */
    size_t max_len;       /* of `out`, with scratch_bytes */
    size_t scratch_bytes; /* what merging has in memory besides */
    struct gw_error *error;
};

/* -1, GW_INTERNAL: the path of the field and the message. */
int gw_json_writer_fail(struct gw_json_writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int gw_json_writer_fail_malformed(struct gw_json_writer *w);

int gw_json_writer_fail_too_long(struct gw_json_writer *w);

/* Whether the JSON is over options->max_bytes. One string goes beyond that before it is seen. */
static inline bool gw_json_writer_is_too_long(const struct gw_json_writer *w)
{
    return w->out->len + w->scratch_bytes > w->max_len;
}

/* As gw_wire_get_value, with the depth that is left. */
static inline const char *gw_json_writer_next(const struct gw_json_writer *w, const char *at,
                                              const char *end, struct gw_wire_value *ret_value)
{
    return gw_wire_get_value(at, end, GW_MAX_DEPTH - w->depth, ret_value);
}

/* Whether a parser takes a value of this wire type for the field; any other is an unknown field. */
static inline bool gw_wire_fits(const struct gw_field *field, enum gw_wire_type wire_type)
{
    enum gw_wire_type wanted = gw_wire_type_of(field->type);
    return wire_type == wanted ||
           (wire_type == GW_WIRE_BYTES && field->is_repeated && wanted != GW_WIRE_GROUP);
}

/* Counts a message; refuses those deeper than GW_MAX_DEPTH. */
static inline int gw_json_writer_enter(struct gw_json_writer *w)
{
    if (w->depth >= GW_MAX_DEPTH)
        return gw_json_writer_fail(w, "nested deeper than %d messages", GW_MAX_DEPTH);
    w->depth++;
    return 0;
}

static inline void gw_json_writer_leave(struct gw_json_writer *w)
{
    w->depth--;
}

/* The comma that a member or element needs unless it is the first: whatever precedes it ends in
 * another byte than the opening one. */
static inline void gw_json_append_comma(struct gw_buf *out, char open)
{
    if (out->base[out->len - 1] != open)
        gw_buf_append_byte(out, ',');
}

static inline void gw_json_begin_object(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_buf_append_byte(w->out, '{');
    else
        w->sink->ops->begin_object(w->sink);
}

static inline void gw_json_end_object(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_buf_append_byte(w->out, '}');
    else
        w->sink->ops->end(w->sink);
}

static inline void gw_json_begin_array(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_buf_append_byte(w->out, '[');
    else
        w->sink->ops->begin_array(w->sink);
}

static inline void gw_json_end_array(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_buf_append_byte(w->out, ']');
    else
        w->sink->ops->end(w->sink);
}

/* An element follows. */
static inline void gw_json_begin_element(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_json_append_comma(w->out, '[');
}

/* `key` is one of the schema's, `"fullName":`. */
static inline void gw_json_append_key(struct gw_buf *out, struct gw_slice key)
{
    char *to = gw_buf_reserve(out, key.len + 1);
    if (to[-1] != '{')
        *to++ = ',';
    memcpy(to, key.base, key.len);
    out->len = (size_t)(to + key.len - out->base);
}

void gw_json_write_other_key(struct gw_json_writer *w, const struct gw_field *field);

/* The field's key, behind a comma where one is needed. */
static inline void gw_json_write_key(struct gw_json_writer *w, const struct gw_field *field)
{
    if (w->has_json_names)
        gw_json_append_key(w->out, field->json_key);
    else
        gw_json_write_other_key(w, field);
}

/* A key that is no field's: plain ASCII. */
void gw_json_write_name(struct gw_json_writer *w, struct gw_slice name);
void gw_json_write_null(struct gw_json_writer *w);
/* -1 where it is not UTF-8; no error is set. */
int gw_json_write_string(struct gw_json_writer *w, struct gw_slice text);
void gw_json_write_bytes(struct gw_json_writer *w, struct gw_slice bytes);
/* A string that needs no escapes and stands, with its quotes, at the end of `out` from `start` on.
 */
void gw_json_end_plain_string(struct gw_json_writer *w, size_t start);

/* The JSON value of a whole message. Counts its depth. */
int gw_json_write_message(struct gw_json_writer *w, const struct gw_message_type *type,
                          struct gw_slice wire);
/* Its members; the opening brace is there, the closing one is left to the caller. */
int gw_json_write_members(struct gw_json_writer *w, const struct gw_message_type *type,
                          struct gw_slice wire);
/* Messages whose well_known is not GW_WKT_NONE or GW_WKT_EMPTY. Does not count the depth. */
int gw_json_write_well_known(struct gw_json_writer *w, const struct gw_message_type *type,
                             struct gw_slice wire);
/* One value, of a singular field or of one element (not packed). */
int gw_json_write_value(struct gw_json_writer *w, const struct gw_field *field,
                        const struct gw_wire_value *value);
/* The elements in one value of a repeated field, which may be packed; commas between them. */
int gw_json_write_elements(struct gw_json_writer *w, const struct gw_field *field,
                           const struct gw_wire_value *value);
/* The same for a scalar, where there is a sink. */
int gw_json_give_scalar(struct gw_json_writer *w, const struct gw_field *field,
                        const struct gw_wire_value *value);
/* What an absent field stands for; null for one with presence. */
int gw_json_write_default(struct gw_json_writer *w, const struct gw_field *field);
/* Whether a singular field's value is not written, being the same as none. */
bool gw_json_is_left_out(const struct gw_json_writer *w, const struct gw_field *field,
                         const struct gw_wire_value *value);

/* gw_json_write_members for a message in which fields or map keys come back: as if it had been
 * parsed and written anew (wire_merge.c). */
int gw_json_write_merged(struct gw_json_writer *w, const struct gw_message_type *type,
                         struct gw_slice wire);
/* The value of `field` of a message of `type`, or of whichever field is set last where that is
 * NULL. 1: none is there, and nothing was written. */
int gw_json_write_field_of(struct gw_json_writer *w, const struct gw_message_type *type,
                           const struct gw_field *field, struct gw_slice wire);

#endif
