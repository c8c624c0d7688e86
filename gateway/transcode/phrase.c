#include "transcode/phrase.h"

#include <stdio.h>

#include "base/utf8.h"

static void copy_cut(struct gw_phrase *phrase, struct gw_slice text, const char *quote)
{
    char shown[4 * GW_PHRASE_TEXT_MAX];
    size_t length = 0, i = 0;
    for (int count = 0; i < text.len && count < GW_PHRASE_TEXT_MAX; count++) {
        size_t step = gw_utf8_step(gw_slice_from(text, i));
        if (step == 0 || (unsigned char)text.base[i] < 0x20) {
            shown[length++] = '?';
            i++;
            continue;
        }
        memcpy(shown + length, text.base + i, step);
        length += step;
        i += step;
    }
    snprintf(phrase->text, sizeof(phrase->text), "%s%.*s%s%s", quote, (int)length, shown, quote,
             i < text.len ? "..." : "");
}

void gw_phrase_quote(struct gw_phrase *ret_phrase, struct gw_slice text)
{
    copy_cut(ret_phrase, text, "\"");
}

void gw_phrase_plain(struct gw_phrase *ret_phrase, struct gw_slice text)
{
    copy_cut(ret_phrase, text, "");
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '+' || c == '-';
}

static size_t string_length(struct gw_slice json)
{
    for (size_t i = 1; i < json.len; i++) {
        if (json.base[i] == '"')
            return i;
        if (json.base[i] == '\\')
            i++;
    }
    return json.len;
}

void gw_phrase_json(struct gw_phrase *ret_phrase, struct gw_slice json)
{
    const char *fixed = NULL;
    if (json.len == 0)
        fixed = "the end of the text";
    else if (gw_slice_starts_with(json, GW_SLICE("\xef\xbb\xbf")))
        fixed = "a byte order mark";
    else if (*json.base == '{')
        fixed = "an object";
    else if (*json.base == '[')
        fixed = "an array";
    if (fixed != NULL) {
        snprintf(ret_phrase->text, sizeof(ret_phrase->text), "%s", fixed);
    } else if (*json.base == '"') {
        gw_phrase_quote(ret_phrase, gw_slice(json.base + 1, string_length(json) - 1));
    } else if (is_word(*json.base)) {
        size_t length = 1;
        while (length < json.len && is_word(json.base[length]))
            length++;
        copy_cut(ret_phrase, gw_slice(json.base, length), "");
    } else {
        size_t step = gw_utf8_step(json);
        copy_cut(ret_phrase, gw_slice(json.base, step ? step : 1), "'");
    }
}

struct gw_slice gw_phrase_cut_path(struct gw_slice path)
{
    if (path.len <= GW_PHRASE_PATH_MAX)
        return path;
    size_t from = path.len - GW_PHRASE_PATH_MAX;
    while (from < path.len && (path.base[from] & 0xc0) == 0x80)
        from++;
    return gw_slice_from(path, from);
}
