#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/random.h"
#include "base/vec.h"
#include "transcode/router.h"

/* Routes are given as "GET /v1/users/{id}"; a route's value is its struct route. */
struct route {
    struct gw_slice method;
    struct gw_template template;
    const char *line;
};

struct fixture {
    struct gw_router *router;
    GW_VEC(struct route *) routes;
};

static int setup(void **state)
{
    struct fixture *f = gw_alloc(sizeof(*f));
    f->router = gw_router_create();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gw_router_destroy(f->router);
    for (size_t i = 0; i < f->routes.count; i++) {
        gw_template_dispose(&f->routes.items[i]->template);
        free(f->routes.items[i]);
    }
    gw_vec_dispose(&f->routes);
    free(f);
    return 0;
}

/* The line of the route that clashes, or NULL. `line` is borrowed. */
static const char *add(struct fixture *f, const char *line)
{
    struct route *r = gw_alloc(sizeof(*r));
    *gw_vec_push(&f->routes) = r;
    const char *space = strchr(line, ' ');
    r->method = gw_slice(line, (size_t)(space - line));
    r->line = line;
    struct gw_error error;
    if (gw_template_parse(&r->template, gw_slice_str(space + 1), &error) != 0)
        fail_msg("%s: %s", line, error.message);
    struct route *taken = gw_router_add(f->router, r->method, &r->template, r);
    return taken ? taken->line : NULL;
}

static bool match(struct fixture *f, const char *request, struct gw_route_match *ret_match)
{
    const char *space = strchr(request, ' ');
    return gw_router_match(f->router, gw_slice(request, (size_t)(space - request)),
                           gw_slice_str(space + 1), ret_match);
}

/* `expected` is the route's line, and then its captures, each behind " | "; NULL: no route. */
static void assert_match(struct fixture *f, const char *request, const char *expected)
{
    struct gw_route_match m;
    bool found = match(f, request, &m);
    if (!found || expected == NULL) {
        if (found || expected != NULL)
            fail_msg("%s: matched %s", request,
                     found ? ((struct route *)m.value)->line : "nothing");
        assert_null(m.value);
        return;
    }
    struct gw_buf b = GW_BUF_HEAP;
    gw_buf_append(&b, gw_slice_str(((struct route *)m.value)->line));
    for (size_t i = 0; i < m.capture_count; i++)
        gw_buf_printf(&b, " | %.*s", GW_SLICE_ARG(m.captures[i]));
    assert_string_equal(gw_buf_terminate(&b), expected);
    gw_buf_dispose(&b);
}

static void literals_and_variables_match_segment_by_segment(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/users/{id}");
    add(f, "GET /v1/users");
    assert_match(f, "GET /v1/users/7", "GET /v1/users/{id} | 7");
    assert_match(f, "GET /v1/users", "GET /v1/users");
    assert_match(f, "GET /v1/users/7/orders", NULL);
    assert_match(f, "GET /v1", NULL);
    assert_match(f, "GET /v2/users", NULL);
    assert_match(f, "GET /", NULL);
    assert_match(f, "GET *", NULL);
    assert_match(f, "GET ", NULL);
}

static void a_trailing_slash_is_another_path(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/users");
    add(f, "GET /v1/users/{id}");
    add(f, "GET /v1/users/{id}/x/{y}");
    assert_match(f, "GET /v1/users/", NULL);
    assert_match(f, "GET /v1/users/7/", NULL);
    assert_match(f, "GET //v1/users", NULL);
    assert_match(f, "GET /v1/users//x/1", NULL);
}

static void the_root_is_a_path_of_its_own(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /");
    assert_match(f, "GET /", "GET /");
    assert_match(f, "GET //", NULL);
    assert_match(f, "GET /x", NULL);
}

static void a_literal_beats_a_variable_in_any_order_of_adding(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/{a=**}");
    add(f, "GET /v1/{a}");
    add(f, "GET /v1/me");
    add(f, "PUT /v1/me");
    add(f, "PUT /v1/{a}");
    add(f, "PUT /v1/{a=**}");
    assert_match(f, "GET /v1/me", "GET /v1/me");
    assert_match(f, "GET /v1/you", "GET /v1/{a} | you");
    assert_match(f, "GET /v1/you/x", "GET /v1/{a=**} | you/x");
    assert_match(f, "PUT /v1/me", "PUT /v1/me");
    assert_match(f, "PUT /v1/you", "PUT /v1/{a} | you");
    assert_match(f, "PUT /v1/you/x", "PUT /v1/{a=**} | you/x");
}

static void an_earlier_literal_beats_a_later_one(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /{x}/b");
    add(f, "GET /a/{y}");
    assert_match(f, "GET /a/b", "GET /a/{y} | b");
    assert_match(f, "GET /c/b", "GET /{x}/b | c");
}

static void a_dead_end_is_left_for_the_next_best(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /a/b/c/d");
    add(f, "GET /a/{x}/c/e");
    add(f, "GET /{w}/b/{y}/f");
    add(f, "GET /{all=**}");
    assert_match(f, "GET /a/b/c/d", "GET /a/b/c/d");
    assert_match(f, "GET /a/b/c/e", "GET /a/{x}/c/e | b");
    assert_match(f, "GET /a/b/c/f", "GET /{w}/b/{y}/f | a | c");
    assert_match(f, "GET /a/b/c/g", "GET /{all=**} | a/b/c/g");
}

static void a_double_star_takes_any_number_of_segments(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /files/{path=**}");
    add(f, "GET /{name=dirs/**}");
    assert_match(f, "GET /files", "GET /files/{path=**} | ");
    assert_match(f, "GET /files/", "GET /files/{path=**} | ");
    assert_match(f, "GET /files/a//b/", "GET /files/{path=**} | a//b/");
    assert_match(f, "GET /dirs", "GET /{name=dirs/**} | dirs");
    assert_match(f, "GET /dirs/a/b", "GET /{name=dirs/**} | dirs/a/b");
    add(f, "GET /files");
    assert_match(f, "GET /files", "GET /files");
    add(f, "PUT /{all=**}");
    assert_match(f, "PUT /", "PUT /{all=**} | ");
}

static void captures_span_segments(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/{name=shelves/*/books/*}/pages/{page}");
    assert_match(f, "GET /v1/shelves/1/books/2/pages/3",
                 "GET /v1/{name=shelves/*/books/*}/pages/{page} | shelves/1/books/2 | 3");
}

static void a_verb_is_split_off_only_where_a_route_has_it(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/users/{id}");
    add(f, "POST /v1/payments/{id}");
    add(f, "POST /v1/payments/{id}:refund");
    assert_match(f, "GET /v1/users/a:b", "GET /v1/users/{id} | a:b");
    assert_match(f, "GET /v1/users/a:refund", "GET /v1/users/{id} | a:refund");
    assert_match(f, "POST /v1/payments/7:refund", "POST /v1/payments/{id}:refund | 7");
    assert_match(f, "POST /v1/payments/7:x:refund", "POST /v1/payments/{id}:refund | 7:x");
    assert_match(f, "POST /v1/payments/7:other", "POST /v1/payments/{id} | 7:other");
    assert_match(f, "POST /v1/payments/7", "POST /v1/payments/{id} | 7");
    assert_match(f, "POST /v1/payments/:refund", "POST /v1/payments/{id} | :refund");
    assert_match(f, "POST /v1/payments/7%3Arefund", "POST /v1/payments/{id} | 7%3Arefund");
    assert_match(f, "POST /v1/payments/7:%72efund", "POST /v1/payments/{id}:refund | 7");
}

static void a_verb_counts_after_the_segments(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/{x}/{y}:b");
    add(f, "GET /v1/users/{y}");
    assert_match(f, "GET /v1/users/a:b", "GET /v1/users/{y} | a:b");
    assert_match(f, "GET /v1/books/a:b", "GET /v1/{x}/{y}:b | books | a");
    add(f, "GET /v1/users/a:b");
    assert_match(f, "GET /v1/users/a:b", "GET /v1/users/a:b");
}

static void a_double_star_can_have_a_verb(void **state)
{
    struct fixture *f = *state;
    add(f, "POST /v1/{name=**}:cancel");
    add(f, "POST /v1/{name=**}");
    add(f, "POST /w/{a}/{rest=**}:cancel");
    assert_match(f, "POST /v1/a/b:cancel", "POST /v1/{name=**}:cancel | a/b");
    assert_match(f, "POST /v1:cancel", "POST /v1/{name=**}:cancel | ");
    assert_match(f, "POST /v1/a:cancel/b", "POST /v1/{name=**} | a:cancel/b");
    assert_match(f, "POST /w/x:cancel", "POST /w/{a}/{rest=**}:cancel | x | ");
}

static void escapes_of_unreserved_characters_do_not_matter(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /v1/us%65rs");
    add(f, "GET /v1/a%2fb");
    assert_match(f, "GET /%76%31/users", "GET /v1/us%65rs");
    assert_match(f, "GET /v1/a%2Fb", "GET /v1/a%2fb");
    assert_match(f, "GET /v1/a/b", NULL);
    assert_match(f, "GET /v1/users%", NULL);
    assert_match(f, "GET /v1/%zz", NULL);
}

static void a_segment_longer_than_any_literal_is_no_literal(void **state)
{
    struct fixture *f = *state;
    add(f, "GET /a");
    add(f, "GET /{x}/b");
    struct gw_buf b = GW_BUF_HEAP;
    gw_buf_append(&b, GW_SLICE("GET /"));
    for (int i = 0; i < 20000; i++)
        gw_buf_append(&b, GW_SLICE("%61"));
    assert_match(f, gw_buf_terminate(&b), NULL);
    gw_buf_append(&b, GW_SLICE("/b"));
    struct gw_route_match m;
    assert_true(match(f, gw_buf_terminate(&b), &m));
    assert_int_equal(m.captures[0].len, 60000);
    gw_buf_dispose(&b);
}

static void a_path_deeper_than_any_template_has_no_route(void **state)
{
    struct fixture *f = *state;
    struct gw_buf line = GW_BUF_HEAP, path = GW_BUF_HEAP;
    gw_buf_append(&line, GW_SLICE("GET "));
    gw_buf_append(&path, GW_SLICE("GET "));
    for (int i = 0; i < GW_TEMPLATE_SEGMENTS_MAX; i++) {
        gw_buf_append(&line, GW_SLICE("/*"));
        gw_buf_append(&path, GW_SLICE("/x"));
    }
    add(f, gw_buf_terminate(&line));
    assert_match(f, gw_buf_terminate(&path), line.base);
    for (int i = 0; i < 10000; i++)
        gw_buf_append(&path, GW_SLICE("/x"));
    assert_match(f, gw_buf_terminate(&path), NULL);
    gw_buf_dispose(&line);
    gw_buf_dispose(&path);
}

static void equal_templates_clash(void **state)
{
    struct fixture *f = *state;
    assert_null(add(f, "GET /v1/{a}"));
    assert_string_equal(add(f, "GET /v1/*"), "GET /v1/{a}");
    assert_string_equal(add(f, "GET /v1/{b=*}"), "GET /v1/{a}");
    assert_null(add(f, "PUT /v1/{a}"));
    assert_null(add(f, "GET /v1/{a}:x"));
    assert_string_equal(add(f, "GET /v1/{c}:x"), "GET /v1/{a}:x");
    assert_null(add(f, "GET /v1/{n=shelves/*}"));
    assert_string_equal(add(f, "GET /v1/shelves/{id}"), "GET /v1/{n=shelves/*}");
    assert_null(add(f, "GET /x/**"));
    assert_string_equal(add(f, "GET /x/{p=**}"), "GET /x/**");
    assert_null(add(f, "GET /y/a%2fb"));
    assert_string_equal(add(f, "GET /y/%61%2Fb"), "GET /y/a%2fb");
}

static void other_methods_of_the_path_are_told(void **state)
{
    struct fixture *f = *state;
    add(f, "POST /v1/users");
    add(f, "GET /v1/users");
    add(f, "DELETE /v1/users/{id}");
    add(f, "PATCH /v1/{x}");
    struct gw_route_match m;
    assert_false(match(f, "PUT /v1/users", &m));
    assert_int_equal(m.allowed_count, 3);
    assert_true(gw_slice_eq(m.allowed[0], GW_SLICE("POST")));
    assert_true(gw_slice_eq(m.allowed[1], GW_SLICE("GET")));
    assert_true(gw_slice_eq(m.allowed[2], GW_SLICE("PATCH")));
    assert_false(match(f, "HEAD /v1/users", &m));
    assert_int_equal(m.allowed_count, 3);
    assert_false(match(f, "GET /v1/users/7", &m));
    assert_int_equal(m.allowed_count, 1);
    assert_false(match(f, "GET /v2", &m));
    assert_int_equal(m.allowed_count, 0);
    assert_true(match(f, "GET /v1/users", &m));
    assert_int_equal(m.allowed_count, 0);
}

static void the_names_of_other_methods_are_limited(void **state)
{
    struct fixture *f = *state;
    static char lines[GW_ALLOWED_MAX + 4][16];
    for (int i = 0; i < GW_ALLOWED_MAX + 4; i++) {
        snprintf(lines[i], sizeof(lines[i]), "M%d /x", i);
        add(f, lines[i]);
    }
    struct gw_route_match m;
    assert_false(match(f, "GET /x", &m));
    assert_int_equal(m.allowed_count, GW_ALLOWED_MAX);
}

static void a_method_without_the_more_specific_route_takes_the_less_specific(void **state)
{
    struct fixture *f = *state;
    add(f, "POST /v1/users/me");
    add(f, "GET /v1/users/{id}");
    assert_match(f, "GET /v1/users/me", "GET /v1/users/{id} | me");
}

static void a_star_stands_for_all_methods_that_have_no_route(void **state)
{
    struct fixture *f = *state;
    add(f, "* /v1/{x}");
    add(f, "GET /v1/{y=**}");
    add(f, "PUT /v1/z");
    assert_match(f, "GET /v1/a", "GET /v1/{y=**} | a");
    assert_match(f, "HEAD /v1/a", "* /v1/{x} | a");
    assert_match(f, "PUT /v1/z", "PUT /v1/z");
    assert_match(f, "PUT /v1/a", "* /v1/{x} | a");
    struct gw_route_match m;
    assert_false(match(f, "PUT /v1/a/b", &m));
    assert_int_equal(m.allowed_count, 1);
    assert_true(gw_slice_eq(m.allowed[0], GW_SLICE("GET")));
}

static void many_routes_cost_no_more_than_one(void **state)
{
    struct fixture *f = *state;
    static char lines[1000][64];
    add(f, "GET /v1/users/{id}/orders");
    size_t one = gw_router_worst_case(f->router);
    for (int i = 0; i < 1000; i++) {
        snprintf(lines[i], sizeof(lines[i]), "GET /v%d/r%d/{id}/x", i % 10, i);
        add(f, lines[i]);
    }
    assert_int_equal(gw_router_worst_case(f->router), one);
}

/* Every combination of a literal and a variable in `levels` places: the worst that routes can be.
 */
static void the_worst_case_is_known(void **state)
{
    struct fixture *f = *state;
    enum { levels = 8 };
    static char lines[1 << levels][64];
    for (int i = 0; i < 1 << levels; i++) {
        strcpy(lines[i], "GET ");
        for (int k = 0; k < levels; k++)
            strcat(lines[i], i >> k & 1 ? "/a" : "/*");
        strcat(lines[i], "/z");
        add(f, lines[i]);
    }
    /* All nodes: 2^9 - 1, and 2^8 for "z". */
    assert_int_equal(gw_router_worst_case(f->router), (2 << levels) - 1 + (1 << levels));
    assert_match(f, "GET /a/a/a/a/a/a/a/a/y", NULL);
    assert_match(f, "GET /a/a/a/a/a/a/a/b/z", "GET /a/a/a/a/a/a/a/*/z");
}

/* Whether the segments from `i` on take the rest of the path, tried one by one. */
static bool takes(const struct gw_template *t, size_t i, struct gw_slice path)
{
    if (i == t->segment_count)
        return path.len == 0;
    if (t->segments[i].kind == GW_SEGMENT_DOUBLE_STAR)
        return path.len == 0 || path.base[0] == '/';
    if (path.len == 0 || path.base[0] != '/')
        return false;
    size_t end = 1;
    while (end < path.len && path.base[end] != '/')
        end++;
    struct gw_slice segment = gw_slice(path.base + 1, end - 1);
    bool fits = t->segments[i].kind == GW_SEGMENT_STAR
                    ? segment.len > 0
                    : gw_slice_eq(segment, t->segments[i].literal);
    return fits && takes(t, i + 1, gw_slice_from(path, end));
}

static bool template_takes(const struct gw_template *t, struct gw_slice path)
{
    if (t->verb.len > 0) {
        char tail[8];
        int n = snprintf(tail, sizeof(tail), ":%.*s", GW_SLICE_ARG(t->verb));
        if (!gw_slice_ends_with(path, gw_slice(tail, (size_t)n)))
            return false;
        path.len -= (size_t)n;
    }
    return takes(t, 0, path);
}

/* Negative: a is the more specific. */
static int compare(const struct gw_template *a, const struct gw_template *b)
{
    for (size_t i = 0;; i++) {
        /* The end stands between `*` and `**`. */
        int x = i < a->segment_count ? 2 * (int)a->segments[i].kind : 3;
        int y = i < b->segment_count ? 2 * (int)b->segments[i].kind : 3;
        if (x != y)
            return x - y;
        if (x == 3)
            return (b->verb.len > 0) - (a->verb.len > 0);
    }
}

static const char *random_line(struct gw_buf *b, bool is_template)
{
    static const char *const pieces[] = {"/a", "/b", "/*", "/a", "/*", "/b/**"};
    static const char *const path_pieces[] = {"/a", "/b", "/c", "/a", "/", "/a:v"};
    b->len = 0;
    gw_buf_append(b, GW_SLICE("GET "));
    uint32_t count = 1 + gw_random_below(4);
    for (uint32_t i = 0; i < count; i++) {
        const char *piece = (is_template ? pieces : path_pieces)[gw_random_below(6)];
        gw_buf_append(b, gw_slice_str(piece));
        if (strcmp(piece, "/b/**") == 0)
            break;
    }
    if (gw_random_below(3) == 0)
        gw_buf_append(b, gw_random_below(2) ? GW_SLICE(":v") : GW_SLICE(":w"));
    return gw_buf_terminate(b);
}

/* The route that trying every template finds, or NULL. */
static const struct gw_template *try_every_template(struct fixture *f, struct gw_slice path)
{
    const struct gw_template *best = NULL;
    for (size_t k = 0; k < f->routes.count; k++) {
        const struct gw_template *t = &f->routes.items[k]->template;
        if (template_takes(t, path) && (best == NULL || compare(t, best) < 0))
            best = t;
    }
    return best;
}

static void the_tree_agrees_with_trying_every_template(void **state)
{
    (void)state;
    struct gw_buf b = GW_BUF_HEAP;
    int found = 0, rounds = 100, requests = 100;
    for (int round = 0; round < rounds; round++) {
        void *fixture;
        setup(&fixture);
        char *lines[12];
        for (size_t i = 0; i < 12; i++)
            add(fixture, lines[i] = strdup(random_line(&b, true)));
        for (int i = 0; i < requests; i++) {
            const char *request = random_line(&b, false);
            const struct gw_template *best = try_every_template(fixture, gw_slice_str(request + 4));
            struct gw_route_match m;
            match(fixture, request, &m);
            struct route *route = m.value;
            if ((best == NULL) != (route == NULL) ||
                (best != NULL && compare(best, &route->template) != 0))
                fail_msg("%s: %s instead of %s", request, route ? route->line : "nothing",
                         best ? best->text.base : "nothing");
            found += best != NULL;
        }
        teardown(&fixture);
        for (size_t i = 0; i < 12; i++)
            free(lines[i]);
    }
    assert_in_range(found, rounds * requests / 10, rounds * requests * 9 / 10);
    gw_buf_dispose(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(literals_and_variables_match_segment_by_segment),
        TEST(a_trailing_slash_is_another_path),
        TEST(the_root_is_a_path_of_its_own),
        TEST(a_literal_beats_a_variable_in_any_order_of_adding),
        TEST(an_earlier_literal_beats_a_later_one),
        TEST(a_dead_end_is_left_for_the_next_best),
        TEST(a_double_star_takes_any_number_of_segments),
        TEST(captures_span_segments),
        TEST(a_verb_is_split_off_only_where_a_route_has_it),
        TEST(a_verb_counts_after_the_segments),
        TEST(a_double_star_can_have_a_verb),
        TEST(escapes_of_unreserved_characters_do_not_matter),
        TEST(a_segment_longer_than_any_literal_is_no_literal),
        TEST(a_path_deeper_than_any_template_has_no_route),
        TEST(equal_templates_clash),
        TEST(other_methods_of_the_path_are_told),
        TEST(the_names_of_other_methods_are_limited),
        TEST(a_method_without_the_more_specific_route_takes_the_less_specific),
        TEST(a_star_stands_for_all_methods_that_have_no_route),
        TEST(many_routes_cost_no_more_than_one),
        TEST(the_worst_case_is_known),
        TEST(the_tree_agrees_with_trying_every_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
