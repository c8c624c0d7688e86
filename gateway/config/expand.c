#include "config/expand.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"

static size_t name_length(struct gw_slice s)
{
    size_t n = 0;
    while (n < s.len && (isalpha((unsigned char)s.base[n]) || s.base[n] == '_' ||
                         (n > 0 && isdigit((unsigned char)s.base[n]))))
        n++;
    return n;
}

/* `inside`: what stands between the braces. */
static int append_variable(gw_pool *pool, struct gw_slice inside, struct gw_buf *out,
                           struct gw_error *error)
{
    struct gw_slice name = gw_slice(inside.base, name_length(inside));
    struct gw_slice rest = gw_slice_from(inside, name.len);
    bool has_default = gw_slice_starts_with(rest, GW_SLICE(":-"));
    if (name.len == 0 || (rest.len > 0 && !has_default))
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "`${%.*s}` is not a variable, expected ${NAME} or ${NAME:-default} "
                            "($${ stands for a literal ${)",
                            GW_SLICE_ARG(inside));
    const char *value = getenv(gw_pool_dup(pool, name).base);
    if (has_default && (value == NULL || value[0] == '\0')) {
        gw_buf_append(out, gw_slice_from(rest, 2));
        return 0;
    }
    if (value == NULL)
        return gw_error_set(
            error, GW_NOT_FOUND, GW_NO_POSITION,
            "the environment variable `%.*s` is not set, expected a value for it or "
            "a default as in ${%.*s:-default}",
            GW_SLICE_ARG(name), GW_SLICE_ARG(name));
    gw_buf_append(out, gw_slice_str(value));
    return 0;
}

int gw_expand(gw_pool *pool, struct gw_slice text, struct gw_slice *ret_text,
              struct gw_error *error)
{
    const char *dollar = text.len ? memmem(text.base, text.len, "${", 2) : NULL;
    if (dollar == NULL) {
        *ret_text = text;
        return 0;
    }
    struct gw_buf out = gw_buf_in_pool(pool);
    do {
        size_t at = (size_t)(dollar - text.base);
        bool literal = at > 0 && text.base[at - 1] == '$';
        gw_buf_append(&out, gw_slice(text.base, literal ? at - 1 : at));
        struct gw_slice after = gw_slice_from(text, at + 2);
        if (literal) {
            gw_buf_append(&out, GW_SLICE("${"));
        } else {
            const char *end = after.len ? memchr(after.base, '}', after.len) : NULL;
            if (end == NULL)
                return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                    "`${` without its `}`, expected ${NAME} or ${NAME:-default} "
                                    "($${ stands for a literal ${)");
            size_t inside = (size_t)(end - after.base);
            if (append_variable(pool, gw_slice(after.base, inside), &out, error) != 0)
                return -1;
            after = gw_slice_from(after, inside + 1);
        }
        text = after;
        dollar = text.len ? memmem(text.base, text.len, "${", 2) : NULL;
    } while (dollar != NULL);
    gw_buf_append(&out, text);
    *ret_text = gw_buf_slice(&out);
    return 0;
}
