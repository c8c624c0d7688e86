#include "hooks/library/regexp_pattern.h"

struct translation {
    const char *at, *end;
    char *to;
};

static void put(struct translation *t, struct gw_slice text)
{
    memcpy(t->to, text.base, text.len);
    t->to += text.len;
}

static void copy(struct translation *t, size_t count)
{
    put(t, gw_slice(t->at, count));
    t->at += count;
}

static bool stands(const struct translation *t, struct gw_slice text)
{
    return gw_slice_starts_with(gw_slice(t->at, (size_t)(t->end - t->at)), text);
}

static const char *escape(struct translation *t, bool is_in_class)
{
    if (t->end - t->at < 2)
        return "too short escape sequence";
    switch (t->at[1]) {
    case 'h':
        put(t, is_in_class ? GW_SLICE("0-9a-fA-F") : GW_SLICE("[0-9a-fA-F]"));
        break;
    case 'H':
        if (is_in_class)
            return "\\H in a character class is not supported";
        put(t, GW_SLICE("[^0-9a-fA-F]"));
        break;
    case 'v':
        put(t, GW_SLICE("\\x0b"));
        break;
    default:
        copy(t, 2);
        return NULL;
    }
    t->at += 2;
    return NULL;
}

/* Past `close`, or to the end. */
static void copy_through(struct translation *t, char close)
{
    const char *found = memchr(t->at, close, (size_t)(t->end - t->at));
    copy(t, (size_t)((found != NULL ? found + 1 : t->end) - t->at));
}

static const char *character_class(struct translation *t)
{
    const char *wrong = NULL;
    copy(t, 1);
    if (stands(t, GW_SLICE("^")))
        copy(t, 1);
    if (stands(t, GW_SLICE("]")))
        copy(t, 1);
    while (t->at < t->end && *t->at != ']' && wrong == NULL) {
        if (*t->at == '\\')
            wrong = escape(t, true);
        else if (stands(t, GW_SLICE("[:")))
            copy_through(t, ']');
        else if (*t->at == '[')
            wrong = "a character class in a character class is not supported";
        else if (stands(t, GW_SLICE("&&")))
            wrong = "&& in a character class is not supported";
        else
            copy(t, 1);
    }
    if (wrong == NULL && t->at < t->end)
        copy(t, 1);
    return wrong;
}

/* What stands behind "(?": options that are on, then those that are off. */
static void group_options(struct translation *t)
{
    const char *p = t->at + 2;
    while (p < t->end && memchr("imx-", *p, 4) != NULL)
        p++;
    bool are_options = p > t->at + 2 && p < t->end && (*p == ')' || *p == ':');
    copy(t, 2);
    for (; are_options && t->at < p; t->at++)
        *t->to++ = *t->at == 'm' ? 's' : *t->at;
}

static const char *group(struct translation *t)
{
    if (stands(t, GW_SLICE("(?#")))
        copy_through(t, ')');
    else if (stands(t, GW_SLICE("(*")))
        return "target of repeat operator is not specified"; /* a verb of PCRE2 only */
    else if (stands(t, GW_SLICE("(?")))
        group_options(t);
    else
        copy(t, 1);
    return NULL;
}

/* {,3} */
static void repetition(struct translation *t)
{
    const char *p = t->at + 1;
    if (p < t->end && *p == ',') {
        do
            p++;
        while (p < t->end && *p >= '0' && *p <= '9');
        if (p < t->end && *p == '}' && p > t->at + 2) {
            put(t, GW_SLICE("{0"));
            t->at++;
        }
    }
    copy(t, 1);
}

const char *gw_hook_pattern_translate(struct gw_slice source, bool is_extended, char *to,
                                      size_t *ret_length)
{
    struct translation t = {source.base, source.base + source.len, to};
    const char *wrong = source.len > GW_HOOK_PATTERN_MAX ? "the pattern is too long" : NULL;
    while (wrong == NULL && t.at < t.end) {
        switch (*t.at) {
        case '\\':
            wrong = escape(&t, false);
            break;
        case '[':
            wrong = character_class(&t);
            break;
        case '(':
            wrong = group(&t);
            break;
        case '{':
            repetition(&t);
            break;
        case '#':
            if (is_extended)
                copy_through(&t, '\n');
            else
                copy(&t, 1);
            break;
        default:
            copy(&t, 1);
        }
    }
    *ret_length = (size_t)(t.to - to);
    return wrong;
}
