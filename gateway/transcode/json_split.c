#include "transcode/json_split.h"

#include <sys/types.h>

#include "base/json_text.h"
#include "transcode/phrase.h"
#include "transcode/text_place.h"

/* Between messages a buffer of this size is kept. */
#define KEPT_MAX (16 * 1024)

void gw_json_split_init(struct gw_json_split *split, enum gw_json_split_form form,
                        uint64_t max_message_bytes)
{
    *split = (struct gw_json_split){
        .form = form,
        .max_message_bytes = max_message_bytes,
        .at = {1, 1},
        .kept = GW_BUF_HEAP,
    };
}

void gw_json_split_dispose(struct gw_json_split *split)
{
    gw_buf_dispose(&split->kept);
}

static int fail_expected(const struct gw_json_split *s, const char *expected, struct gw_slice found,
                         struct gw_error *error)
{
    struct gw_phrase phrase;
    gw_phrase_json(&phrase, found);
    return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                        "expected %s, found %s (line %zu, column %zu)", expected, phrase.text,
                        s->at.line, s->at.column);
}

static int fail_over_limit(const struct gw_json_split *s, enum gw_status status, uint64_t limit,
                           const char *unit, struct gw_error *error)
{
    return gw_error_set(error, status, GW_NO_POSITION,
                        "message %llu has over %llu %s (line %zu, column %zu)",
                        (unsigned long long)s->number, (unsigned long long)limit, unit,
                        s->begins.line, s->begins.column);
}

static struct gw_slice pass(struct gw_json_split *s, struct gw_slice *bytes, size_t count)
{
    struct gw_slice passed = gw_slice(bytes->base, count);
    s->at = gw_text_place_behind(s->at, passed);
    *bytes = gw_slice_from(*bytes, count);
    return passed;
}

static void begin_message(struct gw_json_split *s)
{
    s->number++;
    s->begins = s->at;
}

static void forget_given(struct gw_json_split *s)
{
    if (!s->given)
        return;
    s->given = false;
    s->kept.len = 0;
    if (s->kept.capacity > KEPT_MAX)
        gw_buf_dispose(&s->kept);
}

/* Takes `count` bytes that belong to the message, and gives it out where it has ended. */
static int take(struct gw_json_split *s, struct gw_slice *bytes, size_t count, bool ended,
                struct gw_slice *ret_message, struct gw_error *error)
{
    if (s->kept.len + count > s->max_message_bytes)
        return fail_over_limit(s, GW_RESOURCE_EXHAUSTED, s->max_message_bytes, "bytes", error);
    struct gw_slice part = pass(s, bytes, count);
    if (ended && s->kept.len == 0) {
        *ret_message = part;
        return GW_JSON_SPLIT_MESSAGE;
    }
    gw_buf_append(&s->kept, part);
    if (!ended)
        return GW_JSON_SPLIT_MORE;
    s->given = true;
    *ret_message = gw_buf_slice(&s->kept);
    return GW_JSON_SPLIT_MESSAGE;
}

/* --- lines --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t leading_blanks(struct gw_slice s)
{
    size_t n = 0;
    while (n < s.len && is_blank(s.base[n]))
        n++;
    return n;
}

static struct gw_slice without_trailing_blanks(struct gw_slice s)
{
    while (s.len > 0 && is_blank(s.base[s.len - 1]))
        s.len--;
    return s;
}

static int next_line(struct gw_json_split *s, struct gw_slice *bytes, struct gw_slice *ret_message,
                     struct gw_error *error)
{
    while (bytes->len > 0) {
        if (s->kept.len == 0) {
            pass(s, bytes, leading_blanks(*bytes));
            if (bytes->len == 0)
                break;
            if (*bytes->base == '\n') {
                pass(s, bytes, 1);
                continue;
            }
            begin_message(s);
        }
        const char *newline = memchr(bytes->base, '\n', bytes->len);
        size_t count = newline != NULL ? (size_t)(newline - bytes->base) : bytes->len;
        int rc = take(s, bytes, count, newline != NULL, ret_message, error);
        if (rc == GW_JSON_SPLIT_MESSAGE)
            *ret_message = without_trailing_blanks(*ret_message);
        if (rc != GW_JSON_SPLIT_MORE)
            return rc;
    }
    return GW_JSON_SPLIT_MORE;
}

/* --- values --- */

/* Within a string: up to and with its closing quote, or all. */
static size_t scan_string(struct gw_json_split *s, struct gw_slice bytes)
{
    const char *at = bytes.base, *end = bytes.base + bytes.len;
    while (at < end) {
        if (s->is_escaped) {
            s->is_escaped = false;
            at++;
            continue;
        }
        at = gw_json_skip_plain(at, end);
        if (at == end)
            break;
        s->is_escaped = *at == '\\';
        if (*at++ == '"') {
            s->in_string = false;
            break;
        }
    }
    return (size_t)(at - bytes.base);
}

/* Up to and with the quote or bracket that ends the value, or all; -1: too deep. */
static ssize_t scan_value(struct gw_json_split *s, struct gw_slice bytes, bool *ret_ended)
{
    size_t i = 0;
    while (i < bytes.len && !*ret_ended) {
        if (s->in_string) {
            i += scan_string(s, gw_slice_from(bytes, i));
            *ret_ended = !s->in_string && s->depth == 0;
            continue;
        }
        char c = bytes.base[i++];
        if (c == '"')
            s->in_string = true;
        else if (c == '}' || c == ']')
            *ret_ended = --s->depth == 0;
        else if ((c == '{' || c == '[') && ++s->depth > GW_JSON_SPLIT_DEPTH_MAX)
            return -1;
    }
    return (ssize_t)i;
}

static ssize_t scan_word(const struct gw_json_split *s, struct gw_slice bytes, bool *ret_ended)
{
    const char *ends = s->is_array ? " \t\r\n{[\",]" : " \t\r\n{[\"";
    size_t i = 0;
    while (i < bytes.len && (bytes.base[i] == '\0' || strchr(ends, bytes.base[i]) == NULL))
        i++;
    *ret_ended = i < bytes.len;
    return (ssize_t)i;
}

static int in_value(struct gw_json_split *s, struct gw_slice *bytes, struct gw_slice *ret_message,
                    struct gw_error *error)
{
    bool ended = false;
    struct gw_slice part = *bytes;
    uint64_t room = s->max_message_bytes - s->kept.len + 1; /* with a byte too many */
    if (part.len > room)
        part.len = room;
    ssize_t count = s->is_word ? scan_word(s, part, &ended) : scan_value(s, part, &ended);
    if (count < 0)
        return fail_over_limit(s, GW_INVALID_ARGUMENT, GW_JSON_SPLIT_DEPTH_MAX, "levels of nesting",
                               error);
    if (ended)
        s->state = GW_JSON_SPLIT_BEHIND_VALUE;
    return take(s, bytes, (size_t)count, ended, ret_message, error);
}

static void begin_value(struct gw_json_split *s, char c)
{
    begin_message(s);
    s->state = GW_JSON_SPLIT_IN_VALUE;
    s->is_word = c != '{' && c != '[' && c != '"';
    s->in_string = s->is_escaped = false;
    s->depth = 0;
}

/* What stands before, between and behind values, from a byte on that is no space. */
static int between_values(struct gw_json_split *s, struct gw_slice *bytes, struct gw_error *error)
{
    char c = *bytes->base;
    switch (s->state) {
    case GW_JSON_SPLIT_BEFORE_ALL:
        if (c != '[') {
            begin_value(s, c);
            return 0;
        }
        s->is_array = true;
        s->state = GW_JSON_SPLIT_IN_ARRAY;
        break;
    case GW_JSON_SPLIT_IN_ARRAY:
        if (c != ']') {
            s->state = GW_JSON_SPLIT_BEHIND_COMMA;
            return 0;
        }
        s->state = GW_JSON_SPLIT_BEHIND_ARRAY;
        break;
    case GW_JSON_SPLIT_BEHIND_COMMA:
        if (c == ',' || c == ']')
            return fail_expected(s, "a message", *bytes, error);
        begin_value(s, c);
        return 0;
    case GW_JSON_SPLIT_BEHIND_VALUE:
        if (!s->is_array) {
            begin_value(s, c);
            return 0;
        }
        if (c != ',' && c != ']')
            return fail_expected(s, "',' or ']'", *bytes, error);
        s->state = c == ',' ? GW_JSON_SPLIT_BEHIND_COMMA : GW_JSON_SPLIT_BEHIND_ARRAY;
        break;
    case GW_JSON_SPLIT_BEHIND_ARRAY:
    case GW_JSON_SPLIT_IN_VALUE:
        return fail_expected(s, "the end of the text", *bytes, error);
    }
    pass(s, bytes, 1);
    return 0;
}

static size_t leading_spaces(struct gw_slice s)
{
    size_t n = 0;
    while (n < s.len && (is_blank(s.base[n]) || s.base[n] == '\n'))
        n++;
    return n;
}

static int next_value(struct gw_json_split *s, struct gw_slice *bytes, struct gw_slice *ret_message,
                      struct gw_error *error)
{
    while (bytes->len > 0) {
        int rc = GW_JSON_SPLIT_MORE;
        if (s->state == GW_JSON_SPLIT_IN_VALUE) {
            rc = in_value(s, bytes, ret_message, error);
        } else {
            pass(s, bytes, leading_spaces(*bytes));
            if (bytes->len > 0)
                rc = between_values(s, bytes, error);
        }
        if (rc != GW_JSON_SPLIT_MORE)
            return rc;
    }
    return GW_JSON_SPLIT_MORE;
}

/* --- both --- */

int gw_json_split_next(struct gw_json_split *split, struct gw_slice *bytes,
                       struct gw_slice *ret_message, struct gw_error *error)
{
    forget_given(split);
    return split->form == GW_JSON_SPLIT_LINES ? next_line(split, bytes, ret_message, error)
                                              : next_value(split, bytes, ret_message, error);
}

int gw_json_split_end(struct gw_json_split *split, struct gw_slice *ret_message,
                      struct gw_error *error)
{
    forget_given(split);
    bool in_message = split->form == GW_JSON_SPLIT_LINES ? split->kept.len > 0
                                                         : split->state == GW_JSON_SPLIT_IN_VALUE;
    if (in_message &&
        (split->form == GW_JSON_SPLIT_LINES || (split->is_word && !split->is_array))) {
        split->state = GW_JSON_SPLIT_BEHIND_VALUE;
        split->given = true;
        *ret_message = without_trailing_blanks(gw_buf_slice(&split->kept));
        return GW_JSON_SPLIT_MESSAGE;
    }
    if (in_message)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "message %llu does not end (line %zu, column %zu)",
                            (unsigned long long)split->number, split->begins.line,
                            split->begins.column);
    if (split->is_array && split->state != GW_JSON_SPLIT_BEHIND_ARRAY)
        return fail_expected(
            split, split->state == GW_JSON_SPLIT_BEHIND_COMMA ? "a message" : "',' or ']'",
            gw_slice(NULL, 0), error);
    return GW_JSON_SPLIT_MORE;
}
