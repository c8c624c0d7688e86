#include "frontend/websocket_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/status.h"

/* A client's frame: the first byte, then the payload with a mask of our choice. */
static struct gw_slice frame(int first, struct gw_slice payload, struct gw_buf *out)
{
    static const char mask[4] = {0x11, 0x22, 0x33, 0x44};
    out->len = 0;
    gw_buf_append_byte(out, (char)first);
    if (payload.len < 126) {
        gw_buf_append_byte(out, (char)(0x80 | payload.len));
    } else {
        gw_buf_append_byte(out, (char)(0x80 | 126));
        gw_buf_append_byte(out, (char)(payload.len >> 8));
        gw_buf_append_byte(out, (char)payload.len);
    }
    gw_buf_append(out, gw_slice(mask, sizeof(mask)));
    for (size_t i = 0; i < payload.len; i++)
        gw_buf_append_byte(out, (char)(payload.base[i] ^ mask[i % 4]));
    return gw_buf_slice(out);
}

enum { FIN = 0x80, CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct fixture {
    struct gw_websocket_frames frames;
    struct gw_buf bytes;
    struct gw_websocket_event event; /* the last */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    gw_websocket_frames_init(&f->frames, 1000);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gw_websocket_frames_dispose(&f->frames);
    gw_buf_dispose(&f->bytes);
    free(f);
    return 0;
}

/* Reads one event, and all bytes. */
static void read_bytes(struct fixture *f, struct gw_slice bytes)
{
    gw_websocket_read(&f->frames, &bytes, &f->event);
    if (f->event.kind != GW_WEBSOCKET_FAULT)
        assert_int_equal(bytes.len, 0);
}

static void read_frame(struct fixture *f, int first, struct gw_slice payload)
{
    read_bytes(f, frame(first, payload, &f->bytes));
}

static void assert_event(const struct fixture *f, enum gw_websocket_kind kind,
                         struct gw_slice payload)
{
    assert_int_equal(f->event.kind, kind);
    assert_int_equal(f->event.payload.len, payload.len);
    assert_memory_equal(f->event.payload.base, payload.base, payload.len);
}

static void assert_fault(const struct fixture *f, int code)
{
    assert_int_equal(f->event.kind, GW_WEBSOCKET_FAULT);
    assert_int_equal(f->event.code, code);
    assert_true(f->event.payload.len > 0);
}

static void a_text_frame_is_a_message(void **state)
{
    struct fixture *f = *state;
    read_frame(f, FIN | TEXT, GW_SLICE("{\"a\": 1}"));
    assert_event(f, GW_WEBSOCKET_TEXT, GW_SLICE("{\"a\": 1}"));
    read_frame(f, FIN | TEXT, GW_SLICE(""));
    assert_event(f, GW_WEBSOCKET_TEXT, GW_SLICE(""));
    read_bytes(f, GW_SLICE(""));
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
}

static void bytes_may_come_one_by_one(void **state)
{
    struct fixture *f = *state;
    char text[300];
    memset(text, 'x', sizeof(text));
    struct gw_slice bytes = frame(FIN | TEXT, gw_slice(text, sizeof(text)), &f->bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        read_bytes(f, gw_slice(bytes.base + i, 1));
        assert_int_equal(f->event.kind, i + 1 < bytes.len ? GW_WEBSOCKET_MORE : GW_WEBSOCKET_TEXT);
    }
    assert_event(f, GW_WEBSOCKET_TEXT, gw_slice(text, sizeof(text)));
}

static void one_read_gives_one_event(void **state)
{
    struct fixture *f = *state;
    struct gw_buf three = GW_BUF_HEAP;
    gw_buf_append(&three, frame(FIN | TEXT, GW_SLICE("1"), &f->bytes));
    gw_buf_append(&three, frame(FIN | PING, GW_SLICE("p"), &f->bytes));
    gw_buf_append(&three, frame(FIN | TEXT, GW_SLICE("2"), &f->bytes));
    struct gw_slice bytes = gw_buf_slice(&three);
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_event(f, GW_WEBSOCKET_TEXT, GW_SLICE("1"));
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_event(f, GW_WEBSOCKET_PING, GW_SLICE("p"));
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_event(f, GW_WEBSOCKET_TEXT, GW_SLICE("2"));
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    gw_buf_dispose(&three);
}

static void fragments_are_one_message(void **state)
{
    struct fixture *f = *state;
    read_frame(f, TEXT, GW_SLICE("\"gr\xc3"));
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    read_frame(f, FIN | PONG, GW_SLICE(""));
    assert_event(f, GW_WEBSOCKET_PONG, GW_SLICE(""));
    read_frame(f, CONTINUATION, GW_SLICE(""));
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    read_frame(f, FIN | CONTINUATION, GW_SLICE("\xbc\xc3\x9f\""));
    assert_event(f, GW_WEBSOCKET_TEXT, GW_SLICE("\"gr\xc3\xbc\xc3\x9f\""));
    read_frame(f, FIN | CONTINUATION, GW_SLICE(""));
    assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
}

static void a_message_within_another_is_a_fault(void **state)
{
    struct fixture *f = *state;
    read_frame(f, TEXT, GW_SLICE("{"));
    read_frame(f, FIN | TEXT, GW_SLICE("}"));
    assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
}

static void binary_frames_are_not_supported(void **state)
{
    struct fixture *f = *state;
    read_frame(f, FIN | BINARY, GW_SLICE("{}"));
    assert_fault(f, GW_WEBSOCKET_UNSUPPORTED);
}

static void a_text_has_to_be_utf8(void **state)
{
    struct fixture *f = *state;
    read_frame(f, FIN | TEXT, GW_SLICE("\"\xed\xa0\x80\""));
    assert_fault(f, GW_WEBSOCKET_BAD_TEXT);
}

static void a_frame_without_mask_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct gw_slice bytes = GW_SLICE("\x81\x02{}");
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
}

static void reserved_bits_and_kinds_are_faults(void **state)
{
    static const int firsts[] = {FIN | 0x40 | TEXT, FIN | 0x20 | TEXT, FIN | 0x10 | PING, FIN | 3,
                                 FIN | 7,           FIN | 11,          FIN | 15};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        struct fixture *f;
        setup((void **)&f);
        struct gw_slice bytes = frame(firsts[i], GW_SLICE("{}"), &f->bytes);
        gw_websocket_read(&f->frames, &bytes, &f->event);
        assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
        teardown((void **)&f);
    }
    (void)state;
}

static void lengths_that_cannot_be_are_faults(void **state)
{
    static const struct gw_slice bad[] = {
        GW_SLICE_INIT("\x81\xfe\x00\x7d...."), /* 125 in two bytes */
        GW_SLICE_INIT("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff...."),
        GW_SLICE_INIT("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00...."),
        GW_SLICE_INIT("\x89\xfe\x00\x7e...."), /* a ping of 126 bytes */
        GW_SLICE_INIT("\x09\x80...."),         /* a ping that goes on */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct fixture *f;
        struct gw_slice bytes = bad[i];
        setup((void **)&f);
        gw_websocket_read(&f->frames, &bytes, &f->event);
        assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
        teardown((void **)&f);
    }
    (void)state;
}

static void a_message_has_a_limit(void **state)
{
    struct fixture *f = *state;
    char text[1001];
    memset(text, 'x', sizeof(text));
    read_frame(f, FIN | TEXT, gw_slice(text, 1000));
    assert_event(f, GW_WEBSOCKET_TEXT, gw_slice(text, 1000));
    read_frame(f, TEXT, gw_slice(text, 600));
    read_frame(f, CONTINUATION, gw_slice(text, 400));
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    struct gw_slice bytes = frame(CONTINUATION, gw_slice(text, 1), &f->bytes);
    gw_websocket_read(&f->frames, &bytes, &f->event);
    assert_fault(f, GW_WEBSOCKET_TOO_BIG);
}

static void the_limit_holds_before_the_bytes_have_come(void **state)
{
    struct fixture *f = *state;
    struct gw_slice head = GW_SLICE("\x81\xff\x00\x00\x00\x7f\xff\xff\xff\xff\x11\x22\x33\x44");
    gw_websocket_read(&f->frames, &head, &f->event);
    assert_fault(f, GW_WEBSOCKET_TOO_BIG);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    struct gw_slice head = GW_SLICE("\x01\xfe\x03\xe9\x11\x22\x33\x44");
    for (size_t i = 0; i < head.len; i++) {
        struct gw_slice byte = gw_slice(head.base + i, 1);
        gw_websocket_read(&f->frames, &byte, &f->event);
        if (i + 1 < head.len)
            assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    }
    assert_fault(f, GW_WEBSOCKET_TOO_BIG);
}

static void a_message_has_so_many_fragments(void **state)
{
    struct fixture *f = *state;
    read_frame(f, TEXT, GW_SLICE(""));
    for (int i = 1; i < GW_WEBSOCKET_FRAGMENTS_MAX; i++)
        read_frame(f, CONTINUATION, GW_SLICE(""));
    assert_int_equal(f->event.kind, GW_WEBSOCKET_MORE);
    read_frame(f, FIN | CONTINUATION, GW_SLICE(""));
    assert_fault(f, GW_WEBSOCKET_TOO_BIG);
}

static void a_close_frame_has_a_code_and_a_reason_or_neither(void **state)
{
    struct fixture *f = *state;
    read_frame(f, FIN | CLOSE, GW_SLICE("\x0f\xa1tsch\xc3\xbc\xc3\x9f"));
    assert_event(f, GW_WEBSOCKET_CLOSE, GW_SLICE("tsch\xc3\xbc\xc3\x9f"));
    assert_int_equal(f->event.code, 4001);
    read_frame(f, FIN | CLOSE, GW_SLICE(""));
    assert_event(f, GW_WEBSOCKET_CLOSE, GW_SLICE(""));
    assert_int_equal(f->event.code, GW_WEBSOCKET_NO_CODE);
}

static void codes_that_are_none_are_faults(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int code;
        bool is_one;
    } codes[] = {{0, false},    {999, false},  {1000, true}, {1003, true},  {1004, false},
                 {1005, false}, {1006, false}, {1007, true}, {1014, true},  {1015, false},
                 {2999, false}, {3000, true},  {4999, true}, {5000, false}, {65535, false}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        char payload[2] = {(char)(codes[i].code >> 8), (char)codes[i].code};
        read_frame(f, FIN | CLOSE, gw_slice(payload, 2));
        assert_int_equal(f->event.kind, codes[i].is_one ? GW_WEBSOCKET_CLOSE : GW_WEBSOCKET_FAULT);
        assert_int_equal(f->event.code,
                         codes[i].is_one ? codes[i].code : GW_WEBSOCKET_PROTOCOL_ERROR);
    }
    read_frame(f, FIN | CLOSE, GW_SLICE("\x03"));
    assert_fault(f, GW_WEBSOCKET_PROTOCOL_ERROR);
    read_frame(f, FIN | CLOSE, GW_SLICE("\x03\xe8\xff"));
    assert_fault(f, GW_WEBSOCKET_BAD_TEXT);
}

/* --- writing --- */

static void assert_written(struct fixture *f, struct gw_slice expected)
{
    assert_int_equal(f->bytes.len, expected.len);
    assert_memory_equal(f->bytes.base, expected.base, expected.len);
    f->bytes.len = 0;
}

static void frames_are_written_without_mask(void **state)
{
    struct fixture *f = *state;
    gw_websocket_write(&f->frames, GW_WEBSOCKET_TEXT, GW_SLICE("{}"), &f->bytes);
    gw_websocket_write(&f->frames, GW_WEBSOCKET_PING, GW_SLICE(""), &f->bytes);
    gw_websocket_write(&f->frames, GW_WEBSOCKET_PONG, GW_SLICE("p"), &f->bytes);
    assert_written(f, GW_SLICE("\x81\x02{}\x89\x00\x8a\x01p"));
}

static void long_texts_have_long_lengths(void **state)
{
    struct fixture *f = *state;
    static char text[65536];
    gw_websocket_write(&f->frames, GW_WEBSOCKET_TEXT, gw_slice(text, 126), &f->bytes);
    assert_int_equal(f->bytes.len, 4 + 126);
    assert_memory_equal(f->bytes.base, "\x81\x7e\x00\x7e", 4);
    f->bytes.len = 0;
    gw_websocket_write(&f->frames, GW_WEBSOCKET_TEXT, gw_slice(text, 65536), &f->bytes);
    assert_int_equal(f->bytes.len, 10 + 65536);
    assert_memory_equal(f->bytes.base, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

static void a_close_frame_tells_code_and_reason(void **state)
{
    struct fixture *f = *state;
    gw_websocket_write_close(&f->frames, 4005, GW_SLICE("none"), &f->bytes);
    assert_written(f, GW_SLICE("\x88\x06\x0f\xa5none"));
    gw_websocket_write_close(&f->frames, GW_WEBSOCKET_NO_CODE, GW_SLICE("none"), &f->bytes);
    assert_written(f, GW_SLICE("\x88\x00"));
}

static void a_reason_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char reason[200];
    memset(reason, 'x', sizeof(reason));
    memcpy(reason + 121, "\xe2\x82\xac", 3); /* up to 124 */
    gw_websocket_write_close(&f->frames, 4000, gw_slice(reason, sizeof(reason)), &f->bytes);
    assert_int_equal(f->bytes.len, 2 + 2 + 121);
    f->bytes.len = 0;
    gw_websocket_write_close(&f->frames, 4000, gw_slice(reason + 1, 123), &f->bytes);
    assert_int_equal(f->bytes.len, 2 + 2 + 123);
    f->bytes.len = 0;
    gw_websocket_write_close(&f->frames, 4000, GW_SLICE("ab\xff"), &f->bytes);
    assert_written(f, GW_SLICE("\x88\x04\x0f\xa0"
                               "ab"));
}

static void a_status_is_a_code_of_applications(void **state)
{
    (void)state;
    assert_int_equal(gw_websocket_code_of(GW_OK), 1000);
    assert_int_equal(gw_websocket_code_of(GW_CANCELLED), 4001);
    assert_int_equal(gw_websocket_code_of(GW_UNAUTHENTICATED), 4016);
    assert_int_equal(gw_websocket_code_of(17), 4002);
    assert_int_equal(gw_websocket_code_of(-1), 4002);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_text_frame_is_a_message),
        TEST(bytes_may_come_one_by_one),
        TEST(one_read_gives_one_event),
        TEST(fragments_are_one_message),
        TEST(a_message_within_another_is_a_fault),
        TEST(binary_frames_are_not_supported),
        TEST(a_text_has_to_be_utf8),
        TEST(a_frame_without_mask_is_a_fault),
        cmocka_unit_test(reserved_bits_and_kinds_are_faults),
        cmocka_unit_test(lengths_that_cannot_be_are_faults),
        TEST(a_message_has_a_limit),
        TEST(the_limit_holds_before_the_bytes_have_come),
        TEST(a_head_may_come_byte_by_byte),
        TEST(a_message_has_so_many_fragments),
        TEST(a_close_frame_has_a_code_and_a_reason_or_neither),
        TEST(codes_that_are_none_are_faults),
        TEST(frames_are_written_without_mask),
        TEST(long_texts_have_long_lengths),
        TEST(a_close_frame_tells_code_and_reason),
        TEST(a_reason_is_cut_between_characters),
        cmocka_unit_test(a_status_is_a_code_of_applications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
