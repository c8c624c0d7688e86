#include "transcode/json_writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/encoding.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "transcode/phrase.h"

static void append_path(struct gw_buf *b, const struct gw_json_writer_place *place)
{
    if (place == NULL)
        return;
    append_path(b, place->up);
    gw_buf_printf(b, "%s%.*s", b->len > 0 ? "." : "", GW_SLICE_ARG(place->field->json_name));
}

int gw_json_writer_fail(struct gw_json_writer *w, const char *format, ...)
{
    if (w->error == NULL)
        return -1;
    char message[200];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct gw_buf path = GW_BUF_HEAP;
    append_path(&path, w->place);
    struct gw_slice shown = gw_phrase_cut_path(gw_buf_slice(&path));
    gw_error_set(w->error, GW_INTERNAL, GW_NO_POSITION, "%s%.*s%s%s",
                 shown.len < path.len ? "..." : "", GW_SLICE_ARG(shown), shown.len > 0 ? ": " : "",
                 message);
    gw_buf_dispose(&path);
    return -1;
}

int gw_json_writer_fail_malformed(struct gw_json_writer *w)
{
    return gw_json_writer_fail(w, "the message is malformed");
}

int gw_json_writer_fail_too_long(struct gw_json_writer *w)
{
    return gw_json_writer_fail(w, "the message is over %llu bytes of JSON",
                               (unsigned long long)w->options->max_bytes);
}

void gw_json_write_other_key(struct gw_json_writer *w, const struct gw_field *field)
{
    if (w->sink != NULL)
        w->sink->ops->field(w->sink, field);
    else
        gw_json_append_key(w->out,
                           w->options->preserve_proto_names ? field->name_key : field->json_key);
}

static void give_text(struct gw_json_writer *w, enum gw_value_kind kind, struct gw_slice text)
{
    w->sink->ops->value(w->sink, &(struct gw_value){.kind = kind, .text = text});
}

void gw_json_write_name(struct gw_json_writer *w, struct gw_slice name)
{
    if (w->sink != NULL) {
        w->sink->ops->key(w->sink);
        give_text(w, GW_VALUE_STRING, name);
        return;
    }
    gw_json_append_comma(w->out, '{');
    gw_buf_append_byte(w->out, '"');
    gw_buf_append(w->out, name);
    gw_buf_append(w->out, GW_SLICE("\":"));
}

void gw_json_write_null(struct gw_json_writer *w)
{
    if (w->sink == NULL)
        gw_buf_append(w->out, GW_SLICE("null"));
    else
        w->sink->ops->value(w->sink, &(struct gw_value){GW_VALUE_NULL});
}

int gw_json_write_string(struct gw_json_writer *w, struct gw_slice text)
{
    if (w->sink == NULL)
        return gw_json_append_string(w->out, text);
    if (gw_utf8_check(text) != text.len)
        return -1;
    give_text(w, GW_VALUE_STRING, text);
    return 0;
}

void gw_json_write_bytes(struct gw_json_writer *w, struct gw_slice bytes)
{
    if (w->sink != NULL) {
        give_text(w, GW_VALUE_BYTES, bytes);
        return;
    }
    gw_buf_append_byte(w->out, '"');
    gw_base64_encode(w->out, bytes);
    gw_buf_append_byte(w->out, '"');
}

void gw_json_end_plain_string(struct gw_json_writer *w, size_t start)
{
    if (w->sink == NULL)
        return;
    struct gw_slice text = gw_slice(w->out->base + start + 1, w->out->len - start - 2);
    w->out->len = start;
    give_text(w, GW_VALUE_STRING, text);
}
