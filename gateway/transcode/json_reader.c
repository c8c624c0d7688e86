#include "transcode/json_reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/encoding.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "transcode/text_place.h"
#include "transcode/value_reader.h"

static void append_path(struct gw_buf *b, const struct gw_json_place *place)
{
    if (place == NULL)
        return;
    append_path(b, place->up);
    if (place->kind == GW_JSON_IN_ELEMENT) {
        gw_buf_printf(b, "[%zu]", place->index);
    } else if (place->kind == GW_JSON_IN_ENTRY) {
        struct gw_phrase key;
        gw_phrase_quote(&key, place->name);
        gw_buf_printf(b, "[%s]", key.text);
    } else if (place->name.len > 0) {
        struct gw_phrase name;
        gw_phrase_plain(&name, place->name);
        gw_buf_printf(b, "%s%s", b->len > 0 ? "." : "", name.text);
    }
}

/* A tree of values has no lines. */
static size_t describe_place(struct gw_json_reader *r, const char *at, char *text, size_t size)
{
    *text = '\0';
    if (r->values != NULL)
        return GW_NO_POSITION;
    size_t position = (size_t)(at - r->text);
    struct gw_text_place fault = gw_text_place_behind(r->begins, gw_slice(r->text, position));
    snprintf(text, size, " (line %zu, column %zu)", fault.line, fault.column);
    return position;
}

int gw_json_fail(struct gw_json_reader *r, const char *at, const char *format, ...)
{
    if (r->error == NULL)
        return -1;
    char message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct gw_buf path = GW_BUF_HEAP;
    append_path(&path, r->place);
    struct gw_slice shown = gw_phrase_cut_path(gw_buf_slice(&path));
    char place[64];
    size_t position = describe_place(r, at, place, sizeof(place));
    gw_error_set(r->error, GW_INVALID_ARGUMENT, position, "%s%.*s%s%s%s",
                 shown.len < path.len ? "..." : "", GW_SLICE_ARG(shown), shown.len > 0 ? ": " : "",
                 message, place);
    gw_buf_dispose(&path);
    return -1;
}

int gw_json_fail_expected(struct gw_json_reader *r, const char *at, const char *expected)
{
    struct gw_phrase found;
    if (r->values != NULL)
        gw_value_phrase(r, &found);
    else
        gw_phrase_json(&found, gw_slice(at, (size_t)(r->end - at)));
    return gw_json_fail(r, at, "expected %s, found %s", expected, found.text);
}

/* From inside a string up to its closing quote or next escape; NULL where it is broken. */
static const char *skip_unescaped(struct gw_json_reader *r, const char *at)
{
    for (;;) {
        at = gw_json_skip_plain(at, r->end);
        if (at == r->end) {
            gw_json_fail(r, at, "the string does not end");
            return NULL;
        }
        if (*at == '"' || *at == '\\')
            return at;
        if ((unsigned char)*at < 0x20) {
            gw_json_fail(r, at, "control character 0x%02x in a string", *at);
            return NULL;
        }
        size_t step = gw_utf8_step(gw_slice(at, (size_t)(r->end - at)));
        if (step == 0) {
            gw_json_fail(r, at, "byte 0x%02x is not UTF-8", (unsigned char)*at);
            return NULL;
        }
        at += step;
    }
}

/* The unit of \uXXXX at `at`, or -1. */
static int32_t utf16_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = gw_hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static const char *decode_utf16(struct gw_json_reader *r, const char *at, char **to)
{
    int32_t unit = utf16_unit(at, r->end);
    if (unit < 0) {
        gw_json_fail(r, at, "expected four hexadecimal digits behind \\u");
        return NULL;
    }
    const char *next = at + 6;
    if (unit >= 0xd800 && unit <= 0xdfff) {
        int32_t low = utf16_unit(next, r->end);
        if (unit >= 0xdc00 || low < 0xdc00 || low > 0xdfff) {
            gw_json_fail(r, at, "\\u%04x is half a surrogate pair", (unsigned)unit);
            return NULL;
        }
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        next += 6;
    }
    *to += gw_utf8_put(*to, (uint32_t)unit);
    return next;
}

/* Decodes the escape at `at`. Returns what follows it, or NULL. */
static const char *decode_escape(struct gw_json_reader *r, const char *at, char **to)
{
    static const char meanings[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    if (r->end - at < 2) {
        gw_json_fail(r, r->end, "the string does not end");
        return NULL;
    }
    if (at[1] == 'u')
        return decode_utf16(r, at, to);
    char meaning = meanings[(unsigned char)at[1]];
    if (meaning == 0) {
        struct gw_phrase found;
        gw_phrase_json(&found, gw_slice(at + 1, 1));
        gw_json_fail(r, at, "unknown escape: a backslash and %s", found.text);
        return NULL;
    }
    *(*to)++ = meaning;
    return at + 2;
}

/* How far the string goes, at most: what it takes decoded. */
static size_t room_for_string(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return (size_t)((p < end ? p : end) - at);
}

/* Decodes into `decoded` what goes from `first` over its first `escape` to the closing quote. */
static int read_escaped(struct gw_json_reader *r, const char *first, const char *escape,
                        char *decoded, struct gw_slice *ret_string)
{
    char *to = decoded;
    const char *from = first, *at = escape;
    while (*at == '\\') {
        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        from = decode_escape(r, at, &to);
        if (from == NULL)
            return -1;
        at = skip_unescaped(r, from);
        if (at == NULL)
            return -1;
    }
    memcpy(to, from, (size_t)(at - from));
    to += at - from;
    *ret_string = gw_slice(decoded, (size_t)(to - decoded));
    r->at = at + 1;
    return 0;
}

int gw_json_read_string(struct gw_json_reader *r, struct gw_slice *ret_string)
{
    if (r->values != NULL)
        return gw_value_read_string(r, ret_string);
    const char *first = r->at + 1;
    const char *at = skip_unescaped(r, first);
    if (at == NULL)
        return -1;
    if (*at == '\\') {
        char *decoded = h2o_mem_alloc_pool(r->pool, room_for_string(first, r->end) + 1);
        return read_escaped(r, first, at, decoded, ret_string);
    }
    *ret_string = gw_slice(first, (size_t)(at - first));
    r->at = at + 1;
    return 0;
}

size_t gw_json_string_room(const struct gw_json_reader *r)
{
    return room_for_string(r->at + 1, r->end);
}

int gw_json_read_string_into(struct gw_json_reader *r, char *room, size_t *ret_length)
{
    struct gw_slice string;
    const char *first = r->at + 1;
    const char *at = skip_unescaped(r, first);
    if (at == NULL || read_escaped(r, first, at, room, &string) != 0)
        return -1;
    *ret_length = string.len;
    return 0;
}

static int skip_string(struct gw_json_reader *r)
{
    const char *at = skip_unescaped(r, r->at + 1);
    while (at != NULL && *at == '\\') {
        char forgotten[4], *to = forgotten;
        at = decode_escape(r, at, &to);
        if (at != NULL)
            at = skip_unescaped(r, at);
    }
    if (at == NULL)
        return -1;
    r->at = at + 1;
    return 0;
}

int gw_json_read_number(struct gw_json_reader *r, const char *expected,
                        struct gw_number *ret_number)
{
    size_t length = gw_number_parse(gw_slice(r->at, (size_t)(r->end - r->at)), ret_number);
    if (length == 0)
        return gw_json_fail_expected(r, r->at, expected);
    r->at += length;
    return 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool gw_json_take_word(struct gw_json_reader *r, struct gw_slice word)
{
    struct gw_slice rest = gw_slice(r->at, (size_t)(r->end - r->at));
    if (!gw_slice_starts_with(rest, word) || (rest.len > word.len && is_word(rest.base[word.len])))
        return false;
    r->at += word.len;
    return true;
}

int gw_json_open(struct gw_json_reader *r, char open, const char *expected)
{
    if (gw_json_peek(r) != open)
        return gw_json_fail_expected(r, r->at, expected);
    r->at++;
    if (r->values != NULL)
        gw_value_open(r);
    return 0;
}

int gw_json_next(struct gw_json_reader *r, char close, bool is_first)
{
    char c = gw_json_peek(r);
    if (c == ',' && !is_first) {
        r->at++;
        c = gw_json_peek(r);
    } else if (c == close) {
        r->at++;
        return 0;
    } else if (r->values != NULL) {
        return gw_value_next(r, close);
    } else if (!is_first) {
        return gw_json_fail_expected(r, r->at, close == '}' ? "',' or '}'" : "',' or ']'");
    }
    if (close == '}' && c != '"')
        return gw_json_fail_expected(r, r->at, "a field's name in quotes");
    return 1;
}

int gw_json_colon(struct gw_json_reader *r)
{
    if (r->values != NULL) {
        gw_value_colon(r);
        return 0;
    }
    if (gw_json_peek(r) != ':')
        return gw_json_fail_expected(r, r->at, "':'");
    r->at++;
    gw_json_peek(r);
    return 0;
}

int gw_json_enter(struct gw_json_reader *r)
{
    if (r->depth >= GW_MAX_DEPTH)
        return gw_json_fail(r, r->at, "nested deeper than %d messages", GW_MAX_DEPTH);
    r->depth++;
    return 0;
}

static int skip_members(struct gw_json_reader *r, char close)
{
    r->at++;
    int more;
    for (bool is_first = true; (more = gw_json_next(r, close, is_first)) > 0; is_first = false) {
        if (close == '}' && (skip_string(r) != 0 || gw_json_colon(r) != 0))
            return -1;
        if (gw_json_skip(r) != 0)
            return -1;
    }
    return more;
}

int gw_json_skip(struct gw_json_reader *r)
{
    if (r->values != NULL)
        return 0;
    struct gw_number number;
    int rc;
    switch (gw_json_peek(r)) {
    case '{':
    case '[':
        if (gw_json_enter(r) != 0)
            return -1;
        rc = skip_members(r, *r->at == '{' ? '}' : ']');
        gw_json_leave(r);
        return rc;
    case '"':
        return skip_string(r);
    case 't':
    case 'f':
    case 'n':
        if (gw_json_take_word(r, GW_SLICE("true")) || gw_json_take_word(r, GW_SLICE("false")) ||
            gw_json_take_word(r, GW_SLICE("null")))
            return 0;
        return gw_json_fail_expected(r, r->at, "a value");
    default:
        return gw_json_read_number(r, "a value", &number);
    }
}
