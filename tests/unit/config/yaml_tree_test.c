#include "config/yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "printed.h"

static gw_pool pool;
static struct gw_diagnostics errors;

static struct gw_yaml_node *parse(const char *text)
{
    return gw_yaml_parse(&pool, "f", gw_slice_str(text), &errors);
}

static void assert_errors(const char *expected)
{
    char *text = printed(&errors);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refused(const char *text, const char *expected)
{
    assert_null(parse(text));
    assert_errors(expected);
}

static void nodes_have_places_and_texts(void **state)
{
    (void)state;
    struct gw_yaml_node *root = parse("a: 1\nb:\n  - x\n  - \"y\"\nc: {d: ~}\n");
    assert_errors("");
    assert_int_equal(root->kind, GW_YAML_MAPPING);
    assert_int_equal(root->count, 3);
    struct gw_yaml_node *b = gw_yaml_get(root, GW_SLICE("b"));
    assert_int_equal(b->kind, GW_YAML_LIST);
    assert_int_equal(b->count, 2);
    const struct gw_yaml_node *y = b->first->next->value;
    assert_string_equal(y->text.base, "y");
    assert_true(y->quoted);
    assert_false(b->first->value->quoted);
    assert_string_equal(y->place.file, "f");
    assert_int_equal(y->place.line, 4);
    assert_int_equal(y->place.column, 5);
    struct gw_yaml_node *d = gw_yaml_get(gw_yaml_get(root, GW_SLICE("c")), GW_SLICE("d"));
    assert_true(gw_yaml_is_null(d));
    assert_null(gw_yaml_get(root, GW_SLICE("e")));
    assert_null(gw_yaml_get(d, GW_SLICE("e")));
}

static void aliases_share_what_they_name(void **state)
{
    (void)state;
    struct gw_yaml_node *root = parse("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n");
    assert_errors("");
    assert_ptr_equal(gw_yaml_get(root, GW_SLICE("a")), gw_yaml_get(root, GW_SLICE("c")));
    assert_int_equal(gw_yaml_get(root, GW_SLICE("d"))->values, 7);
}

static void aliases_name_what_stands_before_them(void **state)
{
    (void)state;
    assert_refused("a: *x\n", "f:1:4: an alias without its anchor\n");
    assert_refused("a: &x [*x]\n", "f:1:8: an alias inside of what it stands for\n");
    assert_refused("a: &x 1\nb: &x 2\n", "f:2:4: anchor defined twice\n");
}

static void aliases_count_as_if_written_out(void **state)
{
    (void)state;
    struct gw_buf text = GW_BUF_HEAP;
    gw_buf_printf(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 6; i++) {
        gw_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            gw_buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        gw_buf_printf(&text, "]\n");
    }
    assert_refused(gw_buf_terminate(&text), "f:5:45: more than 100000 values, aliases followed\n");
    gw_buf_dispose(&text);
}

static void nesting_has_its_deepest(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    assert_non_null(parse(text));
    assert_errors("");
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    assert_refused(text, "f:1:65: nested deeper than 64\n");
}

static void a_file_has_its_largest(void **state)
{
    (void)state;
    char *text = malloc(GW_YAML_MAX_BYTES + 2);
    memset(text, '#', GW_YAML_MAX_BYTES + 1);
    memcpy(text, "a: 1\n", 5);
    text[GW_YAML_MAX_BYTES] = '\0';
    assert_non_null(parse(text));
    assert_errors("");
    memcpy(text + GW_YAML_MAX_BYTES, "#", 2);
    assert_refused(text, "f: larger than 4MiB\n");
    free(text);
}

static void a_key_stands_once(void **state)
{
    (void)state;
    assert_non_null(parse("a: 1\nb: {c: 1, c: 2}\na: 3\n"));
    assert_errors("f:2:11: `c` stands twice in the same mapping, first at line 2\n"
                  "f:3:1: `a` stands twice in the same mapping, first at line 1\n");
}

static void keys_are_names(void **state)
{
    (void)state;
    assert_refused("? [a]\n: 1\n", "f:1:3: expected a name as key\n");
    assert_refused("a: &x b\n*x : 1\n", "f:2:1: expected a name as key\n");
}

static void there_is_one_document(void **state)
{
    (void)state;
    assert_non_null(parse("---\na: 1\n...\n"));
    assert_errors("");
    assert_refused("a: 1\n---\nb: 2\n", "f:2:1: a second document, expected one\n");
    assert_refused("", "f:1:1: nothing in the file\n");
    assert_refused("# only this\n", "f:2:1: nothing in the file\n");
}

static void tags_are_refused(void **state)
{
    (void)state;
    assert_refused("a: !!int 1\n", "f:1:4: YAML tags are not supported\n");
    assert_refused("a: !x [1]\n", "f:1:4: YAML tags are not supported\n");
    assert_refused("a: !!map {}\n", "f:1:4: YAML tags are not supported\n");
}

static void broken_yaml_is_refused_where_it_breaks(void **state)
{
    (void)state;
    assert_refused("a: [1\nb: 2\n", "f:2:2: not YAML: did not find expected ',' or ']' while "
                                    "parsing a flow sequence that begins at line 1\n");
    assert_refused("a: b: c\n",
                   "f:1:5: not YAML: mapping values are not allowed in this context\n");
    assert_refused("a: 1\n\tb: 2\n",
                   "f:2:1: not YAML: found a tab character that violates indentation while "
                   "scanning a plain scalar that begins at line 1\n");
}

static void bytes_that_are_not_utf8_are_refused_where_they_stand(void **state)
{
    (void)state;
    assert_refused("a: 1\n\xc3\xa9: \xff\n",
                   "f:2:4: not YAML: invalid leading UTF-8 octet, expected UTF-8 text\n");
    assert_refused("a: \"x\\0y\"\n", "f:1:4: a zero byte in a text\n");
}

static void values_are_expanded_and_keys_are_not(void **state)
{
    (void)state;
    setenv("GW_X", "7", 1);
    struct gw_yaml_node *root = parse("${GW_X}: ${GW_X}\nb: [\"${GW_X}\", '$${GW_X}']\n");
    assert_errors("");
    assert_string_equal(gw_yaml_get(root, GW_SLICE("${GW_X}"))->text.base, "7");
    const struct gw_yaml_entry *b = gw_yaml_get(root, GW_SLICE("b"))->first;
    assert_string_equal(b->value->text.base, "7");
    assert_false(b->value->quoted);
    assert_string_equal(b->next->value->text.base, "${GW_X}");
}

static void an_unset_variable_leaves_the_rest_to_be_read(void **state)
{
    (void)state;
    unsetenv("GW_UNSET");
    struct gw_yaml_node *root = parse("a: ${GW_UNSET}\nb: 1\n");
    assert_errors("f:1:4: the environment variable `GW_UNSET` is not set, expected a value for it "
                  "or a default as in ${GW_UNSET:-default}\n");
    assert_true(gw_yaml_get(root, GW_SLICE("a"))->broken);
    assert_false(gw_yaml_get(root, GW_SLICE("b"))->broken);
}

int main(void)
{
    h2o_mem_init_pool(&pool);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_have_places_and_texts),
        cmocka_unit_test(aliases_share_what_they_name),
        cmocka_unit_test(aliases_name_what_stands_before_them),
        cmocka_unit_test(aliases_count_as_if_written_out),
        cmocka_unit_test(nesting_has_its_deepest),
        cmocka_unit_test(a_file_has_its_largest),
        cmocka_unit_test(a_key_stands_once),
        cmocka_unit_test(keys_are_names),
        cmocka_unit_test(there_is_one_document),
        cmocka_unit_test(tags_are_refused),
        cmocka_unit_test(broken_yaml_is_refused_where_it_breaks),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused_where_they_stand),
        cmocka_unit_test(values_are_expanded_and_keys_are_not),
        cmocka_unit_test(an_unset_variable_leaves_the_rest_to_be_read),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    h2o_mem_clear_pool(&pool);
    return failed;
}
