#include "transcode/template.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/mem.h"

struct parser {
    struct gw_slice text;
    size_t at, end; /* end: where the verb begins, or text.len */
    char *normal;   /* where the next normalised literal goes */
    struct gw_template *t;
    struct gw_error *error;
};

#define FAIL(p, position, ...)                                                                     \
    gw_error_set((p)->error, GW_INVALID_ARGUMENT, (position), __VA_ARGS__)

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986 section 3.3, pchar, but '*', which is a wildcard here. */
static bool is_literal_char(char c)
{
    return is_unreserved(c) || (c != '\0' && strchr("!$&'()+,;=:@", c) != NULL);
}

size_t gw_template_normalise(char *out, struct gw_slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int byte = text.base[i] == '%' ? gw_percent_byte(text, i) : -1;
        if (byte < 0) {
            out[n++] = text.base[i];
            continue;
        }
        if (is_unreserved((char)byte)) {
            out[n++] = (char)byte;
        } else {
            static const char upper[] = "0123456789ABCDEF";
            out[n++] = '%';
            out[n++] = upper[byte >> 4];
            out[n++] = upper[byte & 15];
        }
        i += 2;
    }
    return n;
}

static bool at_char(const struct parser *p, char c)
{
    return p->at < p->end && p->text.base[p->at] == c;
}

/* From p->at up to the first of '/', '}' and p->end. */
static int parse_literal(struct parser *p, struct gw_slice *ret_literal)
{
    size_t from = p->at;
    for (; p->at < p->end && !at_char(p, '/') && !at_char(p, '}'); p->at++) {
        char c = p->text.base[p->at];
        if (c == '%') {
            if (gw_percent_byte(p->text, p->at) < 0)
                return FAIL(p, p->at, "expected two hexadecimal digits after '%%'");
            p->at += 2;
        } else if (c == '*') {
            return FAIL(p, p->at, "'*' and '**' must be whole segments");
        } else if (c == '{') {
            return FAIL(p, p->at, "a variable must be a whole segment");
        } else if (!is_literal_char(c)) {
            return (unsigned char)c > ' ' && (unsigned char)c < 0x7f
                       ? FAIL(p, p->at, "'%c' cannot stand in a path; write %%%02X", c, c)
                       : FAIL(p, p->at, "byte 0x%02x cannot stand in a path; write %%%02X",
                              (unsigned char)c, (unsigned char)c);
        }
    }
    struct gw_slice raw = gw_slice(p->text.base + from, p->at - from);
    if (raw.len == 0)
        return FAIL(p, from, "expected a segment: a literal, '*', '**' or '{variable}'");
    *ret_literal = gw_slice(p->normal, gw_template_normalise(p->normal, raw));
    p->normal += ret_literal->len;
    if (ret_literal->len > GW_TEMPLATE_LITERAL_MAX)
        return FAIL(p, from, "a literal of more than %d bytes", GW_TEMPLATE_LITERAL_MAX);
    return 0;
}

static int parse_plain_segment(struct parser *p)
{
    struct gw_template *t = p->t;
    if (t->segment_count > 0 && t->segments[t->segment_count - 1].kind == GW_SEGMENT_DOUBLE_STAR)
        return FAIL(p, p->at, "nothing may follow '**' but a verb");
    if (t->segment_count == GW_TEMPLATE_SEGMENTS_MAX)
        return FAIL(p, p->at, "more than %d segments", GW_TEMPLATE_SEGMENTS_MAX);
    struct gw_segment *s = &t->segments[t->segment_count++];
    if (!at_char(p, '*')) {
        s->kind = GW_SEGMENT_LITERAL;
        return parse_literal(p, &s->literal);
    }
    p->at++;
    s->kind = GW_SEGMENT_STAR;
    if (at_char(p, '*')) {
        p->at++;
        s->kind = GW_SEGMENT_DOUBLE_STAR;
    }
    if (p->at < p->end && !at_char(p, '/') && !at_char(p, '}'))
        return FAIL(p, p->at, "'*' and '**' must be whole segments");
    return 0;
}

static int parse_field_path(struct parser *p, struct gw_slice *ret_path)
{
    size_t from = p->at;
    for (;;) {
        size_t ident = p->at;
        while (p->at < p->end) {
            char c = p->text.base[p->at];
            if (!is_letter(c) && c != '_' && !(is_digit(c) && p->at > ident))
                break;
            p->at++;
        }
        if (p->at == ident)
            return FAIL(p, p->at, "expected a field's name");
        if (!at_char(p, '.'))
            break;
        p->at++;
    }
    *ret_path = gw_slice(p->text.base + from, p->at - from);
    return 0;
}

static int parse_variable(struct parser *p)
{
    struct gw_template *t = p->t;
    size_t from = p->at++;
    if (t->variable_count == GW_TEMPLATE_VARIABLES_MAX)
        return FAIL(p, from, "more than %d variables", GW_TEMPLATE_VARIABLES_MAX);
    struct gw_template_variable *v = &t->variables[t->variable_count];
    v->first_segment = (uint32_t)t->segment_count;
    if (parse_field_path(p, &v->field_path) != 0)
        return -1;
    for (size_t i = 0; i < t->variable_count; i++) {
        if (gw_slice_eq(t->variables[i].field_path, v->field_path))
            return FAIL(p, from, "variable \"%.*s\" appears twice", GW_SLICE_ARG(v->field_path));
    }
    t->variable_count++;
    if (at_char(p, '=')) {
        do {
            p->at++;
            if (at_char(p, '{'))
                return FAIL(p, p->at, "a variable cannot stand inside another");
            if (parse_plain_segment(p) != 0)
                return -1;
        } while (at_char(p, '/'));
    } else {
        if (t->segment_count == GW_TEMPLATE_SEGMENTS_MAX)
            return FAIL(p, from, "more than %d segments", GW_TEMPLATE_SEGMENTS_MAX);
        t->segments[t->segment_count++].kind = GW_SEGMENT_STAR;
    }
    v->segment_end = (uint32_t)t->segment_count;
    if (!at_char(p, '}'))
        return FAIL(p, p->at, "expected '}' to end variable \"%.*s\"", GW_SLICE_ARG(v->field_path));
    p->at++;
    if (p->at < p->end && !at_char(p, '/'))
        return FAIL(p, p->at, "a variable must be a whole segment");
    return 0;
}

static int parse_segments(struct parser *p)
{
    while (at_char(p, '/')) {
        struct gw_template *t = p->t;
        p->at++;
        if (!at_char(p, '{')) {
            if (parse_plain_segment(p) != 0)
                return -1;
        } else if (t->segment_count > 0 &&
                   t->segments[t->segment_count - 1].kind == GW_SEGMENT_DOUBLE_STAR) {
            return FAIL(p, p->at, "nothing may follow '**' but a verb");
        } else if (parse_variable(p) != 0) {
            return -1;
        }
    }
    if (p->at < p->end)
        return FAIL(p, p->at, "'%c' without a variable to end", p->text.base[p->at]);
    return 0;
}

/* Where the verb's ':' is, the last one of the last segment and outside braces; or text.len. */
static size_t find_verb(struct gw_slice text)
{
    for (size_t i = text.len; i > 0; i--) {
        char c = text.base[i - 1];
        if (c == ':')
            return i - 1;
        if (c == '/' || c == '}')
            break;
    }
    return text.len;
}

static int parse_verb(struct parser *p)
{
    if (p->end == p->text.len)
        return 0;
    p->at = p->end + 1;
    p->end = p->text.len;
    if (p->at == p->end)
        return FAIL(p, p->at, "expected a verb after ':'");
    return parse_literal(p, &p->t->verb);
}

static int parse(struct parser *p)
{
    if (!at_char(p, '/'))
        return FAIL(p, 0, "a path template begins with '/'");
    if (p->text.len == 1)
        return 0;
    return parse_segments(p) != 0 || parse_verb(p) != 0 ? -1 : 0;
}

int gw_template_parse(struct gw_template *ret_template, struct gw_slice text,
                      struct gw_error *error)
{
    struct gw_template t = {0};
    /* Behind the text stand the normalised literals, which are no longer than it. */
    char *memory = gw_alloc(2 * text.len + 1);
    if (text.len > 0)
        memcpy(memory, text.base, text.len);
    t.text = gw_slice(memory, text.len);
    t.segments = gw_alloc(GW_TEMPLATE_SEGMENTS_MAX * sizeof(*t.segments));
    t.variables = gw_alloc(GW_TEMPLATE_VARIABLES_MAX * sizeof(*t.variables));
    struct parser p = {
        .text = t.text,
        .end = find_verb(t.text),
        .normal = memory + text.len,
        .t = &t,
        .error = error,
    };
    if (parse(&p) != 0) {
        gw_template_dispose(&t);
        return -1;
    }
    t.segments = gw_realloc(t.segments, t.segment_count * sizeof(*t.segments));
    t.variables = gw_realloc(t.variables, t.variable_count * sizeof(*t.variables));
    *ret_template = t;
    return 0;
}

void gw_template_dispose(struct gw_template *t)
{
    free((char *)t->text.base);
    free(t->segments);
    free(t->variables);
    *t = (struct gw_template){0};
}

bool gw_template_variable_is_single(const struct gw_template *t,
                                    const struct gw_template_variable *variable)
{
    return variable->segment_end - variable->first_segment == 1 &&
           t->segments[variable->first_segment].kind != GW_SEGMENT_DOUBLE_STAR;
}
