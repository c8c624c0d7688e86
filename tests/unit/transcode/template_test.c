#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "transcode/template.h"

/* Segments, verb and variables in one text, to compare a parse as a whole; a '+' is behind a
 * variable that takes more than one `*` does. */
static void assert_parses(const char *text, const char *expected)
{
    struct gw_template t;
    struct gw_error error;
    if (gw_template_parse(&t, gw_slice_str(text), &error) != 0)
        fail_msg("%s: %s", text, error.message);
    struct gw_buf b = GW_BUF_HEAP;
    for (size_t i = 0; i < t.segment_count; i++) {
        gw_buf_append_byte(&b, '/');
        if (t.segments[i].kind == GW_SEGMENT_LITERAL)
            gw_buf_append(&b, t.segments[i].literal);
        else
            gw_buf_append(&b,
                          t.segments[i].kind == GW_SEGMENT_STAR ? GW_SLICE("*") : GW_SLICE("**"));
    }
    if (t.verb.len > 0)
        gw_buf_printf(&b, ":%.*s", GW_SLICE_ARG(t.verb));
    for (size_t i = 0; i < t.variable_count; i++) {
        gw_buf_printf(&b, " %.*s=%u-%u%s", GW_SLICE_ARG(t.variables[i].field_path),
                      t.variables[i].first_segment, t.variables[i].segment_end,
                      gw_template_variable_is_single(&t, &t.variables[i]) ? "" : "+");
    }
    assert_string_equal(gw_buf_terminate(&b), expected);
    assert_true(gw_slice_eq(t.text, gw_slice_str(text)));
    gw_buf_dispose(&b);
    gw_template_dispose(&t);
}

static void assert_fails_at(const char *text, size_t position, const char *message)
{
    struct gw_template t;
    struct gw_error error;
    if (gw_template_parse(&t, gw_slice_str(text), &error) == 0)
        fail_msg("%s: was accepted", text);
    assert_string_equal(error.message, message);
    assert_int_equal(error.position, position);
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
}

static void literals_and_wildcards(void **state)
{
    (void)state;
    assert_parses("/v1/users", "/v1/users");
    assert_parses("/v1/*/x/**", "/v1/*/x/**");
    assert_parses("/", "");
    assert_parses("/**", "/**");
    assert_parses("/a-b.c_d~e!$&'()+,;=@f", "/a-b.c_d~e!$&'()+,;=@f");
}

static void variables_capture_segments(void **state)
{
    (void)state;
    assert_parses("/v1/users/{id}", "/v1/users/* id=2-3");
    assert_parses("/v1/{id=*}", "/v1/* id=1-2");
    assert_parses("/v1/{name=shelves/*/books/*}/x", "/v1/shelves/*/books/*/x name=1-5+");
    assert_parses("/v1/{name=**}", "/v1/** name=1-2+");
    assert_parses("/v1/{name=files/**}", "/v1/files/** name=1-3+");
    assert_parses("/{a.b_c.d1}/{e}", "/*/* a.b_c.d1=0-1 e=1-2");
    assert_parses("/{kind=users}", "/users kind=0-1");
}

static void a_verb_is_behind_the_last_colon(void **state)
{
    (void)state;
    assert_parses("/v1/a:b", "/v1/a:b");
    assert_parses("/v1/{id}:refund", "/v1/*:refund id=1-2");
    assert_parses("/v1/{name=shelves/*}:move", "/v1/shelves/*:move name=1-3+");
    assert_parses("/v1/**:cancel", "/v1/**:cancel");
    struct gw_template t;
    assert_int_equal(gw_template_parse(&t, GW_SLICE("/v1:x/a:b:c"), NULL), 0);
    assert_true(gw_slice_eq(t.segments[0].literal, GW_SLICE("v1:x")));
    assert_true(gw_slice_eq(t.segments[1].literal, GW_SLICE("a:b")));
    assert_true(gw_slice_eq(t.verb, GW_SLICE("c")));
    gw_template_dispose(&t);
}

static void a_colon_inside_a_variable_is_no_verb(void **state)
{
    (void)state;
    struct gw_template t;
    assert_int_equal(gw_template_parse(&t, GW_SLICE("/{name=a:b}"), NULL), 0);
    assert_true(gw_slice_eq(t.segments[0].literal, GW_SLICE("a:b")));
    assert_int_equal(t.verb.len, 0);
    gw_template_dispose(&t);
}

static void escapes_are_normalised(void **state)
{
    (void)state;
    assert_parses("/%61%2fb%2D%7e", "/a%2Fb-~");
    assert_parses("/x:%76%c3%a9rb", "/x:v%C3%A9rb");
}

static void errors_say_where_and_what(void **state)
{
    (void)state;
    assert_fails_at("", 0, "a path template begins with '/'");
    assert_fails_at("v1", 0, "a path template begins with '/'");
    assert_fails_at("{a}/b", 0, "a path template begins with '/'");
    assert_fails_at("/v1//x", 4, "expected a segment: a literal, '*', '**' or '{variable}'");
    assert_fails_at("/v1/", 4, "expected a segment: a literal, '*', '**' or '{variable}'");
    assert_fails_at("/:x", 1, "expected a segment: a literal, '*', '**' or '{variable}'");
    assert_fails_at("/v1:", 4, "expected a verb after ':'");
    assert_fails_at("/a*", 2, "'*' and '**' must be whole segments");
    assert_fails_at("/*a", 2, "'*' and '**' must be whole segments");
    assert_fails_at("/***", 3, "'*' and '**' must be whole segments");
    assert_fails_at("/a{b}", 2, "a variable must be a whole segment");
    assert_fails_at("/{b}a", 4, "a variable must be a whole segment");
    assert_fails_at("/**/a", 4, "nothing may follow '**' but a verb");
    assert_fails_at("/**/{a}", 4, "nothing may follow '**' but a verb");
    assert_fails_at("/{a=**}/b", 8, "nothing may follow '**' but a verb");
    assert_fails_at("/{a=**/b}", 7, "nothing may follow '**' but a verb");
    assert_fails_at("/{a={b}}", 4, "a variable cannot stand inside another");
    assert_fails_at("/{a=x/{b}}", 6, "a variable cannot stand inside another");
    assert_fails_at("/{a", 3, "expected '}' to end variable \"a\"");
    assert_fails_at("/{a=", 4, "expected a segment: a literal, '*', '**' or '{variable}'");
    assert_fails_at("/{a=b", 5, "expected '}' to end variable \"a\"");
    assert_fails_at("/{a-b}", 3, "expected '}' to end variable \"a\"");
    assert_fails_at("/{}", 2, "expected a field's name");
    assert_fails_at("/{1a}", 2, "expected a field's name");
    assert_fails_at("/{a.}", 4, "expected a field's name");
    assert_fails_at("/{a.1}", 4, "expected a field's name");
    assert_fails_at("/{a}/{a}", 5, "variable \"a\" appears twice");
    assert_fails_at("/a}", 2, "'}' without a variable to end");
    assert_fails_at("/a:b}", 4, "'}' without a variable to end");
    assert_fails_at("/a b", 2, "byte 0x20 cannot stand in a path; write %20");
    assert_fails_at("/\xc3\xa9", 1, "byte 0xc3 cannot stand in a path; write %C3");
    assert_fails_at("/a?b=c", 2, "'?' cannot stand in a path; write %3F");
    assert_fails_at("/a%2", 2, "expected two hexadecimal digits after '%'");
    assert_fails_at("/a%zz", 2, "expected two hexadecimal digits after '%'");
    assert_fails_at("/a:%zz", 3, "expected two hexadecimal digits after '%'");
}

static struct gw_slice repeat(struct gw_buf *b, const char *piece, int count)
{
    b->len = 0;
    for (int i = 0; i < count; i++)
        gw_buf_append(b, gw_slice_str(piece));
    return gw_buf_slice(b);
}

static void segments_variables_and_literals_are_limited(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    struct gw_template t;
    struct gw_error error;

    assert_int_equal(gw_template_parse(&t, repeat(&b, "/a", 64), &error), 0);
    gw_template_dispose(&t);
    assert_int_equal(gw_template_parse(&t, repeat(&b, "/a", 65), &error), -1);
    assert_string_equal(error.message, "more than 64 segments");
    repeat(&b, "/a", 64);
    gw_buf_append(&b, GW_SLICE("/{x}"));
    assert_int_equal(gw_template_parse(&t, gw_buf_slice(&b), &error), -1);
    assert_string_equal(error.message, "more than 64 segments");

    b.len = 0;
    for (int i = 0; i < 17; i++) {
        gw_buf_printf(&b, "/{v%d}", i);
        if (i == 15) {
            assert_int_equal(gw_template_parse(&t, gw_buf_slice(&b), &error), 0);
            gw_template_dispose(&t);
        }
    }
    assert_int_equal(gw_template_parse(&t, gw_buf_slice(&b), &error), -1);
    assert_string_equal(error.message, "more than 16 variables");

    repeat(&b, "/", 1);
    for (int i = 0; i < 256; i++)
        gw_buf_append_byte(&b, 'a');
    assert_int_equal(gw_template_parse(&t, gw_slice(b.base, 256), &error), 0);
    gw_template_dispose(&t);
    assert_int_equal(gw_template_parse(&t, gw_buf_slice(&b), &error), -1);
    assert_string_equal(error.message, "a literal of more than 255 bytes");
    gw_buf_dispose(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_and_wildcards),
        cmocka_unit_test(variables_capture_segments),
        cmocka_unit_test(a_verb_is_behind_the_last_colon),
        cmocka_unit_test(a_colon_inside_a_variable_is_no_verb),
        cmocka_unit_test(escapes_are_normalised),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(segments_variables_and_literals_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
