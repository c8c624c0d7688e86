#include "grpc/block_fit.h"

#include <string.h>

#define HEAD_BYTES 9
#define PAYLOAD_BYTES ((size_t)16 << 10) /* SETTINGS_MAX_FRAME_SIZE, which is not announced */

enum { TYPE_HEADERS = 1, TYPE_PUSH_PROMISE = 5, TYPE_CONTINUATION = 9 };
enum { FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8, FLAG_PRIORITY = 32 };

/* Where in a header field the next byte stands (RFC 7541 section 6). */
enum state { FIELD, INDEX, NAME_LENGTH, NAME, VALUE_LENGTH, VALUE };

void gw_block_fit_init(struct gw_block_fit *fit)
{
    *fit = (struct gw_block_fit){.max_string_bytes = GW_BLOCK_FIT_STRING_BYTES, .out = GW_BUF_HEAP};
}

void gw_block_fit_dispose(struct gw_block_fit *fit)
{
    gw_buf_dispose(&fit->out);
}

/* Takes at most n bytes off the front of *input, and off what is left of them. */
static struct gw_slice take(struct gw_slice *input, size_t *left, size_t n)
{
    struct gw_slice part = gw_slice(input->base, n < input->len ? n : input->len);
    *input = gw_slice_from(*input, part.len);
    *left -= part.len;
    return part;
}

/* --- frames out --- */

static void begin_frame(struct gw_block_fit *fit)
{
    gw_buf_reserve(&fit->out, HEAD_BYTES + PAYLOAD_BYTES);
    fit->out.len = HEAD_BYTES;
}

static size_t payload_len(const struct gw_block_fit *fit)
{
    return fit->out.len - HEAD_BYTES;
}

/* Padding and priority are left out. */
static void end_frame(struct gw_block_fit *fit, bool is_last)
{
    size_t length = payload_len(fit);
    uint8_t type = fit->has_begun ? TYPE_CONTINUATION : fit->first_type;
    uint8_t flags = fit->has_begun ? 0 : (fit->first_flags & FLAG_END_STREAM);
    uint8_t head[HEAD_BYTES] = {
        (uint8_t)(length >> 16),
        (uint8_t)(length >> 8),
        (uint8_t)length,
        type,
        (uint8_t)(flags | (is_last ? FLAG_END_HEADERS : 0)),
        (uint8_t)(fit->stream_id >> 24),
        (uint8_t)(fit->stream_id >> 16),
        (uint8_t)(fit->stream_id >> 8),
        (uint8_t)fit->stream_id,
    };
    memcpy(fit->out.base, head, HEAD_BYTES);
    fit->has_begun = true;
}

static bool has_room(const struct gw_block_fit *fit)
{
    return payload_len(fit) + sizeof(fit->length) < PAYLOAD_BYTES;
}

static void put(struct gw_block_fit *fit, struct gw_slice bytes)
{
    gw_buf_append(&fit->out, bytes);
}

static void put_stand_in(struct gw_block_fit *fit)
{
    _Static_assert(GW_BLOCK_FIT_STAND_IN_BYTES >= 0x7f + 0x80 &&
                       GW_BLOCK_FIT_STAND_IN_BYTES < 0x7f + 0x4000,
                   "its length takes three bytes");
    const size_t rest = GW_BLOCK_FIT_STAND_IN_BYTES - 0x7f;
    char *to = fit->out.base + fit->out.len;
    *to++ = 0x7f;
    *to++ = (char)(0x80 | (rest & 0x7f));
    *to++ = (char)(rest >> 7);
    memset(to, 'x', GW_BLOCK_FIT_STAND_IN_BYTES);
    fit->out.len += 3 + GW_BLOCK_FIT_STAND_IN_BYTES;
    fit->stood_in_bytes = fit->stand_in_due;
    fit->stand_in_due = 0;
}

/* --- a block's fields --- */

static void begin_field(struct gw_block_fit *fit, uint8_t byte)
{
    uint8_t mask;
    if (byte & 0x80) {
        mask = 0x7f;
        fit->state_after_index = FIELD;
    } else if (byte & 0x40) {
        mask = 0x3f;
        fit->state_after_index = VALUE_LENGTH;
    } else if (byte & 0x20) { /* a change of the table's size */
        mask = 0x1f;
        fit->state_after_index = FIELD;
    } else {
        mask = 0x0f;
        fit->state_after_index = VALUE_LENGTH;
    }
    if ((byte & mask) == mask)
        fit->state = INDEX;
    else if ((byte & mask) == 0 && fit->state_after_index == VALUE_LENGTH)
        fit->state = NAME_LENGTH;
    else
        fit->state = fit->state_after_index;
}

static void end_string(struct gw_block_fit *fit)
{
    fit->state = fit->state == NAME ? VALUE_LENGTH : FIELD;
}

/* 0, and the number once it is whole (RFC 7541 section 5.1, with a prefix of 7 bits); or an
 * error. */
static int add_to_length(struct gw_block_fit *fit, uint8_t byte, bool *ret_is_whole,
                         size_t *ret_length)
{
    fit->length[fit->length_count++] = byte;
    bool is_first = fit->length_count == 1;
    *ret_is_whole = is_first ? (byte & 0x7f) != 0x7f : (byte & 0x80) == 0;
    if (!*ret_is_whole)
        return fit->length_count < sizeof(fit->length) ? 0 : GW_BLOCK_FIT_MALFORMED;
    size_t length = fit->length[0] & 0x7f;
    for (unsigned i = 1; i < fit->length_count; i++)
        length += (size_t)(fit->length[i] & 0x7f) << (7 * (i - 1));
    *ret_length = length;
    return 0;
}

static int take_length(struct gw_block_fit *fit, uint8_t byte)
{
    bool is_whole;
    size_t length;
    int rc = add_to_length(fit, byte, &is_whole, &length);
    if (rc != 0 || !is_whole)
        return rc;
    if (length > GW_BLOCK_FIT_BYTES - fit->block_bytes)
        return GW_BLOCK_FIT_TOO_LARGE;
    fit->state = fit->state == NAME_LENGTH ? NAME : VALUE;
    fit->string_left = length;
    fit->is_left_out = length > fit->max_string_bytes;
    if (fit->is_left_out)
        fit->stand_in_due = length;
    else
        put(fit, gw_slice(fit->length, fit->length_count));
    fit->length_count = 0;
    if (length == 0)
        end_string(fit);
    return 0;
}

/* Takes some of the fields' bytes, for which there is room, off the front of *input. */
static int take_fields(struct gw_block_fit *fit, struct gw_slice *input)
{
    if (fit->state == NAME || fit->state == VALUE) {
        size_t n = fit->string_left < fit->fields_left ? fit->string_left : fit->fields_left;
        if (n > PAYLOAD_BYTES - payload_len(fit) && !fit->is_left_out)
            n = PAYLOAD_BYTES - payload_len(fit);
        struct gw_slice part = take(input, &fit->fields_left, n);
        if (!fit->is_left_out)
            put(fit, part);
        fit->string_left -= part.len;
        if (fit->string_left == 0)
            end_string(fit);
        return 0;
    }
    struct gw_slice part = take(input, &fit->fields_left, 1);
    uint8_t byte = (uint8_t)*part.base;
    if (fit->state == NAME_LENGTH || fit->state == VALUE_LENGTH)
        return take_length(fit, byte);
    if (fit->state == FIELD)
        begin_field(fit, byte);
    else if ((byte & 0x80) == 0)
        fit->state = fit->state_after_index;
    put(fit, part);
    return 0;
}

/* --- frames in --- */

static void read_head(struct gw_block_fit *fit, const void *bytes)
{
    const uint8_t *head = bytes;
    fit->payload_left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    fit->type = head[3];
    fit->flags = head[4];
    fit->stream_id = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 |
                     (uint32_t)head[8];
    fit->head_count = 0;
}

/* Divides the frame's payload. */
static int set_parts(struct gw_block_fit *fit, size_t prefix, size_t padding)
{
    if (prefix + padding > fit->payload_left)
        return GW_BLOCK_FIT_MALFORMED;
    fit->prefix_left = prefix;
    fit->padding_left = padding;
    fit->fields_left = fit->payload_left - prefix - padding;
    return 0;
}

static bool begins_block_in_pieces(const struct gw_block_fit *fit)
{
    return (fit->type == TYPE_HEADERS || fit->type == TYPE_PUSH_PROMISE) &&
           (fit->flags & FLAG_END_HEADERS) == 0 && fit->payload_left <= PAYLOAD_BYTES;
}

static size_t prefix_of(const struct gw_block_fit *fit)
{
    if (fit->type == TYPE_PUSH_PROMISE)
        return 4;
    return fit->type == TYPE_HEADERS && (fit->flags & FLAG_PRIORITY) != 0 ? 5 : 0;
}

static size_t weight(const struct gw_block_fit *fit)
{
    return fit->payload_left > GW_BLOCK_FIT_FRAME_BYTES ? fit->payload_left
                                                        : GW_BLOCK_FIT_FRAME_BYTES;
}

static int begin_block(struct gw_block_fit *fit)
{
    fit->in_block = true;
    fit->has_begun = false;
    fit->first_type = fit->type;
    fit->first_flags = fit->flags;
    fit->block_bytes = weight(fit);
    fit->state = FIELD;
    begin_frame(fit);
    fit->pad_length_due = (fit->flags & FLAG_PADDED) != 0;
    return set_parts(fit, fit->pad_length_due ? 0 : prefix_of(fit), 0);
}

static int continue_block(struct gw_block_fit *fit, uint32_t stream_id)
{
    if (fit->type != TYPE_CONTINUATION || fit->stream_id != stream_id ||
        fit->payload_left > PAYLOAD_BYTES)
        return GW_BLOCK_FIT_MALFORMED;
    fit->block_bytes += weight(fit);
    if (fit->block_bytes > GW_BLOCK_FIT_BYTES)
        return GW_BLOCK_FIT_TOO_LARGE;
    return set_parts(fit, 0, 0);
}

/* Whether the head of the next frame is whole. */
static bool collect_head(struct gw_block_fit *fit, struct gw_slice *input)
{
    size_t left = HEAD_BYTES - fit->head_count;
    struct gw_slice part = take(input, &left, left);
    memcpy(fit->head + fit->head_count, part.base, part.len);
    fit->head_count += (uint8_t)part.len;
    return left == 0;
}

static int take_pad_length(struct gw_block_fit *fit, struct gw_slice *input)
{
    if (fit->payload_left == 0)
        return GW_BLOCK_FIT_MALFORMED;
    fit->pad_length_due = false;
    struct gw_slice byte = take(input, &fit->payload_left, 1);
    return set_parts(fit, prefix_of(fit), (uint8_t)*byte.base);
}

static bool is_frame_over(const struct gw_block_fit *fit)
{
    return !fit->pad_length_due && fit->prefix_left + fit->fields_left + fit->padding_left == 0;
}

static int take_payload(struct gw_block_fit *fit, struct gw_slice *input)
{
    if (fit->pad_length_due)
        return take_pad_length(fit, input);
    if (fit->prefix_left > 0) {
        struct gw_slice part = take(input, &fit->prefix_left, fit->prefix_left);
        if (fit->type == TYPE_PUSH_PROMISE)
            put(fit, part);
        return 0;
    }
    if (fit->fields_left > 0)
        return take_fields(fit, input);
    take(input, &fit->padding_left, fit->padding_left);
    return 0;
}

/* --- what is handed on --- */

static int give(struct gw_block_fit *fit, bool is_last, struct gw_slice *ret_piece)
{
    end_frame(fit, is_last);
    fit->was_given = true;
    *ret_piece = gw_buf_slice(&fit->out);
    return GW_BLOCK_FIT_PIECE;
}

static int give_stand_in(struct gw_block_fit *fit, struct gw_slice *ret_piece)
{
    if (!fit->has_begun || payload_len(fit) > 0)
        return give(fit, false, ret_piece);
    put_stand_in(fit);
    return give(fit, false, ret_piece);
}

/* nghttp2 would see a string that was left out as whole. */
static int end_block(struct gw_block_fit *fit, struct gw_slice *ret_piece)
{
    if (fit->state != FIELD)
        return GW_BLOCK_FIT_MALFORMED;
    fit->in_block = false;
    fit->payload_left = 0;
    return give(fit, true, ret_piece);
}

static int fit_block(struct gw_block_fit *fit, struct gw_slice *input, struct gw_slice *ret_piece)
{
    for (int rc = 0;;) {
        if (fit->stand_in_due > 0)
            return give_stand_in(fit, ret_piece);
        if (is_frame_over(fit) && (fit->flags & FLAG_END_HEADERS) != 0)
            return end_block(fit, ret_piece);
        if (!has_room(fit))
            return give(fit, false, ret_piece);
        if (input->len == 0)
            return GW_BLOCK_FIT_MORE;
        if (!is_frame_over(fit)) {
            rc = take_payload(fit, input);
        } else if (collect_head(fit, input)) {
            uint32_t stream_id = fit->stream_id;
            read_head(fit, fit->head);
            rc = continue_block(fit, stream_id);
        }
        if (rc < 0)
            return rc;
    }
}

/* A head that does not lie whole in the input. */
static int pass_cut_head(struct gw_block_fit *fit, struct gw_slice *input,
                         struct gw_slice *ret_piece)
{
    if (!collect_head(fit, input))
        return GW_BLOCK_FIT_MORE;
    read_head(fit, fit->head);
    if (begins_block_in_pieces(fit))
        return begin_block(fit);
    *ret_piece = gw_slice(fit->head, HEAD_BYTES);
    return GW_BLOCK_FIT_PIECE;
}

/* Whole frames, and parts of them, up to a block that is to be fitted. */
static int pass(struct gw_block_fit *fit, struct gw_slice *input, struct gw_slice *ret_piece)
{
    struct gw_slice all = *input;
    bool begins_block = false;
    while (!begins_block) {
        take(input, &fit->payload_left, fit->payload_left);
        if (input->len < HEAD_BYTES || fit->head_count > 0)
            break;
        read_head(fit, input->base);
        begins_block = begins_block_in_pieces(fit);
        if (!begins_block)
            *input = gw_slice_from(*input, HEAD_BYTES);
    }
    *ret_piece = gw_slice(all.base, all.len - input->len);
    if (begins_block) {
        *input = gw_slice_from(*input, HEAD_BYTES);
        int rc = begin_block(fit);
        if (rc < 0)
            return rc;
    }
    if (ret_piece->len > 0)
        return GW_BLOCK_FIT_PIECE;
    return fit->in_block ? GW_BLOCK_FIT_MORE : pass_cut_head(fit, input, ret_piece);
}

int gw_block_fit_next(struct gw_block_fit *fit, struct gw_slice *input, struct gw_slice *ret_piece)
{
    fit->stood_in_bytes = 0;
    if (fit->was_given) {
        fit->was_given = false;
        if (fit->in_block)
            begin_frame(fit);
        else
            gw_buf_dispose(&fit->out);
    }
    int rc = fit->in_block ? GW_BLOCK_FIT_MORE : pass(fit, input, ret_piece);
    return rc == GW_BLOCK_FIT_MORE && fit->in_block ? fit_block(fit, input, ret_piece) : rc;
}
