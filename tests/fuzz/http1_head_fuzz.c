/* A request's head, cut into steps whose size the first byte gives. However it is cut, the outcome
 * is that of the whole; and what is sound is a request for libh2o's parser too, which would answer
 * anything else by itself, with values that nobody has to trim. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "frontend/http1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* picohttpparser's, which libh2o exports without a header. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);

/* limits.header_count may be as many. */
#define HEADERS_MAX 100

static void expect_request(const char *bytes, size_t size, size_t head_length)
{
    const char *method, *path;
    size_t method_len, path_len, count = HEADERS_MAX;
    int minor_version;
    struct phr_header headers[HEADERS_MAX];
    int length = phr_parse_request(bytes, size, &method, &method_len, &path, &path_len,
                                   &minor_version, headers, &count, 0);
    assert(length > 0 && (size_t)length == head_length);
    assert(minor_version == 0 || minor_version == 1);
    for (size_t i = 0; i < count; i++) {
        struct gw_slice value = gw_slice(headers[i].value, headers[i].value_len);
        assert(headers[i].name_len > 0);
        assert(gw_slice_trim(value).len == value.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gw_http1_limits limits = {.header_count = HEADERS_MAX, .header_bytes = 512};
    if (size < 2)
        return 0;
    size_t step = data[0] % 64 + 1;
    data++;
    size--;
    char *bytes = malloc(size);
    memcpy(bytes, data, size);
    struct gw_request_fault fault = {0};
    size_t scanned = 0;
    struct gw_http1_head head;
    enum gw_http1_outcome whole =
        gw_http1_head_check(gw_slice(bytes, size), &scanned, &limits, &head, &fault);
    assert((whole == GW_HTTP1_REFUSED) == (fault.http_status != 0));
    if (whole == GW_HTTP1_SOUND) {
        char *tidy = malloc(size);
        memcpy(tidy, bytes, size);
        if (head.has_space_behind)
            gw_http1_head_tidy(tidy, scanned);
        expect_request(tidy, size, scanned);
        free(tidy);
    }

    enum gw_http1_outcome cut = GW_HTTP1_INCOMPLETE;
    scanned = 0;
    for (size_t n = 0; n < size && cut == GW_HTTP1_INCOMPLETE;) {
        n = size - n < step ? size : n + step;
        cut = gw_http1_head_check(gw_slice(bytes, n), &scanned, &limits, &head, &fault);
    }
    assert(cut == whole);
    free(bytes);
    return 0;
}
