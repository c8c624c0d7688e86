/* Stands before nghttp2 where it reads what a backend sends, and fits header blocks into what
 * nghttp2 takes: its HPACK decoder ends the connection, with the calls of others in it, for a name
 * or a value of more than 64 KiB, and its framing for more CONTINUATION frames than it expects.
 *
 *     while ((rc = gw_block_fit_next(&fit, &input, &piece)) == GW_BLOCK_FIT_PIECE)
 *         nghttp2_session_mem_recv(session, piece.base, piece.len);
 *
 * A string that is too long becomes a short one, which is still longer than the dynamic table: an
 * entry with it empties the table just as the sent one does (RFC 7541 section 4.4), so that the
 * states of both sides' HPACK stay the same. All else of a block is handed on as it is, in frames
 * of our own. Blocks of one frame, and all other frames, are handed on where they lie. */
#ifndef GW_GRPC_BLOCK_FIT_H
#define GW_GRPC_BLOCK_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* What nghttp2 takes of a string, as it is coded (its NGHTTP2_HD_MAX_NV). */
#define GW_BLOCK_FIT_STRING_BYTES (64 << 10)
/* The length of what stands for a longer one. It must be more than the SETTINGS_HEADER_TABLE_SIZE
 * that the session announces: here the default, 4,096. */
#define GW_BLOCK_FIT_STAND_IN_BYTES (4096 + 1)
/* Of one block, where a frame counts as GW_BLOCK_FIT_FRAME_BYTES at least. Behind it the state of
 * HPACK is lost. */
#define GW_BLOCK_FIT_BYTES (64 << 20)
#define GW_BLOCK_FIT_FRAME_BYTES (1 << 10)
/* The most CONTINUATION frames that such a block becomes: full ones, one for each stand-in, and
 * what is cut off short before each. */
#define GW_BLOCK_FIT_FRAMES                                                                        \
    (GW_BLOCK_FIT_BYTES / (16 << 10) + 2 * (GW_BLOCK_FIT_BYTES / GW_BLOCK_FIT_STRING_BYTES) + 2)

enum gw_block_fit_result {
    GW_BLOCK_FIT_PIECE = 1,
    GW_BLOCK_FIT_MORE = 0,       /* all of the input is used up */
    GW_BLOCK_FIT_TOO_LARGE = -1, /* a block over GW_BLOCK_FIT_BYTES, or one that announces it */
    GW_BLOCK_FIT_MALFORMED = -2, /* frames that are out of order, or no HPACK */
};

/* Embedded by value; worker-local. After an error the connection cannot go on. */
struct gw_block_fit {
    /* The piece given last holds a stand-in, and nothing else, for a string of so many bytes as
     * coded; else 0. */
    size_t stood_in_bytes;
    size_t max_string_bytes; /* GW_BLOCK_FIT_STRING_BYTES, but for tests */

    /* --- private --- */
    /* Of the frame that is coming in. */
    uint8_t head[9];
    uint8_t head_count;
    uint8_t type, flags;
    uint32_t stream_id;
    size_t payload_left; /* where it is handed on as it is; else its parts: */
    bool pad_length_due;
    size_t prefix_left, fields_left, padding_left;
    /* Of the block, where it has several frames. */
    bool in_block;
    bool has_begun; /* its first frame was handed on */
    uint8_t first_type, first_flags;
    size_t block_bytes;
    uint8_t state, state_after_index;
    uint8_t length[5]; /* a string's, as it comes in */
    uint8_t length_count;
    size_t string_left;
    bool is_left_out;
    size_t stand_in_due; /* for a string of so many bytes */
    struct gw_buf out;   /* the frame that is being made */
    bool was_given;      /* it was the last piece */
};

void gw_block_fit_init(struct gw_block_fit *fit);
/* Harmless twice. */
void gw_block_fit_dispose(struct gw_block_fit *fit);

/* Takes the next piece off the front of *input; it is valid until the next call. */
int gw_block_fit_next(struct gw_block_fit *fit, struct gw_slice *input, struct gw_slice *ret_piece);

#endif
