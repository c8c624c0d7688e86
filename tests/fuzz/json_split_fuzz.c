/* The first byte says how the rest is cut into messages: the form, and pieces of which size. What
 * comes out must not depend on the pieces. */
#include <assert.h>
#include <stdlib.h>

#include "transcode/json_split.h"

#define LIMIT 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages, a zero behind each, and how it ended. */
static int split(struct gw_slice body, enum gw_json_split_form form, size_t step,
                 struct gw_buf *out)
{
    struct gw_json_split s;
    struct gw_error error;
    struct gw_slice message;
    int rc = GW_JSON_SPLIT_MORE;
    gw_json_split_init(&s, form, LIMIT);
    for (size_t from = 0; from < body.len && rc == GW_JSON_SPLIT_MORE; from += step) {
        size_t length = body.len - from < step ? body.len - from : step;
        char *copy = gw_realloc(NULL, length);
        memcpy(copy, body.base + from, length);
        struct gw_slice bytes = gw_slice(copy, length);
        while ((rc = gw_json_split_next(&s, &bytes, &message, &error)) == GW_JSON_SPLIT_MESSAGE) {
            assert(message.len > 0 && message.len <= LIMIT && s.begins.line > 0);
            gw_buf_append(out, message);
            gw_buf_append_byte(out, '\0');
        }
        assert(rc < 0 || bytes.len == 0);
        free(copy);
    }
    while (rc >= 0 && (rc = gw_json_split_end(&s, &message, &error)) == GW_JSON_SPLIT_MESSAGE) {
        assert(message.len > 0 && message.len <= LIMIT);
        gw_buf_append(out, message);
        gw_buf_append_byte(out, '\0');
    }
    gw_json_split_dispose(&s);
    return rc < 0 ? (int)error.status : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum gw_json_split_form form = data[0] & 1 ? GW_JSON_SPLIT_LINES : GW_JSON_SPLIT_VALUES;
    size_t step = (data[0] >> 1) % 16 + 1;
    struct gw_slice body = gw_slice(data + 1, size - 1);
    struct gw_buf whole = GW_BUF_HEAP, pieces = GW_BUF_HEAP;
    int result = split(body, form, body.len + 1, &whole);
    assert(split(body, form, step, &pieces) == result);
    assert(gw_slice_eq(gw_buf_slice(&whole), gw_buf_slice(&pieces)));
    gw_buf_dispose(&whole);
    gw_buf_dispose(&pieces);
    return 0;
}
