#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "grpc/block_fit.h"

enum { HEADERS = 1, PUSH_PROMISE = 5, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

#define FRAME (16 << 10)
#define LIMIT GW_BLOCK_FIT_STRING_BYTES

static struct gw_buf sent, block, given;
static struct gw_block_fit fit;
static size_t stood_in[8], stood_in_count;

static int setup(void **state)
{
    (void)state;
    gw_block_fit_init(&fit);
    stood_in_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_block_fit_dispose(&fit);
    gw_buf_dispose(&sent);
    gw_buf_dispose(&block);
    gw_buf_dispose(&given);
    return 0;
}

/* --- what a peer sends --- */

static void put_frame(struct gw_buf *to, int type, int flags, struct gw_slice payload)
{
    const char head[9] = {
        (char)(payload.len >> 16),
        (char)(payload.len >> 8),
        (char)payload.len,
        (char)type,
        (char)flags,
        0,
        0,
        0,
        1,
    };
    gw_buf_append(to, gw_slice(head, 9));
    gw_buf_append(to, payload);
}

static void put_length(size_t n, int huffman)
{
    gw_buf_append_byte(&block, (char)(huffman | (n < 0x7f ? (int)n : 0x7f)));
    if (n < 0x7f)
        return;
    for (n -= 0x7f; n >= 0x80; n >>= 7)
        gw_buf_append_byte(&block, (char)(n | 0x80));
    gw_buf_append_byte(&block, (char)n);
}

static void put_string(size_t n, char c)
{
    put_length(n, 0);
    memset(gw_buf_reserve(&block, n), c, n);
    block.len += n;
}

/* `kind`: 0x40 with incremental indexing, 0x10 never indexed, 0. */
static void put_field(int kind, size_t name, size_t value)
{
    gw_buf_append_byte(&block, (char)kind);
    put_string(name, 'n');
    put_string(value, 'v');
}

/* The block, in frames of `step` bytes. */
static void put_block(int flags, size_t step)
{
    struct gw_slice left = gw_buf_slice(&block);
    int type = HEADERS;
    do {
        size_t n = left.len < step ? left.len : step;
        int last = n == left.len ? END_HEADERS : 0;
        put_frame(&sent, type, last | (type == HEADERS ? flags : 0), gw_slice(left.base, n));
        left = gw_slice_from(left, n);
        type = CONTINUATION;
    } while (left.len > 0);
    block.len = 0;
}

/* --- what is handed on --- */

static int run(size_t step)
{
    int rc = GW_BLOCK_FIT_MORE;
    for (size_t at = 0; at < sent.len && rc == GW_BLOCK_FIT_MORE; at += step) {
        size_t n = sent.len - at < step ? sent.len - at : step;
        char *chunk = malloc(n);
        memcpy(chunk, sent.base + at, n);
        struct gw_slice input = gw_slice(chunk, n), piece;
        while ((rc = gw_block_fit_next(&fit, &input, &piece)) == GW_BLOCK_FIT_PIECE) {
            gw_buf_append(&given, piece);
            if (fit.stood_in_bytes > 0)
                stood_in[stood_in_count++] = fit.stood_in_bytes;
        }
        assert_true(rc < 0 || input.len == 0);
        free(chunk);
    }
    return rc;
}

/* The lengths of names and values that nghttp2 makes of the frames given, "n1:v1 n2:v2 | ...";
 * after each block how many entries the dynamic table has. */
static void decode(char *to, size_t capacity)
{
    nghttp2_hd_inflater *inflater;
    nghttp2_hd_inflate_new(&inflater);
    size_t at = 0, out = 0;
    while (at < given.len) {
        const uint8_t *head = (const uint8_t *)given.base + at;
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        assert_true(length <= FRAME && at + 9 + length <= given.len);
        const uint8_t *in = head + 9, *end = in + length;
        int flags, final = (head[4] & END_HEADERS) != 0;
        do {
            nghttp2_nv nv;
            ssize_t n =
                nghttp2_hd_inflate_hd2(inflater, &nv, &flags, in, (size_t)(end - in), final);
            assert_true(n >= 0);
            in += n;
            if (flags & NGHTTP2_HD_INFLATE_EMIT)
                out +=
                    (size_t)snprintf(to + out, capacity - out, "%zu:%zu ", nv.namelen, nv.valuelen);
        } while (in < end || (flags & NGHTTP2_HD_INFLATE_EMIT));
        if (final) {
            nghttp2_hd_inflate_end_headers(inflater);
            out += (size_t)snprintf(to + out, capacity - out, "| %zu ",
                                    nghttp2_hd_inflate_get_num_table_entries(inflater) - 61);
        }
        at += 9 + length;
    }
    nghttp2_hd_inflate_del(inflater);
}

static void assert_decoded(const char *expected)
{
    char found[1024] = "";
    decode(found, sizeof(found));
    assert_string_equal(found, expected);
}

/* --- tests --- */

static void what_fits_is_handed_on_as_it_is(void **state)
{
    (void)state;
    put_frame(&sent, 4, 0, GW_SLICE(""));
    put_field(0x40, 3, 10);
    put_block(END_STREAM, FRAME);
    put_frame(&sent, 0, 0, GW_SLICE("data and more of it"));
    for (size_t step = 1; step < 60; step++) {
        setup(NULL);
        given.len = 0;
        assert_int_equal(run(step), GW_BLOCK_FIT_MORE);
        assert_int_equal(given.len, sent.len);
        assert_memory_equal(given.base, sent.base, sent.len);
        assert_null(fit.out.base);
    }
}

static void whole_frames_are_not_copied(void **state)
{
    (void)state;
    put_frame(&sent, 0, 0, GW_SLICE("data"));
    put_frame(&sent, HEADERS, END_HEADERS, GW_SLICE("\x88"));
    struct gw_slice input = gw_buf_slice(&sent), piece;
    assert_int_equal(gw_block_fit_next(&fit, &input, &piece), GW_BLOCK_FIT_PIECE);
    assert_ptr_equal(piece.base, sent.base);
    assert_int_equal(piece.len, sent.len);
}

static void a_string_at_the_limit_passes(void **state)
{
    (void)state;
    put_field(0, 3, LIMIT);
    put_field(0, LIMIT, 1);
    put_block(0, FRAME);
    assert_int_equal(run(1000), GW_BLOCK_FIT_MORE);
    assert_int_equal(stood_in_count, 0);
    assert_decoded("3:65536 65536:1 | 0 ");
}

static void longer_ones_are_stood_in_for(void **state)
{
    (void)state;
    put_field(0, 3, 10);
    put_field(0, 4, LIMIT + 1);
    put_field(0x10, LIMIT + 2, LIMIT + 3);
    gw_buf_append_byte(&block, 0x0f); /* an index of two bytes: 20, access-control-allow-origin */
    gw_buf_append_byte(&block, 5);
    put_string(1 << 20, 'v');
    put_field(0, 5, 6);
    put_block(END_STREAM, FRAME);
    for (size_t step = 1; step < 70000; step = step * 3 + 1) {
        setup(NULL);
        given.len = 0;
        assert_int_equal(run(step), GW_BLOCK_FIT_MORE);
        assert_int_equal(stood_in_count, 4);
        assert_int_equal(stood_in[0], LIMIT + 1);
        assert_int_equal(stood_in[1], LIMIT + 2);
        assert_int_equal(stood_in[2], LIMIT + 3);
        assert_int_equal(stood_in[3], 1 << 20);
        assert_decoded("3:10 4:4097 4097:4097 27:4097 5:6 | 0 ");
        assert_int_equal((uint8_t)given.base[4] & END_STREAM, END_STREAM);
        gw_block_fit_dispose(&fit);
    }
}

/* As what was sent did (RFC 7541 section 4.4); and what is put into it afterwards can be found. */
static void a_stand_in_empties_the_table(void **state)
{
    (void)state;
    put_field(0x40, 3, 10);
    put_field(0x40, 4, 11);
    put_block(0, FRAME);
    put_field(0x40, 5, LIMIT + 1);
    put_field(0x40, 6, 12);
    put_block(0, FRAME);
    gw_buf_append_byte(&block, (char)(0x80 | 62));
    put_block(0, FRAME);
    assert_int_equal(run(4096), GW_BLOCK_FIT_MORE);
    assert_decoded("3:10 4:11 | 2 5:4097 6:12 | 1 6:12 | 1 ");
}

static void huffman_coded_ones_too(void **state)
{
    (void)state;
    gw_buf_append_byte(&block, 0);
    put_string(3, 'n');
    put_length(LIMIT + 8, 0x80);
    memset(gw_buf_reserve(&block, LIMIT + 8), 0xff, LIMIT + 8); /* not even sound */
    block.len += LIMIT + 8;
    put_block(0, FRAME);
    assert_int_equal(run(SIZE_MAX / 2), GW_BLOCK_FIT_MORE);
    assert_int_equal(stood_in[0], LIMIT + 8);
    assert_decoded("3:4097 | 0 ");
}

static void padding_and_priority_are_left_out(void **state)
{
    (void)state;
    put_frame(&sent, HEADERS, PADDED | PRIORITY | END_STREAM,
              GW_SLICE("\x03"
                       "prior"
                       "\x00\x01"
                       "a"
                       "\x00\x00\x00"));
    put_frame(&sent, CONTINUATION, PADDED, GW_SLICE(""));
    put_frame(&sent, CONTINUATION, END_HEADERS, GW_SLICE("\x02xy"));
    assert_int_equal(run(1), GW_BLOCK_FIT_MORE);
    assert_decoded("1:2 | 0 ");
    assert_int_equal(given.base[4], END_STREAM | END_HEADERS);
}

static void a_promise_keeps_its_stream(void **state)
{
    (void)state;
    put_frame(&sent, PUSH_PROMISE, PADDED, GW_SLICE("\x01\x00\x00\x00\x02\x88\x00"));
    put_frame(&sent, CONTINUATION, END_HEADERS, GW_SLICE("\x88"));
    struct gw_buf expected = GW_BUF_HEAP;
    put_frame(&expected, PUSH_PROMISE, END_HEADERS, GW_SLICE("\x00\x00\x00\x02\x88\x88"));
    assert_int_equal(run(3), GW_BLOCK_FIT_MORE);
    assert_int_equal(given.len, expected.len);
    assert_memory_equal(given.base, expected.base, expected.len);
    gw_buf_dispose(&expected);
}

static void refused(struct gw_slice first, int type, int flags, struct gw_slice second,
                    int expected)
{
    setup(NULL);
    sent.len = 0;
    put_frame(&sent, HEADERS, (flags & 0x100) != 0 ? PADDED : 0, first);
    put_frame(&sent, type, flags & 0xff, second);
    assert_int_equal(run(2), expected);
    gw_block_fit_dispose(&fit);
}

static void what_is_out_of_order_is_an_error(void **state)
{
    (void)state;
    const int malformed = GW_BLOCK_FIT_MALFORMED;
    refused(GW_SLICE("\x88"), HEADERS, END_HEADERS, GW_SLICE("\x88"), malformed);
    refused(GW_SLICE("\x88"), 0, 0, GW_SLICE("data"), malformed);
    refused(GW_SLICE("\x05\x88"), CONTINUATION, 0x100 | END_HEADERS, GW_SLICE(""), malformed);
    refused(GW_SLICE(""), CONTINUATION, 0x100, GW_SLICE(""), malformed);
    /* A string that ends with its block, and a length that does not end. */
    refused(GW_SLICE("\x00\x7f\x81\xff\x7f"), CONTINUATION, END_HEADERS, GW_SLICE("abc"),
            malformed);
    refused(GW_SLICE("\x00\x7f\x80\x80\x80"), CONTINUATION, END_HEADERS, GW_SLICE("\x80"),
            malformed);
}

static void a_block_over_the_bound_is_an_error(void **state)
{
    (void)state;
    /* As soon as a string announces it... */
    refused(GW_SLICE("\x00\x01n\x7f\x80\x80\x80\x21"), CONTINUATION, 0, GW_SLICE(""),
            GW_BLOCK_FIT_TOO_LARGE);
    /* ... or when it is there, also in frames that are empty. */
    setup(NULL);
    sent.len = 0;
    put_frame(&sent, HEADERS, 0, GW_SLICE("\x88"));
    for (size_t i = 0; i < GW_BLOCK_FIT_BYTES / GW_BLOCK_FIT_FRAME_BYTES; i++)
        put_frame(&sent, CONTINUATION, 0, GW_SLICE(""));
    assert_int_equal(run(1 << 20), GW_BLOCK_FIT_TOO_LARGE);
    assert_int_equal(given.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fits_is_handed_on_as_it_is),   TEST(whole_frames_are_not_copied),
        TEST(a_string_at_the_limit_passes),      TEST(longer_ones_are_stood_in_for),
        TEST(a_stand_in_empties_the_table),      TEST(huffman_coded_ones_too),
        TEST(padding_and_priority_are_left_out), TEST(a_promise_keeps_its_stream),
        TEST(what_is_out_of_order_is_an_error),  TEST(a_block_over_the_bound_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
