#include <assert.h>

#include "base/encoding.h"
#include "grpc/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written again it is the same, but for padding: then every decoder reads what ours does. */
static void expect_canonical(struct gw_slice value)
{
    struct gw_buf bytes = GW_BUF_HEAP, again = GW_BUF_HEAP;
    assert(gw_base64_decode(&bytes, value) == 0);
    gw_base64_encode(&again, gw_buf_slice(&bytes));
    assert(again.len >= value.len && again.len - value.len < 3);
    assert(value.len == 0 || memcmp(again.base, value.base, value.len) == 0);
    gw_buf_dispose(&bytes);
    gw_buf_dispose(&again);
}

static void expect_printable(struct gw_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        assert(text.base[i] >= 0x20 && text.base[i] <= 0x7e);
}

/* A name, a line feed, a value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (end == NULL)
        return 0;
    struct gw_slice name = gw_slice(data, (size_t)(end - data));
    struct gw_slice value = gw_slice(end + 1, size - name.len - 1), one;
    enum gw_metadata_fault fault = gw_metadata_check_end_to_end(name, value);
    assert(gw_metadata_fault_text(fault)[0] != '\0');
    assert(!gw_metadata_is_allowed(name, value) || fault == GW_METADATA_SOUND);
    if (fault != GW_METADATA_SOUND)
        return 0;
    assert(name.len > 0);
    expect_printable(name);
    if (!gw_metadata_is_binary(name)) {
        expect_printable(value);
        return 0;
    }
    size_t values = 0, commas = 0;
    for (size_t i = 0; i < value.len; i++)
        commas += value.base[i] == ',';
    while (gw_metadata_next_value(&value, &one)) {
        expect_canonical(one);
        values++;
    }
    assert(values == commas + 1);
    return 0;
}
