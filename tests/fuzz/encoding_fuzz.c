/* Whatever is decoded comes back as it was when encoded and decoded again. */
#include "base/encoding.h"

#include <assert.h>
#include <stdlib.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_base64(gw_pool *pool, struct gw_slice input)
{
    struct gw_buf bytes = gw_buf_in_pool(pool), text = gw_buf_in_pool(pool);
    struct gw_buf again = gw_buf_in_pool(pool);
    gw_base64_encode(&text, input);
    assert(gw_base64_decode(&bytes, gw_buf_slice(&text)) == 0);
    assert(gw_slice_eq(gw_buf_slice(&bytes), input));
    bytes.len = 0;
    if (gw_base64_decode(&bytes, input) != 0) {
        assert(bytes.len == 0);
        return;
    }
    text.len = 0;
    gw_base64_encode(&text, gw_buf_slice(&bytes));
    assert(gw_base64_decode(&again, gw_buf_slice(&text)) == 0);
    assert(gw_slice_eq(gw_buf_slice(&again), gw_buf_slice(&bytes)));
}

static void try_base64_pieces(gw_pool *pool, struct gw_slice input)
{
    struct gw_buf whole = gw_buf_in_pool(pool), pieces = gw_buf_in_pool(pool);
    bool is_one = gw_base64_decode(&whole, input) == 0;
    bool is_any = gw_base64_decode_pieces(&pieces, input) == 0;
    assert(is_any || (!is_one && pieces.len == 0));
    if (is_one)
        assert(gw_slice_eq(gw_buf_slice(&pieces), gw_buf_slice(&whole)));
}

static void try_hex(struct gw_slice input)
{
    uint8_t *bytes = malloc(input.len / 2 + 1);
    if (gw_hex_decode(bytes, input.len / 2, input) == 0) {
        char *text = malloc(input.len + 1);
        gw_hex_encode(text, bytes, input.len / 2);
        assert(gw_slice_eq_nocase(gw_slice(text, input.len), input));
        free(text);
    }
    free(bytes);
}

static void try_percent(gw_pool *pool, struct gw_slice input, bool plus_is_space)
{
    struct gw_slice decoded;
    size_t position;
    if (gw_percent_decode(pool, input, plus_is_space, &decoded, &position) == 0)
        assert(decoded.len <= input.len);
    else
        assert(position < input.len && input.base[position] == '%');
}

static void try_grpc_message(gw_pool *pool, struct gw_slice input)
{
    struct gw_buf encoded = gw_buf_in_pool(pool), decoded = gw_buf_in_pool(pool);
    gw_grpc_message_encode(&encoded, input);
    for (size_t i = 0; i < encoded.len; i++)
        assert(encoded.base[i] >= 0x20 && encoded.base[i] <= 0x7e);
    gw_grpc_message_decode(&decoded, gw_buf_slice(&encoded));
    assert(gw_slice_eq(gw_buf_slice(&decoded), input));
    decoded.len = 0;
    gw_grpc_message_decode(&decoded, input);
    assert(decoded.len <= input.len);
}

static void try_json_string(gw_pool *pool, struct gw_slice input)
{
    struct gw_buf out = gw_buf_in_pool(pool);
    gw_buf_append_json_string(&out, input);
    assert(out.len >= input.len + 2 && gw_utf8_check(gw_buf_slice(&out)) == out.len);
    for (size_t i = 0; i < out.len; i++)
        assert((unsigned char)out.base[i] >= 0x20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gw_pool pool;
    struct gw_slice input = gw_slice(data, size);
    h2o_mem_init_pool(&pool);
    try_base64(&pool, input);
    try_base64_pieces(&pool, input);
    try_hex(input);
    try_percent(&pool, input, false);
    try_percent(&pool, input, true);
    try_grpc_message(&pool, input);
    try_json_string(&pool, input);
    h2o_mem_clear_pool(&pool);
    return 0;
}
