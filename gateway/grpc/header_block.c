#include "grpc/header_block.h"

#include <stdio.h>

#include "base/encoding.h"

void gw_header_block_init(struct gw_header_block *block)
{
    h2o_mem_init_pool(&block->pool);
    gw_header_block_clear(block);
}

void gw_header_block_clear(struct gw_header_block *block)
{
    h2o_mem_clear_pool(&block->pool);
    block->metadata = (struct gw_metadata_store){.pool = &block->pool};
    block->count = block->bytes = block->left_out_bytes = block->largest_bytes = 0;
    block->is_over = false;
    block->http_status = 0;
    block->is_grpc = block->keeps_form = false;
    block->grpc_status = -1;
    block->message = block->details = block->encoding = gw_slice(NULL, 0);
}

void gw_header_block_begin(struct gw_header_block *block)
{
    gw_header_block_clear(block);
}

/* -1 unless it is one to nine digits. */
static int parse_number(struct gw_slice text)
{
    if (text.len == 0 || text.len > 9)
        return -1;
    int n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return -1;
        n = n * 10 + (text.base[i] - '0');
    }
    return n;
}

static void read_grpc_status(struct gw_header_block *block, struct gw_slice value)
{
    int status = parse_number(value);
    block->grpc_status = status >= 0 ? status : GW_UNKNOWN;
}

static void read_message(struct gw_header_block *block, struct gw_slice value)
{
    struct gw_buf text = gw_buf_in_pool(&block->pool);
    gw_grpc_message_decode(&text, value);
    block->message = gw_buf_slice(&text);
}

static void read_details(struct gw_header_block *block, struct gw_slice value)
{
    struct gw_buf bytes = gw_buf_in_pool(&block->pool);
    if (gw_base64_decode(&bytes, value) == 0)
        block->details = gw_buf_slice(&bytes);
}

static void read_encoding(struct gw_header_block *block, struct gw_slice value)
{
    block->encoding = block->encoding.len == 0
                          ? gw_pool_dup(&block->pool, value)
                          : gw_pool_printf(&block->pool, "%.*s,%.*s", GW_SLICE_ARG(block->encoding),
                                           GW_SLICE_ARG(value));
}

/* Fields that belong to the protocol. Returns false for all others, which are metadata. */
static bool read_own(struct gw_header_block *block, struct gw_slice name, struct gw_slice value)
{
    switch (name.len) {
    case 7:
        if (!gw_slice_eq(name, GW_SLICE(":status")))
            return false;
        block->http_status = parse_number(value);
        return true;
    case 11:
        if (!gw_slice_eq(name, GW_SLICE("grpc-status")))
            return false;
        read_grpc_status(block, value);
        return true;
    case 12:
        if (gw_slice_eq(name, GW_SLICE("content-type"))) {
            block->is_grpc = gw_slice_starts_with(value, GW_SLICE("application/grpc"));
            return !block->keeps_form;
        }
        if (!gw_slice_eq(name, GW_SLICE("grpc-message")))
            return false;
        read_message(block, value);
        return true;
    case 13:
        if (!gw_slice_eq(name, GW_SLICE("grpc-encoding")))
            return false;
        read_encoding(block, value);
        return true;
    case 20:
        return !block->keeps_form && gw_slice_eq(name, GW_SLICE("grpc-accept-encoding"));
    case 23:
        if (!gw_slice_eq(name, GW_SLICE("grpc-status-details-bin")))
            return false;
        read_details(block, value);
        return true;
    default:
        return false;
    }
}

/* The name of a field of the protocol, or one that nghttp2 has found sound. */
static void note_large(struct gw_header_block *block, struct gw_slice name, size_t bytes)
{
    block->is_over = true;
    if (bytes <= block->largest_bytes)
        return;
    block->largest_bytes = bytes;
    snprintf(block->largest_name, sizeof(block->largest_name), "%.*s", GW_SLICE_ARG(name));
}

int gw_header_block_add(struct gw_header_block *block, struct gw_slice name, struct gw_slice value)
{
    block->count++;
    block->bytes += name.len + value.len + 32;
    if (block->is_over || block->count > GW_HEADER_BLOCK_COUNT ||
        block->bytes > GW_HEADER_BLOCK_BYTES) {
        note_large(block, name, name.len + value.len);
        return block->bytes > GW_HEADER_BLOCK_READ_BYTES ? -1 : 0;
    }
    if (!read_own(block, name, value))
        gw_metadata_store_add(&block->metadata, name, value);
    return 0;
}

void gw_header_block_leave_out(struct gw_header_block *block, struct gw_slice name, size_t bytes)
{
    block->left_out_bytes += bytes;
    note_large(block, name, bytes);
}

static struct gw_call_result without_status(struct gw_header_block *block, int http_status,
                                            const char *what)
{
    struct gw_call_result result = {.status = gw_status_from_http(http_status)};
    if (http_status == 200) {
        result.http_status = 502;
        result.message = gw_slice_str(what);
    } else {
        result.message =
            gw_pool_printf(&block->pool, "the peer answered with HTTP status %d", http_status);
    }
    return result;
}

struct gw_call_result gw_header_block_result(struct gw_header_block *block)
{
    if (block->grpc_status < 0)
        return without_status(block, block->http_status ? block->http_status : 200,
                              "the answer has no grpc-status");
    return (struct gw_call_result){
        .status = block->grpc_status,
        .message = block->message,
        .details = block->details,
        .trailers = gw_metadata_of(&block->metadata),
        .from_peer = true,
    };
}

struct gw_call_result gw_header_block_not_grpc(struct gw_header_block *block)
{
    return without_status(block, block->http_status, "the answer's content-type is not gRPC");
}

struct gw_call_result gw_header_block_too_large(struct gw_header_block *block)
{
    struct gw_call_result result = {.status = GW_RESOURCE_EXHAUSTED, .http_status = 502};
    size_t bytes = block->bytes + block->left_out_bytes;
    if (bytes <= GW_HEADER_BLOCK_BYTES)
        result.message = gw_pool_printf(&block->pool, "the answer's metadata are over %d fields",
                                        GW_HEADER_BLOCK_COUNT);
    else
        result.message = gw_pool_printf(
            &block->pool, "the answer's metadata take %zu bytes%s, over %d; %s alone takes %zu",
            bytes, block->bytes > GW_HEADER_BLOCK_READ_BYTES ? " and more" : "",
            GW_HEADER_BLOCK_BYTES, *block->largest_name ? block->largest_name : "a field",
            block->largest_bytes);
    return result;
}
