#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "frontend/http1_chunks.h"

/* In pieces of `step` bytes; the body's length where it is sound. */
static enum gw_http1_outcome check_in_steps(struct gw_slice bytes, size_t step, size_t *ret_length)
{
    struct gw_http1_chunks chunks = {0};
    enum gw_http1_outcome outcome = GW_HTTP1_INCOMPLETE;
    *ret_length = 0;
    for (size_t at = 0, used; at < bytes.len && outcome == GW_HTTP1_INCOMPLETE; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;
        outcome = gw_http1_chunks_check(&chunks, gw_slice(bytes.base + at, n), &used);
        if (outcome != GW_HTTP1_REFUSED)
            *ret_length += used;
    }
    return outcome;
}

static enum gw_http1_outcome check(const char *text, size_t *ret_length)
{
    struct gw_slice bytes = gw_slice_str(text);
    enum gw_http1_outcome outcome = check_in_steps(bytes, bytes.len, ret_length);
    for (size_t step = 1; step < bytes.len; step++) {
        size_t length;
        assert_int_equal(check_in_steps(bytes, step, &length), outcome);
        if (outcome == GW_HTTP1_SOUND)
            assert_int_equal(length, *ret_length);
    }
    return outcome;
}

static void sound_bodies_have_an_end(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "0\r\n\r\n",
        "000\r\n\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
        "2\r\n\r\n\r\n0\r\n\r\n",
        "A\r\n0123456789\r\nb\r\n0123456789a\r\n00\r\n\r\n",
        "0000000000000002\r\n{}\r\n0\r\n\r\n",
        "2;a\r\n{}\r\n0 ; last=\"one\"\r\n\r\n",
        "2 \t\r\n{}\r\n0\r\n\r\n",
        "0\r\nTrailer: one\r\nEmpty:\r\nTab:\ta\xc3\xa9\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        char text[200];
        size_t length;
        snprintf(text, sizeof(text), "%sGET / HTTP/1.1\r\n\r\n", bodies[i]);
        if (check(text, &length) != GW_HTTP1_SOUND)
            fail_msg("refused: %s", bodies[i]);
        assert_int_equal(length, strlen(bodies[i]));
    }
}

static void unsound_bodies_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "0x2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n",
        "+2\r\n",
        " 2\r\n",
        "\r\n",
        ";a\r\n",
        "2 3\r\n",
        "2,3\r\n",
        "2\n{}",
        "2\r{}",
        "2;a\n{}",
        "2;a\rb\r\n{}",
        "2;a\x01\r\n",
        "2;\x7f\r\n",
        "00000000000000002\r\n",
        "2\r\n{}x",
        "2\r\n{}\n",
        "2\r\n{}\r\r\n",
        "2\r\n{}0\r\n",
        "0\r\n\n",
        "0\r\nno colon\r\n",
        "0\r\n: no name\r\n",
        "0\r\n folded: one\r\n",
        "0\r\na b: c\r\n",
        "0\r\na: b\nc: d\r\n",
        "0\r\na: b\rc\r\n",
        "0\r\na: \x01\r\n",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        size_t length;
        if (check(bodies[i], &length) != GW_HTTP1_REFUSED)
            fail_msg("not refused: %s", bodies[i]);
    }
}

static void a_body_without_its_end_is_waited_for(void **state)
{
    (void)state;
    static const char body[] = "3;a=b\r\nabc\r\n0\r\nTrailer: one\r\n\r\n";
    for (size_t n = 0; n < sizeof(body) - 1; n++) {
        size_t length;
        assert_int_equal(check_in_steps(gw_slice(body, n), n + 1, &length), GW_HTTP1_INCOMPLETE);
        assert_int_equal(length, n);
    }
}

static void extensions_and_trailers_have_a_bound_together(void **state)
{
    (void)state;
    static const struct gw_slice chunk = GW_SLICE_INIT("1;23456789\r\nx\r\n"); /* 9 bytes of them */
    struct gw_http1_chunks chunks = {0};
    enum gw_http1_outcome outcome = GW_HTTP1_INCOMPLETE;
    size_t count = 0, used;
    while ((outcome = gw_http1_chunks_check(&chunks, chunk, &used)) == GW_HTTP1_INCOMPLETE)
        count++;
    assert_int_equal(outcome, GW_HTTP1_REFUSED);
    assert_in_range(count, GW_HTTP1_CHUNK_EXTRA_MAX / 10, GW_HTTP1_CHUNK_EXTRA_MAX / 8);

    chunks = (struct gw_http1_chunks){0};
    static const struct gw_slice last = GW_SLICE_INIT("0\r\n"), trailer = GW_SLICE_INIT("a: b\r\n");
    gw_http1_chunks_check(&chunks, last, &used);
    while ((outcome = gw_http1_chunks_check(&chunks, trailer, &used)) == GW_HTTP1_INCOMPLETE)
        ;
    assert_int_equal(outcome, GW_HTTP1_REFUSED);
}

static void sizes_over_the_limit_are_told_when_they_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gw_http1_outcome outcome;
    } bodies[] = {
        {"a\r\n", GW_HTTP1_INCOMPLETE},
        {"b\r\n", GW_HTTP1_TOO_LARGE},
        {"b\r", GW_HTTP1_INCOMPLETE},
        {"ffffffffffffffff\r\n", GW_HTTP1_TOO_LARGE},
        {"5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n", GW_HTTP1_SOUND},
        {"5\r\n01234\r\n6\r\n", GW_HTTP1_TOO_LARGE},
        {"5\r\n01234\r\nffffffffffffffff\r\n", GW_HTTP1_TOO_LARGE},
        {"b\n", GW_HTTP1_REFUSED},
        {"b\r\r", GW_HTTP1_REFUSED},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        for (size_t step = 1; step <= strlen(bodies[i].text); step++) {
            struct gw_http1_chunks chunks = {.limit_bytes = 10};
            enum gw_http1_outcome outcome = GW_HTTP1_INCOMPLETE;
            struct gw_slice bytes = gw_slice_str(bodies[i].text);
            for (size_t used; bytes.len > 0 && outcome == GW_HTTP1_INCOMPLETE;) {
                size_t n = bytes.len < step ? bytes.len : step;
                outcome = gw_http1_chunks_check(&chunks, gw_slice(bytes.base, n), &used);
                bytes = gw_slice_from(bytes, n);
            }
            if (outcome != bodies[i].outcome)
                fail_msg("%s in steps of %zu: %d", bodies[i].text, step, outcome);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_bodies_have_an_end),
        cmocka_unit_test(unsound_bodies_are_refused),
        cmocka_unit_test(a_body_without_its_end_is_waited_for),
        cmocka_unit_test(extensions_and_trailers_have_a_bound_together),
        cmocka_unit_test(sizes_over_the_limit_are_told_when_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
