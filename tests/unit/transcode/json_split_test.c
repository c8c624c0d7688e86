#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "transcode/json_split.h"

#define LINES GW_JSON_SPLIT_LINES
#define VALUES GW_JSON_SPLIT_VALUES
#define LIMIT 64

/* The messages with `|` behind each, and the error, if any; the body comes in pieces of `step`
 * bytes. */
static void split(struct gw_slice body, enum gw_json_split_form form, size_t step,
                  struct gw_buf *out)
{
    struct gw_json_split s;
    struct gw_error error;
    struct gw_slice message;
    int rc = GW_JSON_SPLIT_MORE;
    gw_json_split_init(&s, form, LIMIT);
    for (size_t from = 0; from < body.len && rc >= 0; from += step) {
        /* A copy, so that a sanitizer sees reads beyond the piece. */
        size_t length = body.len - from < step ? body.len - from : step;
        char *copy = gw_realloc(NULL, length);
        memcpy(copy, body.base + from, length);
        struct gw_slice bytes = gw_slice(copy, length);
        while ((rc = gw_json_split_next(&s, &bytes, &message, &error)) == GW_JSON_SPLIT_MESSAGE) {
            gw_buf_append(out, message);
            gw_buf_append_byte(out, '|');
        }
        if (rc == GW_JSON_SPLIT_MORE)
            assert_int_equal(bytes.len, 0);
        free(copy);
    }
    while (rc >= 0 && (rc = gw_json_split_end(&s, &message, &error)) == GW_JSON_SPLIT_MESSAGE) {
        gw_buf_append(out, message);
        gw_buf_append_byte(out, '|');
    }
    if (rc < 0)
        gw_buf_printf(out, "%s%s", error.status == GW_RESOURCE_EXHAUSTED ? "EXHAUSTED " : "",
                      error.message);
    gw_json_split_dispose(&s);
    gw_json_split_dispose(&s);
}

static void assert_split_in(enum gw_json_split_form form, const char *body, size_t step,
                            const char *expected)
{
    struct gw_buf out = GW_BUF_HEAP;
    split(gw_slice_str(body), form, step, &out);
    assert_string_equal(gw_buf_terminate(&out), expected);
    gw_buf_dispose(&out);
}

/* However the body is cut. */
static void assert_split(enum gw_json_split_form form, const char *body, const char *expected)
{
    for (size_t step = 1; step <= strlen(body) + 1; step++)
        assert_split_in(form, body, step, expected);
}

static void each_line_is_a_message(void **state)
{
    (void)state;
    assert_split(LINES, "", "");
    assert_split(LINES, "{}\n", "{}|");
    assert_split(LINES, "{\"a\":1}\n{\"a\":2}\n[3]\n4\n\"x y\"\n",
                 "{\"a\":1}|{\"a\":2}|[3]|4|\"x y\"|");
}

static void the_last_line_needs_no_end(void **state)
{
    (void)state;
    assert_split(LINES, "{}", "{}|");
    assert_split(LINES, "1\n2", "1|2|");
    assert_split(LINES, "1\n2  \t", "1|2|");
}

static void blank_lines_and_blanks_around_lines_do_not_count(void **state)
{
    (void)state;
    assert_split(LINES, "\n\r\n  \n1\r\n\t \n 2 \n\n \n", "1|2|");
    assert_split(LINES, " \t\r\n ", "");
}

static void a_line_is_not_looked_into(void **state)
{
    (void)state;
    assert_split(LINES, "{\"a\n]]{ }\n", "{\"a|]]{ }|");
}

static void elements_of_an_array_are_messages(void **state)
{
    (void)state;
    assert_split(VALUES, "[]", "");
    assert_split(VALUES, " [ ] \n", "");
    assert_split(VALUES, "[{}]", "{}|");
    assert_split(VALUES, "[{\"a\":[1,2]},{\"b\":{\"c\":\"]}\"}}]",
                 "{\"a\":[1,2]}|{\"b\":{\"c\":\"]}\"}}|");
    assert_split(VALUES, "\n[ 1 , -2.5e3,true\n,null,\"x\" ,[[]]\n]\n",
                 "1|-2.5e3|true|null|\"x\"|[[]]|");
}

static void values_behind_one_another_are_messages(void **state)
{
    (void)state;
    assert_split(VALUES, "", "");
    assert_split(VALUES, " \n", "");
    assert_split(VALUES, "{\"a\":\n  1}\n", "{\"a\":\n  1}|");
    assert_split(VALUES, "{}\n{}{} \"a\"\"b\" 1 2\n3", "{}|{}|{}|\"a\"|\"b\"|1|2|3|");
    assert_split(VALUES, "1{}2[3]4\"x\"", "1|{}|2|[3]|4|\"x\"|");
}

static void strings_hide_what_is_in_them(void **state)
{
    (void)state;
    assert_split(VALUES, "[\"\\\"\", \"\\\\\", \"a,b]\", {\"}\\\"}\":\"{\"}]",
                 "\"\\\"\"|\"\\\\\"|\"a,b]\"|{\"}\\\"}\":\"{\"}|");
    assert_split(VALUES, "\"\xc3\xa9\\u00e9\xf0\x9f\x98\x80 123456789 \\\\\"1",
                 "\"\xc3\xa9\\u00e9\xf0\x9f\x98\x80 123456789 \\\\\"|1|");
}

static void what_is_no_value_is_left_to_the_reader(void **state)
{
    (void)state;
    assert_split(VALUES, "[}, tru, {]}]",
                 "}|tru|{]|expected ',' or ']', found '}' (line 1, column 12)");
    assert_split(VALUES, "}", "}|");
}

static void an_array_must_be_whole(void **state)
{
    (void)state;
    assert_split(VALUES, "[", "expected ',' or ']', found the end of the text (line 1, column 2)");
    assert_split(VALUES, "[{}\n",
                 "{}|expected ',' or ']', found the end of the text (line 2, column 1)");
    assert_split(VALUES, "[{},\n",
                 "{}|expected a message, found the end of the text (line 2, column 1)");
    assert_split(VALUES, "[1", "message 1 does not end (line 1, column 2)");
    assert_split(VALUES, "[1,\n {\"a\":1", "1|message 2 does not end (line 2, column 2)");
    assert_split(VALUES, "[\"a", "message 1 does not end (line 1, column 2)");
    assert_split(VALUES, "{\"a\":1", "message 1 does not end (line 1, column 1)");
    assert_split(VALUES, "1 \"", "1|message 2 does not end (line 1, column 3)");
}

/* In one piece: of what comes byte by byte, an error shows no more than it has. */
static void what_stands_between_messages_must_fit(void **state)
{
    (void)state;
    assert_split_in(VALUES, "[,1]", 99, "expected a message, found ',' (line 1, column 2)");
    assert_split_in(VALUES, "[1,,2]", 99, "1|expected a message, found ',' (line 1, column 4)");
    assert_split_in(VALUES, "[1,]", 99, "1|expected a message, found ']' (line 1, column 4)");
    assert_split_in(VALUES, "[{}\n{}]", 99,
                    "{}|expected ',' or ']', found an object (line 2, column 1)");
    assert_split_in(VALUES, "[\"\xc3\xa9\" 1]", 99,
                    "\"\xc3\xa9\"|expected ',' or ']', found 1 (line 1, column 6)");
    assert_split_in(VALUES, "[]\n []", 99,
                    "expected the end of the text, found an array (line 2, column 2)");
}

static void assert_length(enum gw_json_split_form form, const char *before, int length,
                          const char *after, const char *expected)
{
    char body[LIMIT + 64], whole[LIMIT + 64];
    snprintf(body, sizeof(body), "%s\"%0*d\"%s", before, length - 2, 0, after);
    snprintf(whole, sizeof(whole), "1|\"%0*d\"|", length - 2, 0);
    assert_split(form, body, expected != NULL ? expected : whole);
}

static void a_message_up_to_the_limit_passes(void **state)
{
    (void)state;
    assert_length(LINES, "1\n", LIMIT, "\n", NULL);
    assert_length(VALUES, "[1, ", LIMIT, "]", NULL);
    assert_length(VALUES, "1 ", LIMIT, "", NULL);
}

static void a_message_over_the_limit_is_refused(void **state)
{
    (void)state;
    assert_length(LINES, "1\n", LIMIT + 1, "\n",
                  "1|EXHAUSTED message 2 has over 64 bytes (line 2, column 1)");
    assert_length(VALUES, "[1, ", LIMIT + 1, "]",
                  "1|EXHAUSTED message 2 has over 64 bytes (line 1, column 5)");
    assert_length(VALUES, "1 ", LIMIT + 1, "",
                  "1|EXHAUSTED message 2 has over 64 bytes (line 1, column 3)");
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    struct gw_json_split s;
    struct gw_slice message;
    struct gw_error error;
    char body[2 * GW_JSON_SPLIT_DEPTH_MAX + 4];
    for (int depth = GW_JSON_SPLIT_DEPTH_MAX; depth <= GW_JSON_SPLIT_DEPTH_MAX + 1; depth++) {
        body[0] = '[';
        memset(body + 1, '[', (size_t)depth);
        memset(body + 1 + depth, ']', (size_t)depth);
        struct gw_slice bytes = gw_slice(body, 1 + 2 * (size_t)depth);
        gw_json_split_init(&s, VALUES, 100000);
        int rc = gw_json_split_next(&s, &bytes, &message, &error);
        if (depth == GW_JSON_SPLIT_DEPTH_MAX) {
            assert_int_equal(rc, GW_JSON_SPLIT_MESSAGE);
        } else {
            assert_int_equal(rc, -1);
            assert_int_equal(error.status, GW_INVALID_ARGUMENT);
            assert_string_equal(error.message,
                                "message 1 has over 200 levels of nesting (line 1, column 2)");
        }
        gw_json_split_dispose(&s);
    }
}

static void a_message_knows_its_number_and_place(void **state)
{
    (void)state;
    struct gw_json_split s;
    struct gw_slice message, bytes = GW_SLICE("[1,\n \"\xc3\xa9\", {}]");
    struct gw_error error;
    const struct gw_text_place places[] = {{1, 2}, {2, 2}, {2, 7}};
    gw_json_split_init(&s, VALUES, LIMIT);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(gw_json_split_next(&s, &bytes, &message, &error), GW_JSON_SPLIT_MESSAGE);
        assert_int_equal(s.number, i + 1);
        assert_int_equal(s.begins.line, places[i].line);
        assert_int_equal(s.begins.column, places[i].column);
    }
    assert_int_equal(gw_json_split_next(&s, &bytes, &message, &error), GW_JSON_SPLIT_MORE);
    assert_int_equal(gw_json_split_end(&s, &message, &error), GW_JSON_SPLIT_MORE);
    gw_json_split_dispose(&s);
}

static void a_message_that_comes_whole_is_not_copied(void **state)
{
    (void)state;
    struct gw_json_split s;
    struct gw_slice message, bytes = GW_SLICE("{\"a\":1}\n");
    const char *begin = bytes.base;
    struct gw_error error;
    gw_json_split_init(&s, LINES, LIMIT);
    assert_int_equal(gw_json_split_next(&s, &bytes, &message, &error), GW_JSON_SPLIT_MESSAGE);
    assert_ptr_equal(message.base, begin);
    gw_json_split_dispose(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_message),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(blank_lines_and_blanks_around_lines_do_not_count),
        cmocka_unit_test(a_line_is_not_looked_into),
        cmocka_unit_test(elements_of_an_array_are_messages),
        cmocka_unit_test(values_behind_one_another_are_messages),
        cmocka_unit_test(strings_hide_what_is_in_them),
        cmocka_unit_test(what_is_no_value_is_left_to_the_reader),
        cmocka_unit_test(an_array_must_be_whole),
        cmocka_unit_test(what_stands_between_messages_must_fit),
        cmocka_unit_test(a_message_up_to_the_limit_passes),
        cmocka_unit_test(a_message_over_the_limit_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_message_knows_its_number_and_place),
        cmocka_unit_test(a_message_that_comes_whole_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
