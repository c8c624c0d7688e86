/* Frames of a server, fitted for a decoder that takes strings of 5,000 bytes. However they are cut
 * into reads, what is handed on is the same; and of the blocks in it nghttp2 makes the fields that
 * it makes of the blocks sent, but for strings that were too long, with the same dynamic table.
 *
 * The first byte is the size of reads. 0xe0, a length of two bytes and a byte stand for that byte
 * so many times. */
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "grpc/block_fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_STRING 5000
#define MAX_INPUT (1 << 20)

enum { HEAD = 9, HEADERS = 1, CONTINUATION = 9, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

static void expand(struct gw_buf *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && out->len < MAX_INPUT; i++) {
        if (data[i] != 0xe0 || i + 3 >= size) {
            gw_buf_append_byte(out, (char)data[i]);
            continue;
        }
        size_t n = (size_t)data[i + 1] << 8 | data[i + 2];
        memset(gw_buf_reserve(out, n + 1), data[i + 3], n);
        out->len += n;
        i += 3;
    }
}

/* --- fitting --- */

static int fit_all(struct gw_slice all, size_t step, struct gw_buf *out)
{
    struct gw_block_fit fit;
    gw_block_fit_init(&fit);
    fit.max_string_bytes = MAX_STRING;
    int rc = GW_BLOCK_FIT_MORE;
    while (all.len > 0 && rc == GW_BLOCK_FIT_MORE) {
        size_t n = all.len < step ? all.len : step;
        char *chunk = malloc(n);
        memcpy(chunk, all.base, n);
        struct gw_slice input = gw_slice(chunk, n), piece;
        while ((rc = gw_block_fit_next(&fit, &input, &piece)) == GW_BLOCK_FIT_PIECE) {
            assert(piece.len > 0);
            gw_buf_append(out, piece);
        }
        free(chunk);
        all = gw_slice_from(all, n);
    }
    gw_block_fit_dispose(&fit);
    return rc;
}

/* --- decoding --- */

/* The whole blocks of HEADERS frames, each with its length before it. */
static void collect_blocks(struct gw_slice all, struct gw_buf *out)
{
    size_t at = 0, begin = 0;
    bool in_block = false;
    while (all.len - at >= HEAD) {
        const uint8_t *head = (const uint8_t *)all.base + at;
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        at += HEAD;
        if (length > all.len - at)
            break;
        if (head[3] == HEADERS) {
            in_block = true;
            begin = out->len;
            gw_buf_append(out, gw_slice(&(size_t){0}, sizeof(size_t)));
        }
        if (in_block) {
            size_t from = 0, to = length;
            if (head[3] == HEADERS && (head[4] & PADDED) && length > 0) {
                from++;
                to -= head[HEAD] <= length - 1 ? head[HEAD] : length - 1;
            }
            if (head[3] == HEADERS && (head[4] & PRIORITY))
                from += 5;
            if (from < to)
                gw_buf_append(out, gw_slice(all.base + at + from, to - from));
            if (head[4] & END_HEADERS) {
                in_block = false;
                size_t n = out->len - begin - sizeof(size_t);
                memcpy(out->base + begin, &n, sizeof(n));
            }
        }
        at += length;
    }
    if (in_block)
        out->len = begin;
}

static struct gw_slice next_block(struct gw_slice *blocks)
{
    size_t n;
    memcpy(&n, blocks->base, sizeof(n));
    struct gw_slice block = gw_slice(blocks->base + sizeof(n), n);
    *blocks = gw_slice_from(*blocks, sizeof(n) + n);
    return block;
}

/* The next field of a block; false at its end. */
static bool inflate(nghttp2_hd_inflater *inflater, struct gw_slice *block, nghttp2_nv *nv,
                    bool *is_bad)
{
    int flags = 0;
    ssize_t n =
        nghttp2_hd_inflate_hd2(inflater, nv, &flags, (const uint8_t *)block->base, block->len, 1);
    if (n < 0) {
        *is_bad = true;
        return false;
    }
    *block = gw_slice_from(*block, (size_t)n);
    if (flags & NGHTTP2_HD_INFLATE_EMIT)
        return true;
    nghttp2_hd_inflate_end_headers(inflater);
    return false;
}

static void compare_string(const uint8_t *sent, size_t sent_len, const uint8_t *given,
                           size_t given_len)
{
    bool is_same = gw_slice_eq(gw_slice(sent, sent_len), gw_slice(given, given_len));
    /* Coded in Huffman's way, one that is too long may mean few bytes. */
    assert(is_same || (sent_len > MAX_STRING * 8 / 30 && given_len == GW_BLOCK_FIT_STAND_IN_BYTES));
}

static void compare_tables(nghttp2_hd_inflater *sent, nghttp2_hd_inflater *given)
{
    size_t count = nghttp2_hd_inflate_get_num_table_entries(sent);
    assert(count == nghttp2_hd_inflate_get_num_table_entries(given));
    assert(nghttp2_hd_inflate_get_dynamic_table_size(sent) ==
           nghttp2_hd_inflate_get_dynamic_table_size(given));
    for (size_t i = 62; i <= count; i++) {
        const nghttp2_nv *a = nghttp2_hd_inflate_get_table_entry(sent, i);
        const nghttp2_nv *b = nghttp2_hd_inflate_get_table_entry(given, i);
        assert(a->namelen == b->namelen && memcmp(a->name, b->name, a->namelen) == 0);
        assert(a->valuelen == b->valuelen && memcmp(a->value, b->value, a->valuelen) == 0);
    }
}

static void compare_blocks(struct gw_slice sent, struct gw_slice given)
{
    nghttp2_hd_inflater *a, *b;
    nghttp2_hd_inflate_new(&a);
    nghttp2_hd_inflate_new(&b);
    bool a_is_bad = false, b_is_bad = false;
    while (given.len > 0 && sent.len > 0 && !a_is_bad && !b_is_bad) {
        struct gw_slice sent_block = next_block(&sent), given_block = next_block(&given);
        nghttp2_nv x, y;
        bool has_x, has_y;
        do {
            has_x = inflate(a, &sent_block, &x, &a_is_bad);
            has_y = inflate(b, &given_block, &y, &b_is_bad);
            if (has_x && has_y) {
                compare_string(x.name, x.namelen, y.name, y.namelen);
                compare_string(x.value, x.valuelen, y.value, y.valuelen);
            }
        } while (has_x && has_y);
        /* Where it is not sound: in what is left out, or in both. */
        assert(!b_is_bad || a_is_bad);
        if (!a_is_bad) {
            assert(!has_x && !has_y);
            compare_tables(a, b);
        }
    }
    nghttp2_hd_inflate_del(a);
    nghttp2_hd_inflate_del(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct gw_buf all = GW_BUF_HEAP, whole = GW_BUF_HEAP, cut = GW_BUF_HEAP;
    struct gw_buf sent_blocks = GW_BUF_HEAP, given_blocks = GW_BUF_HEAP;
    expand(&all, data + 1, size - 1);
    int rc = fit_all(gw_buf_slice(&all), SIZE_MAX, &whole);
    int rc_cut = fit_all(gw_buf_slice(&all), (size_t)data[0] + 1, &cut);
    assert(rc == rc_cut);
    assert(rc < 0 || gw_slice_eq(gw_buf_slice(&whole), gw_buf_slice(&cut)));
    collect_blocks(gw_buf_slice(&all), &sent_blocks);
    collect_blocks(gw_buf_slice(&whole), &given_blocks);
    compare_blocks(gw_buf_slice(&sent_blocks), gw_buf_slice(&given_blocks));
    gw_buf_dispose(&all);
    gw_buf_dispose(&whole);
    gw_buf_dispose(&cut);
    gw_buf_dispose(&sent_blocks);
    gw_buf_dispose(&given_blocks);
    return 0;
}
