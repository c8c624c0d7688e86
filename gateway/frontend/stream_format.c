#include "frontend/stream_format.h"

/* Slices that are constant expressions. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

const struct gw_stream_format gw_stream_formats[] = {
    {
        .media_type = TEXT("application/x-ndjson"),
        .after = TEXT("\n"),
        .before_first_error = TEXT("{\"error\":"),
        .before_error = TEXT("{\"error\":"),
        .after_error = TEXT("}\n"),
    },
    {
        /* WHATWG HTML, Server-sent events. An event without data is not dispatched. */
        .media_type = TEXT("text/event-stream"),
        .before_first = TEXT("data: "),
        .before = TEXT("data: "),
        .after = TEXT("\n\n"),
        .before_first_error = TEXT("event: error\ndata: "),
        .before_error = TEXT("event: error\ndata: "),
        .after_error = TEXT("\n\n"),
        .end = TEXT("event: end\ndata: {}\n\n"),
        .end_of_none = TEXT("event: end\ndata: {}\n\n"),
        .heartbeat = TEXT(":\n\n"),
    },
    {
        /* The error tells a person why the array does not end; a parser sees that it does not. */
        .media_type = TEXT("application/json"),
        .before_first = TEXT("["),
        .before = TEXT(",\n"),
        .before_first_error = TEXT("[{\"error\":"),
        .before_error = TEXT(",\n{\"error\":"),
        .after_error = TEXT("}\n"),
        .end = TEXT("]"),
        .end_of_none = TEXT("[]"),
        .breaks_off = true,
    },
    {.media_type = TEXT("")},
};

#define FORMAT_COUNT (sizeof(gw_stream_formats) / sizeof(*gw_stream_formats) - 1)

/* How well a form is liked. */
struct rank {
    int exactness; /* of the range that fits best: 1 for any type, 2 for a type, 3; 0: none fits */
    int quality;   /* of that range, in thousandths */
};

/* Cuts what comes before `separator`, outside of quoted strings, off *rest. */
static struct gw_slice cut(struct gw_slice *rest, char separator)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < rest->len && (quoted || rest->base[i] != separator); i++) {
        if (rest->base[i] == '"')
            quoted = !quoted;
        else if (quoted && rest->base[i] == '\\' && i + 1 < rest->len)
            i++;
    }
    struct gw_slice piece = gw_slice(rest->base, i);
    *rest = i < rest->len ? gw_slice_from(*rest, i + 1) : gw_slice(NULL, 0);
    return gw_slice_trim(piece);
}

/* "0.25" is 250; -1: no qvalue. */
static int parse_quality(struct gw_slice text)
{
    if (text.len == 0 || text.len > 5 || (text.base[0] != '0' && text.base[0] != '1') ||
        (text.len > 1 && text.base[1] != '.'))
        return -1;
    int quality = (text.base[0] - '0') * 1000, unit = 100;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return -1;
        quality += (text.base[i] - '0') * unit;
    }
    return quality <= 1000 ? quality : -1;
}

/* Parameters before q belong to the range: our types have none, and charset and the like are
 * harmless. */
static int quality_of(struct gw_slice parameters)
{
    while (parameters.len > 0) {
        struct gw_slice parameter = cut(&parameters, ';');
        if (parameter.len >= 2 && (parameter.base[0] | 0x20) == 'q' && parameter.base[1] == '=')
            return parse_quality(gw_slice_from(parameter, 2));
    }
    return 1000;
}

static int exactness_of(struct gw_slice range, struct gw_slice media_type)
{
    size_t slash =
        (size_t)((const char *)memchr(media_type.base, '/', media_type.len) - media_type.base);
    if (gw_slice_eq(range, GW_SLICE("*/*")))
        return 1;
    if (gw_slice_eq_nocase(range, media_type))
        return 3;
    return range.len == slash + 2 && range.base[slash + 1] == '*' &&
                   gw_slice_eq_nocase(gw_slice(range.base, slash + 1),
                                      gw_slice(media_type.base, slash + 1))
               ? 2
               : 0;
}

static void rate(struct gw_slice range, int quality, struct rank ranks[FORMAT_COUNT])
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        int exactness = exactness_of(range, gw_stream_formats[i].media_type);
        if (exactness > ranks[i].exactness)
            ranks[i] = (struct rank){exactness, quality};
    }
}

/* Whether there is a range. */
static bool rate_all(struct gw_slice value, struct rank ranks[FORMAT_COUNT])
{
    bool any = false;
    while (value.len > 0) {
        struct gw_slice parameters = cut(&value, ',');
        struct gw_slice range = cut(&parameters, ';');
        int quality = quality_of(parameters);
        if (quality < 0 || range.len == 0 || memchr(range.base, '/', range.len) == NULL)
            continue;
        rate(range, quality, ranks);
        any = true;
    }
    return any;
}

const struct gw_stream_format *gw_stream_format_choose(const struct gw_slice *accept, size_t count)
{
    struct rank ranks[FORMAT_COUNT] = {{0, 0}};
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= rate_all(accept[i], ranks);
    if (!any)
        return &gw_stream_formats[0];
    size_t best = 0;
    for (size_t i = 1; i < FORMAT_COUNT; i++) {
        if (ranks[i].quality > ranks[best].quality ||
            (ranks[i].quality == ranks[best].quality && ranks[i].exactness > ranks[best].exactness))
            best = i;
    }
    return ranks[best].quality > 0 ? &gw_stream_formats[best] : NULL;
}
