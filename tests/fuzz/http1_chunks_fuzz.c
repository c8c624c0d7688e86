/* A body in chunks, cut into steps whose size the first byte gives, with a limit where its highest
 * bit is set. However it is cut, the outcome is that of the whole; and what is sound is a body for
 * libh2o's decoder too, with the same end. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/mem.h"
#include "frontend/http1_chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* picohttpparser's, which libh2o exports without a header. */
struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char _hex_count;
    char _state;
};
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *bytes, size_t *size);

/* The last step's outcome, and how many bytes are the body's. */
static enum gw_http1_outcome check(struct gw_slice bytes, size_t step, uint64_t limit_bytes,
                                   size_t *ret_length)
{
    struct gw_http1_chunks chunks = {.limit_bytes = limit_bytes};
    enum gw_http1_outcome outcome = GW_HTTP1_INCOMPLETE;
    *ret_length = 0;
    for (size_t at = 0, used = 0; at < bytes.len && outcome == GW_HTTP1_INCOMPLETE; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;
        outcome = gw_http1_chunks_check(&chunks, gw_slice(bytes.base + at, n), &used);
        if (outcome == GW_HTTP1_REFUSED || outcome == GW_HTTP1_TOO_LARGE)
            break;
        assert(used <= n);
        assert(outcome != GW_HTTP1_INCOMPLETE || used == n);
        *ret_length += used;
    }
    return outcome;
}

static void expect_decoded(struct gw_slice bytes, enum gw_http1_outcome outcome, size_t length)
{
    char *copy = gw_strdup(bytes);
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    size_t size = bytes.len;
    ssize_t behind = phr_decode_chunked(&decoder, copy, &size);
    if (outcome == GW_HTTP1_SOUND)
        assert(behind >= 0 && (size_t)behind == bytes.len - length);
    else
        assert(behind == -2);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct gw_slice bytes = gw_slice((const char *)data + 1, size - 1);
    size_t length, cut_length;
    uint64_t limit_bytes = data[0] >= 0x80 ? 100 : 0;
    enum gw_http1_outcome whole = check(bytes, bytes.len, limit_bytes, &length);
    enum gw_http1_outcome cut = check(bytes, data[0] % 64 + 1, limit_bytes, &cut_length);
    bool is_refused = whole == GW_HTTP1_REFUSED || whole == GW_HTTP1_TOO_LARGE;
    assert(cut == whole && (is_refused || cut_length == length));
    if (!is_refused)
        expect_decoded(bytes, whole, length);
    return 0;
}
