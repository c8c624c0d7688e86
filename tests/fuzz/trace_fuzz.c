/* Lines "NAME VALUE" are headers; whatever they say, a trace begins, goes upstream, and is
 * continued there. */
#include "trace/trace.h"

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_lines(struct gw_trace_headers *h, gw_pool *pool, struct gw_slice text)
{
    while (text.len > 0) {
        const char *end = memchr(text.base, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.base) : text.len;
        const char *space = memchr(text.base, ' ', len);
        if (space != NULL) {
            size_t name_len = (size_t)(space - text.base);
            gw_trace_headers_take(h, pool, gw_slice(text.base, name_len),
                                  gw_slice(space + 1, len - name_len - 1));
        }
        text = gw_slice_from(text, end != NULL ? len + 1 : len);
    }
}

static void check_id(const char *id, size_t digits)
{
    assert(strlen(id) == digits && strspn(id, "0123456789abcdef") == digits);
    assert(strspn(id, "0") < digits);
}

static void check_header(const struct gw_trace_header *h)
{
    assert(h->value.len > 0 && h->value.len <= 512);
    for (size_t i = 0; i < h->value.len; i++)
        assert(isprint((unsigned char)h->value.base[i]) || h->value.base[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_trace_headers headers = {0};
    take_lines(&headers, &pool, gw_slice(data + 1, size - 1));
    struct gw_trace trace, next;
    unsigned forms = data[0] & 7u;
    gw_trace_begin(&trace, &headers, forms, 0.5);
    check_id(trace.trace_id, 32);
    check_id(trace.span_id, 16);
    if (trace.parent_id[0] != '\0')
        check_id(trace.parent_id, 16);

    struct gw_trace_header out[GW_TRACE_INJECT_MAX];
    size_t count = gw_trace_inject(&trace, forms, &pool, out);
    assert(count <= GW_TRACE_INJECT_MAX);
    headers = (struct gw_trace_headers){0};
    for (size_t i = 0; i < count; i++) {
        check_header(&out[i]);
        assert(gw_trace_headers_take(&headers, &pool, out[i].name, out[i].value));
    }
    gw_trace_begin(&next, &headers, forms, 0.5);
    if (forms != 0) {
        assert(strcmp(next.trace_id, trace.trace_id) == 0);
        assert(strcmp(next.parent_id, trace.span_id) == 0);
    }
    if (forms & (GW_TRACE_W3C | GW_TRACE_B3))
        assert(next.sampled == trace.sampled);
    h2o_mem_clear_pool(&pool);
    return 0;
}
