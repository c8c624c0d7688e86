#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "frontend/http1_head.h"

static const struct gw_http1_limits limits = {.header_count = 3, .header_bytes = 200};

static enum gw_http1_outcome check(const char *text, struct gw_request_fault *fault)
{
    size_t scanned = 0;
    struct gw_http1_head sound;
    *fault = (struct gw_request_fault){0};
    return gw_http1_head_check(gw_slice_str(text), &scanned, &limits, &sound, fault);
}

static void sound_heads_pass(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:a\r\n\r\nwhat follows is not looked at \x01",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\nGET /v1/users/7?x=%20 HTTP/1.1\r\nHost: a:80\r\nX-A:\t b \r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:x\r\nX: \xc3\xa9\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET HTTP://h?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://h HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80 \r\nConnection: ,close, x-a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct gw_request_fault fault;
        if (check(heads[i], &fault) != GW_HTTP1_SOUND)
            fail_msg("%s: %s", heads[i], fault.message ? fault.message : "incomplete");
    }
}

static void a_sound_head_has_a_length(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct gw_request_fault fault;
        struct gw_http1_head sound;
        char text[200];
        size_t length = strlen(heads[i]), scanned = 0;
        snprintf(text, sizeof(text), "%s%s", heads[i], heads[i]);
        for (size_t n = 1; n < length; n++)
            assert_int_equal(
                gw_http1_head_check(gw_slice(text, n), &scanned, &limits, &sound, &fault),
                GW_HTTP1_INCOMPLETE);
        assert_int_equal(gw_http1_head_check(gw_slice_str(text), &scanned, &limits, &sound, &fault),
                         GW_HTTP1_SOUND);
        assert_int_equal(scanned, length);
    }
}

static void unsound_heads_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *head, *message;
        int status;
    } cases[] = {
        {"GARBAGE\r\n\r\n", "the request line is not METHOD target HTTP/1.1", 400},
        {"GET  HTTP/1.1\r\n\r\n", "the request line is not METHOD target HTTP/1.1", 400},
        {"GET /a b HTTP/1.1\r\n\r\n", "the request line is not METHOD target HTTP/1.1", 400},
        {"GET /a\x01 HTTP/1.1\r\n\r\n", "the request line is not METHOD target HTTP/1.1", 400},
        {"GE(T / HTTP/1.1\r\n\r\n", "the request line is not METHOD target HTTP/1.1", 400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"GET / HTTP/1.9\r\nHost: a\r\n\r\n", "this port speaks HTTP/1.0 and HTTP/1.1", 400},
        {"PRI * HTTP/2.0\r\n\r\n", "this port speaks HTTP/1.0 and HTTP/1.1", 400},
        {"\x16\x03\x01", "this is not HTTP", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", "a line does not end with CR LF", 400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", "a line does not end with CR LF", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", "a control character in a header", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "a folded header line", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "a header name that is no token", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "a header name that is no token", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "a header name that is no token", 400},
        {"GET /a#f HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target has a fragment", 400},
        {"GET http://h#/x HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target has a fragment", 400},
        {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target names no host", 400},
        {"GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target names no host", 400},
        {"GET ftp://h/ HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"GET h:80 HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"GET ? HTTP/1.1\r\nHost: a\r\n\r\n", "the request's target is no path", 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "a Host that is no host", 400},
        {"GET / HTTP/1.1\r\nHost: x/evil\r\n\r\n", "a Host that is no host", 400},
        {"GET / HTTP/1.0\r\nHost: x, y\r\n\r\n", "a Host that is no host", 400},
        {"GET http://h/ HTTP/1.1\r\nHost: x:abc\r\n\r\n", "a Host that is no host", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization\r\n\r\n",
         "Connection names a header that is meant for all", 400},
        {"GET / HTTP/1.1\r\n\r\n", "no Host", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "more than one Host", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
         "more than one Content-Length", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
         "a Content-Length that is no number", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "both Content-Length and Transfer-Encoding", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "a Transfer-Encoding that is not chunked", 400},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0",
         400},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n",
         "the request has too many headers", 431},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gw_request_fault fault;
        assert_int_equal(check(cases[i].head, &fault), GW_HTTP1_REFUSED);
        assert_string_equal(fault.message, cases[i].message);
        assert_int_equal(fault.http_status, cases[i].status);
    }
}

static void control_characters_are_seen_at_every_place(void **state)
{
    (void)state;
    for (size_t at = 0; at < 20; at++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[21] = "/bcdefghijklmnopqrst", head[80];
            text[at] = (char)byte;
            struct gw_request_fault fault;
            snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", text);
            bool is_sound = check(head, &fault) == GW_HTTP1_SOUND;
            assert_int_equal(is_sound, byte == '\t' || (byte >= ' ' && byte != 0x7f));
            if (at == 0)
                continue; /* the target begins with a slash */
            snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", text);
            is_sound = check(head, &fault) == GW_HTTP1_SOUND;
            assert_int_equal(is_sound, byte > ' ' && byte != 0x7f && byte != '#');
        }
    }
}

static void white_space_behind_values_goes_in_front_of_them(void **state)
{
    (void)state;
    static const struct {
        const char *head, *tidy;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost:a \r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"\r\nGET / HTTP/1.1\r\nHost: a\t \t\r\nX:b\r\n\r\n",
         "\r\nGET / HTTP/1.1\r\nHost:    a\r\nX:b\r\n\r\n"},
        {"GET http://a: HTTP/1.1\r\nHost:a\r\nX: b\tc: d  \r\nY:  \r\n\r\n",
         "GET http://a: HTTP/1.1\r\nHost:a\r\nX:   b\tc: d\r\nY:  \r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[100];
        struct gw_request_fault fault;
        struct gw_http1_head sound;
        size_t scanned = 0;
        snprintf(text, sizeof(text), "%s", cases[i].head);
        assert_int_equal(gw_http1_head_check(gw_slice_str(text), &scanned, &limits, &sound, &fault),
                         GW_HTTP1_SOUND);
        assert_true(sound.has_space_behind);
        gw_http1_head_tidy(text, scanned);
        assert_string_equal(text, cases[i].tidy);
        scanned = 0;
        gw_http1_head_check(gw_slice_str(text), &scanned, &limits, &sound, &fault);
        assert_false(sound.has_space_behind);
    }
}

static void headers_that_connection_names_are_told(void **state)
{
    (void)state;
    struct gw_request_fault fault;
    struct gw_http1_head sound;
    static const struct gw_slice named =
        GW_SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-a\r\n\r\n");
    static const struct gw_slice plain =
        GW_SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    gw_http1_head_check(named, &(size_t){0}, &limits, &sound, &fault);
    assert_true(sound.has_hop_headers);
    gw_http1_head_check(plain, &(size_t){0}, &limits, &sound, &fault);
    assert_false(sound.has_hop_headers);
}

static void a_body_in_chunks_is_told(void **state)
{
    (void)state;
    struct gw_http1_head sound;
    struct gw_request_fault fault;
    static const struct gw_slice
        chunked = GW_SLICE_INIT("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n"),
        sized = GW_SLICE_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    gw_http1_head_check(chunked, &(size_t){0}, &limits, &sound, &fault);
    assert_true(sound.in_chunks);
    gw_http1_head_check(sized, &(size_t){0}, &limits, &sound, &fault);
    assert_false(sound.in_chunks);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char head[] = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t scanned = 0;
    struct gw_http1_head sound;
    struct gw_request_fault fault;
    for (size_t n = 0; n < sizeof(head) - 1; n++) {
        assert_int_equal(gw_http1_head_check(gw_slice(head, n), &scanned, &limits, &sound, &fault),
                         GW_HTTP1_INCOMPLETE);
        assert_true(scanned <= n);
    }
    assert_int_equal(
        gw_http1_head_check(gw_slice(head, sizeof(head) - 1), &scanned, &limits, &sound, &fault),
        GW_HTTP1_SOUND);
}

static void a_head_over_the_limit_is_refused_before_it_ends(void **state)
{
    (void)state;
    char head[202];
    memset(head, 'a', sizeof(head));
    memcpy(head, "GET /", 5);
    size_t scanned = 0;
    struct gw_http1_head sound;
    struct gw_request_fault fault;
    assert_int_equal(gw_http1_head_check(gw_slice(head, 200), &scanned, &limits, &sound, &fault),
                     GW_HTTP1_INCOMPLETE);
    assert_int_equal(gw_http1_head_check(gw_slice(head, 201), &scanned, &limits, &sound, &fault),
                     GW_HTTP1_REFUSED);
    assert_int_equal(fault.http_status, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_heads_pass),
        cmocka_unit_test(a_sound_head_has_a_length),
        cmocka_unit_test(unsound_heads_are_refused_with_the_reason),
        cmocka_unit_test(control_characters_are_seen_at_every_place),
        cmocka_unit_test(white_space_behind_values_goes_in_front_of_them),
        cmocka_unit_test(headers_that_connection_names_are_told),
        cmocka_unit_test(a_body_in_chunks_is_told),
        cmocka_unit_test(a_head_may_come_byte_by_byte),
        cmocka_unit_test(a_head_over_the_limit_is_refused_before_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
