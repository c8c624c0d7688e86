/* Lines of the input: templates, until an empty line; then paths to match. */
#include <stdint.h>
#include <stdlib.h>

#include "transcode/router.h"

#define TEMPLATES_MAX 32

static struct gw_slice next_line(struct gw_slice *rest)
{
    const char *end = rest->len ? memchr(rest->base, '\n', rest->len) : NULL;
    struct gw_slice line = gw_slice(rest->base, end ? (size_t)(end - rest->base) : rest->len);
    *rest = gw_slice_from(*rest, end ? line.len + 1 : line.len);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_slice rest = gw_slice(data, size);
    struct gw_template templates[TEMPLATES_MAX];
    size_t count = 0;
    struct gw_router *router = gw_router_create();
    for (struct gw_slice line; (line = next_line(&rest)).len > 0 && count < TEMPLATES_MAX;) {
        struct gw_error error;
        if (gw_template_parse(&templates[count], line, &error) != 0) {
            if (error.position > line.len || error.message[0] == '\0')
                abort();
            continue;
        }
        struct gw_slice method = line.len % 4 == 0 ? GW_SLICE("PUT") : GW_SLICE("GET");
        gw_router_add(router, method, &templates[count], &templates[count]);
        count++;
    }
    while (rest.len > 0) {
        struct gw_slice path = next_line(&rest);
        struct gw_route_match match;
        if (!gw_router_match(router, GW_SLICE("GET"), path, &match))
            continue;
        for (size_t i = 0; i < match.capture_count; i++) {
            struct gw_slice c = match.captures[i];
            if (c.base < path.base || c.base + c.len > path.base + path.len)
                abort();
        }
    }
    gw_router_destroy(router);
    for (size_t i = 0; i < count; i++)
        gw_template_dispose(&templates[i]);
    return 0;
}
