/* The `cors` block. */
#include "config/keys.h"

#include <string.h>

#include "base/buf.h"
#include "config/key_table.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool consists_of(struct gw_slice text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] == '\0' || strchr(bytes, text.base[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

/* --- forms --- */

/* HOST, HOST:PORT or [IPV6]:PORT, where `*.` may stand before the host for any one label. */
static bool is_origin_host(struct gw_slice text)
{
    const char *colon = memrchr(text.base, ':', text.len);
    if (colon != NULL && colon[-1] != ':' &&
        consists_of(gw_slice_from(text, (size_t)(colon + 1 - text.base)), DIGITS))
        text.len = (size_t)(colon - text.base);
    if (gw_slice_starts_with(text, GW_SLICE("[")) && gw_slice_ends_with(text, GW_SLICE("]")))
        return consists_of(gw_slice(text.base + 1, text.len - 2), DIGITS "abcdef:.");
    if (gw_slice_starts_with(text, GW_SLICE("*.")))
        text = gw_slice_from(text, 2);
    return consists_of(text, LOWER DIGITS "-_.");
}

/* As browsers send it: a scheme and a host in lower case, and nothing behind. */
static bool is_origin(struct gw_slice text)
{
    if (gw_slice_eq(text, GW_SLICE("*")))
        return true;
    const char *host = memmem(text.base, text.len, "://", 3);
    size_t scheme = host != NULL ? (size_t)(host - text.base) : 0;
    return scheme > 0 && scheme + 3 < text.len &&
           consists_of(gw_slice(text.base, scheme), LOWER DIGITS "+-.") &&
           is_origin_host(gw_slice_from(text, scheme + 3));
}

static const struct gw_form origin_form = {
    is_origin, "an origin such as https://example.com or https://*.example.com, or \"*\""};

static bool is_http_method(struct gw_slice text)
{
    return consists_of(text, UPPER);
}

static const struct gw_form http_method_form = {is_http_method, "an HTTP method such as GET"};

static bool is_header_name(struct gw_slice text)
{
    return consists_of(text, LOWER UPPER DIGITS "!#$%&'*+-.^_`|~");
}

static const struct gw_form header_name_form = {is_header_name, "the name of a header, or \"*\""};

/* --- the block --- */

static const struct gw_string *find(const struct gw_string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].text, text) == 0)
            return &list->items[i];
    }
    return NULL;
}

static struct gw_slice join(gw_pool *pool, const struct gw_string_list *list)
{
    struct gw_buf out = gw_buf_in_pool(pool);
    for (size_t i = 0; i < list->count; i++)
        gw_buf_printf(&out, "%s%s", i > 0 ? ", " : "", list->items[i].text);
    return gw_buf_slice(&out);
}

/* What browsers take for no wildcard, or refuse, where credentials are allowed. */
static void check_wildcard(struct gw_reader *r, const struct gw_string_list *list, const char *key)
{
    const struct gw_string *wildcard = find(list, "*");
    if (wildcard != NULL)
        gw_diagnostics_add(r->errors, wildcard->place,
                           "`%s`: \"*\" beside `credentials`, expected them one by one", key);
}

static void check_cors(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_cors *cors = base;
    (void)mapping;
    cors->is_present = true;
    cors->any_origin = find(&cors->origins, "*") != NULL;
    cors->any_header = find(&cors->headers, "*") != NULL;
    cors->methods_text = join(r->pool, &cors->methods);
    cors->headers_text = join(r->pool, &cors->headers);
    cors->exposed_text = join(r->pool, &cors->exposed_headers);
    if (cors->credentials) {
        check_wildcard(r, &cors->origins, "origins");
        check_wildcard(r, &cors->exposed_headers, "exposed_headers");
    }
}

#define AT(member) offsetof(struct gw_config_cors, member)
static const struct gw_key keys[] = {
    {"origins", gw_read_strings, AT(origins), .required = true, .form = &origin_form},
    {"methods", gw_read_strings, AT(methods), .form = &http_method_form},
    {"headers", gw_read_strings, AT(headers), "[content-type]", .form = &header_name_form},
    {"exposed_headers", gw_read_strings, AT(exposed_headers), .form = &header_name_form},
    {"max_age", gw_read_duration, AT(max_age_ms), "5s", .max = 24 * HOUR},
    {"credentials", gw_read_bool, AT(credentials)},
};
#undef AT

const struct gw_block gw_cors_keys = {"`cors`", KEYS(keys), .check = check_cors};
