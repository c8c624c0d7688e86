/* One header block of an answer (initial metadata, trailers, or both in one), filled field by field
 * as nghttp2 decodes it. HTTP/2 does not interleave blocks, so one a connection is enough.
 * (grpc/doc/PROTOCOL-HTTP2.md, Responses.) */
#ifndef GW_GRPC_HEADER_BLOCK_H
#define GW_GRPC_HEADER_BLOCK_H

#include "grpc/call.h"
#include "grpc/metadata.h"

/* What is kept of a block: of all fields, those of the protocol too; bytes by RFC 9113 section
 * 10.5.1. */
#define GW_HEADER_BLOCK_COUNT 256
#define GW_HEADER_BLOCK_BYTES (64 << 10)
/* What is looked at, by the same measure. HPACK says in two bytes what is a thousand times as much
 * work to look at. */
#define GW_HEADER_BLOCK_READ_BYTES (1 << 20)

/* Embedded by value; worker-local. Everything in it is valid until begin, clear or dispose. */
struct gw_header_block {
    gw_pool pool;
    /* Without the fields below, and without grpc-accept-encoding. */
    struct gw_metadata_store metadata;
    bool keeps_form; /* metadata have content-type and that one after all; set after begin */
    size_t count, bytes;
    size_t left_out_bytes; /* of gw_header_block_leave_out */
    /* Where the block is over a limit, the largest field since. The name is cut off. */
    bool is_over;
    char largest_name[48];
    size_t largest_bytes;
    int http_status; /* 0: no :status, as in trailers */
    bool is_grpc;    /* content-type begins with application/grpc */
    int grpc_status; /* -1: none */
    struct gw_slice message, details;
    struct gw_slice encoding; /* grpc-encoding; several are a list with commas */
};

void gw_header_block_init(struct gw_header_block *block);
void gw_header_block_begin(struct gw_header_block *block);
/* Nothing is added once the block is over a limit. Not 0: the rest of it should not be looked at,
 * since it is over GW_HEADER_BLOCK_READ_BYTES. */
int gw_header_block_add(struct gw_header_block *block, struct gw_slice name, struct gw_slice value);
/* A field that has not come here, because its name (`name` is empty then) or its value has so many
 * bytes, which is more than may be kept. */
void gw_header_block_leave_out(struct gw_header_block *block, struct gw_slice name, size_t bytes);
/* Gives the memory back, for reuse. Harmless twice. */
void gw_header_block_clear(struct gw_header_block *block);

/* How a call ends whose stream this block ends. Points into the block. */
struct gw_call_result gw_header_block_result(struct gw_header_block *block);
/* How a call ends whose answer, which this block begins, is not gRPC: anything but a 200 with the
 * right content-type (grpc/doc/http-grpc-status-mapping.md). Points into the block. */
struct gw_call_result gw_header_block_not_grpc(struct gw_header_block *block);

/* How a call ends whose answer has a block that is over a limit. Points into the block. */
struct gw_call_result gw_header_block_too_large(struct gw_header_block *block);

#endif
