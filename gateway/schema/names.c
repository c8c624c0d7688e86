#include "schema/names.h"

#include "base/utf8.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Length of the identifier that s begins with. */
static size_t identifier(const char *s)
{
    if (!is_letter(s[0]))
        return 0;
    size_t n = 1;
    while (is_letter(s[n]) || (s[n] >= '0' && s[n] <= '9'))
        n++;
    return n;
}

bool gw_name_is_valid(const char *name)
{
    if (name == NULL)
        return false;
    size_t n = identifier(name);
    return n > 0 && n <= GW_NAME_MAX_BYTES && name[n] == '\0';
}

bool gw_full_name_is_valid(const char *name)
{
    if (name == NULL || strlen(name) > GW_FULL_NAME_MAX_BYTES)
        return false;
    for (;;) {
        size_t n = identifier(name);
        if (n == 0 || n > GW_NAME_MAX_BYTES)
            return false;
        if (name[n] == '\0')
            return true;
        if (name[n] != '.')
            return false;
        name += n + 1;
    }
}

bool gw_text_is_printable(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    struct gw_slice s = gw_slice_str(text);
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.base[i] < 0x20 || s.base[i] == 0x7f)
            return false;
    }
    return gw_utf8_check(s) == s.len;
}

struct gw_slice gw_json_name(gw_pool *pool, struct gw_slice name)
{
    char *out = h2o_mem_alloc_pool(pool, name.len + 1);
    size_t len = 0;
    bool is_word_start = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.base[i];
        if (c == '_') {
            is_word_start = true;
            continue;
        }
        if (is_word_start && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        is_word_start = false;
        out[len++] = c;
    }
    out[len] = '\0';
    return gw_slice(out, len);
}
