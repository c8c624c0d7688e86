#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "grpc/call.h"
#include "grpc/frame_reader.h"

static void append_message(struct gw_buf *stream, size_t length, char fill)
{
    gw_grpc_prefix_write(gw_buf_reserve(stream, GW_GRPC_PREFIX_BYTES), (uint32_t)length);
    stream->len += GW_GRPC_PREFIX_BYTES;
    memset(gw_buf_reserve(stream, length), fill, length);
    stream->len += length;
}

static void a_message_that_lies_whole_in_a_chunk_is_not_copied(void **state)
{
    (void)state;
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 100);
    struct gw_slice chunk = GW_SLICE("\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1z"), message;
    gw_frame_reader_feed(&reader, chunk);
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MESSAGE);
    assert_ptr_equal(message.base, chunk.base + 5);
    assert_int_equal(message.len, 3);
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MESSAGE);
    assert_int_equal(message.len, 0);
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MESSAGE);
    assert_ptr_equal(message.base, chunk.base + 18);
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MORE);
    gw_frame_reader_keep(&reader);
    assert_int_equal(gw_frame_reader_held(&reader), 0);
    assert_null(reader.kept.base);
    gw_frame_reader_dispose(&reader);
}

/* Feeds the stream in chunks of one size and compares what comes out with what went in. */
static void read_in_chunks(const struct gw_buf *stream, size_t chunk_bytes, const size_t *lengths,
                           size_t count)
{
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 1 << 20);
    size_t messages = 0;
    for (size_t at = 0; at < stream->len; at += chunk_bytes) {
        size_t n = stream->len - at < chunk_bytes ? stream->len - at : chunk_bytes;
        char *chunk = gw_alloc(n);
        memcpy(chunk, stream->base + at, n);
        gw_frame_reader_feed(&reader, gw_slice(chunk, n));
        struct gw_slice message;
        int rc;
        while ((rc = gw_frame_reader_next(&reader, &message)) == GW_FRAME_MESSAGE) {
            assert_true(messages < count);
            assert_int_equal(message.len, lengths[messages]);
            for (size_t i = 0; i < message.len; i++)
                assert_int_equal(message.base[i], 'a' + (int)messages);
            messages++;
        }
        assert_int_equal(rc, GW_FRAME_MORE);
        gw_frame_reader_keep(&reader);
        free(chunk);
    }
    assert_int_equal(messages, count);
    assert_int_equal(gw_frame_reader_held(&reader), 0);
    gw_frame_reader_dispose(&reader);
}

static void messages_come_out_whole_however_the_stream_is_cut(void **state)
{
    (void)state;
    static const size_t lengths[] = {3, 0, 1, 200, 5, 0, 0, 1000, 17};
    const size_t count = sizeof(lengths) / sizeof(*lengths);
    struct gw_buf stream = GW_BUF_HEAP;
    for (size_t i = 0; i < count; i++)
        append_message(&stream, lengths[i], (char)('a' + i));
    for (size_t chunk_bytes = 1; chunk_bytes <= stream.len; chunk_bytes++)
        read_in_chunks(&stream, chunk_bytes, lengths, count);
    gw_buf_dispose(&stream);
}

static void messages_that_are_not_taken_stay(void **state)
{
    (void)state;
    struct gw_buf stream = GW_BUF_HEAP;
    for (int i = 0; i < 26; i++)
        append_message(&stream, 3, (char)('a' + i));
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 100);
    gw_frame_reader_feed(&reader, gw_buf_slice(&stream));
    gw_frame_reader_keep(&reader);
    for (int i = 0; i < 26; i++) {
        assert_int_equal(gw_frame_reader_held(&reader), (26 - i) * 8);
        struct gw_slice message;
        assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MESSAGE);
        assert_int_equal(message.base[2], 'a' + i);
        gw_frame_reader_keep(&reader);
    }
    assert_null(reader.kept.base);
    gw_frame_reader_dispose(&reader);
    gw_buf_dispose(&stream);
}

static int first_result(const char *bytes, size_t len, uint64_t max)
{
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, max);
    gw_frame_reader_feed(&reader, gw_slice(bytes, len));
    struct gw_slice message;
    int rc = gw_frame_reader_peek(&reader);
    assert_int_equal(gw_frame_reader_next(&reader, &message), rc);
    assert_int_equal(gw_frame_reader_next(&reader, &message), rc);
    gw_frame_reader_dispose(&reader);
    return rc;
}

static void a_message_over_the_limit_is_refused_by_its_prefix(void **state)
{
    (void)state;
    assert_int_equal(first_result("\0\0\0\0\11", 5, 8), GW_FRAME_TOO_LARGE);
    assert_int_equal(first_result("\0\0\0\0\10", 5, 8), GW_FRAME_MORE);
    assert_int_equal(first_result("\0\377\377\377\377", 5, 4 << 20), GW_FRAME_TOO_LARGE);
    assert_int_equal(first_result("\0\0\0\0", 4, 8), GW_FRAME_MORE);
}

static void peeking_takes_nothing(void **state)
{
    (void)state;
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 8);
    gw_frame_reader_feed(&reader, GW_SLICE("\0\0\0"));
    assert_int_equal(gw_frame_reader_peek(&reader), GW_FRAME_MORE);
    gw_frame_reader_keep(&reader);
    gw_frame_reader_feed(&reader, GW_SLICE("\0\1x"));
    assert_int_equal(gw_frame_reader_peek(&reader), GW_FRAME_MESSAGE);
    assert_int_equal(gw_frame_reader_held(&reader), 6);
    gw_frame_reader_keep(&reader);
    assert_int_equal(gw_frame_reader_peek(&reader), GW_FRAME_MESSAGE);
    gw_frame_reader_dispose(&reader);
}

static void compressed_and_unknown_flags_are_refused(void **state)
{
    (void)state;
    assert_int_equal(first_result("\1\0\0\0\1x", 6, 8), GW_FRAME_COMPRESSED);
    assert_int_equal(first_result("\2\0\0\0\1x", 6, 8), GW_FRAME_MALFORMED);
    assert_int_equal(first_result("\200\0\0\0\1x", 6, 8), GW_FRAME_MALFORMED);
}

static void no_memory_is_taken_for_what_is_only_announced(void **state)
{
    (void)state;
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 1 << 30);
    gw_frame_reader_feed(&reader, GW_SLICE("\0\100\0\0\0abc"));
    struct gw_slice message;
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MORE);
    gw_frame_reader_keep(&reader);
    assert_true(reader.kept.capacity < 1024);
    gw_frame_reader_dispose(&reader);
}

static void compressed_messages_are_given_out_where_they_are_wanted(void **state)
{
    (void)state;
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, 8);
    reader.takes_compressed = true;
    gw_frame_reader_feed(&reader, GW_SLICE("\1\0\0\0\2zz\2\0\0\0\0"));
    struct gw_slice message;
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MESSAGE);
    assert_memory_equal(message.base - 5, "\1\0\0\0\2zz", 7);
    assert_int_equal(gw_frame_reader_next(&reader, &message), GW_FRAME_MALFORMED);
    gw_frame_reader_dispose(&reader);
}

static void whole_messages_are_measured_together(void **state)
{
    (void)state;
    static const struct {
        struct gw_slice bytes;
        int rc;
        size_t size;
    } cases[] = {
        {GW_SLICE_INIT(""), 0, 0},
        {GW_SLICE_INIT("\0\0\0\0"), 0, 0},
        {GW_SLICE_INIT("\0\0\0\0\3ab"), 0, 0},
        {GW_SLICE_INIT("\0\0\0\0\3abc"), 0, 8},
        {GW_SLICE_INIT("\0\0\0\0\3abc\1\0\0\0\0\0\0\0\0\1"), 0, 13},
        {GW_SLICE_INIT("\0\0\0\0\3abc\2"), 0, 8},
        {GW_SLICE_INIT("\0\0\0\0\3abc\0\0\0\0\11"), 0, 8},
        {GW_SLICE_INIT("\0\0\0\0\11"), GW_FRAME_TOO_LARGE, 0},
        {GW_SLICE_INIT("\2\0\0\0\1a"), GW_FRAME_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = 99;
        assert_int_equal(gw_frame_measure_whole(cases[i].bytes, 8, &size), cases[i].rc);
        assert_int_equal(size, cases[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_lies_whole_in_a_chunk_is_not_copied),
        cmocka_unit_test(messages_come_out_whole_however_the_stream_is_cut),
        cmocka_unit_test(messages_that_are_not_taken_stay),
        cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_prefix),
        cmocka_unit_test(peeking_takes_nothing),
        cmocka_unit_test(compressed_and_unknown_flags_are_refused),
        cmocka_unit_test(compressed_messages_are_given_out_where_they_are_wanted),
        cmocka_unit_test(whole_messages_are_measured_together),
        cmocka_unit_test(no_memory_is_taken_for_what_is_only_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
