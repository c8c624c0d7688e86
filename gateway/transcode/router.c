#include "transcode/router.h"

#include "base/strmap.h"
#include "base/vec.h"

struct leaf {
    const struct gw_template *template;
    void *value;
};

struct node {
    struct gw_strmap literals; /* -> struct node */
    struct node *star;
    struct node *rest; /* `**`: has leaves only */
    struct leaf *plain;
    struct gw_strmap verbs; /* -> struct leaf */
};

struct tree {
    struct gw_slice method;
    struct node root;
    bool has_verbs;
};

struct gw_router {
    GW_VEC(struct tree) trees;
};

struct gw_router *gw_router_create(void)
{
    return gw_alloc(sizeof(struct gw_router));
}

static void node_dispose(struct node *n);

static void node_destroy(struct node *n)
{
    if (n == NULL)
        return;
    node_dispose(n);
    free(n);
}

static void node_dispose(struct node *n)
{
    for (size_t i = 0; n->literals.entries != NULL && i <= n->literals.mask; i++)
        node_destroy(n->literals.entries[i].value);
    for (size_t i = 0; n->verbs.entries != NULL && i <= n->verbs.mask; i++)
        free(n->verbs.entries[i].value);
    gw_strmap_dispose(&n->literals);
    gw_strmap_dispose(&n->verbs);
    node_destroy(n->star);
    node_destroy(n->rest);
    free(n->plain);
}

void gw_router_destroy(struct gw_router *router)
{
    if (router == NULL)
        return;
    for (size_t i = 0; i < router->trees.count; i++)
        node_dispose(&router->trees.items[i].root);
    gw_vec_dispose(&router->trees);
    free(router);
}

static struct tree *find_tree(const struct gw_router *router, struct gw_slice method)
{
    for (size_t i = 0; i < router->trees.count; i++) {
        if (gw_slice_eq(router->trees.items[i].method, method))
            return &router->trees.items[i];
    }
    return NULL;
}

static struct node *child_for(struct node *n, const struct gw_segment *segment)
{
    if (segment->kind == GW_SEGMENT_LITERAL) {
        struct node *child = gw_strmap_get(&n->literals, segment->literal);
        if (child == NULL) {
            child = gw_alloc(sizeof(*child));
            gw_strmap_add(&n->literals, segment->literal, child);
        }
        return child;
    }
    struct node **child = segment->kind == GW_SEGMENT_STAR ? &n->star : &n->rest;
    if (*child == NULL)
        *child = gw_alloc(sizeof(**child));
    return *child;
}

void *gw_router_add(struct gw_router *router, struct gw_slice method,
                    const struct gw_template *template, void *value)
{
    struct tree *tree = find_tree(router, method);
    if (tree == NULL) {
        tree = gw_vec_push(&router->trees);
        tree->method = method;
    }
    struct node *n = &tree->root;
    for (size_t i = 0; i < template->segment_count; i++)
        n = child_for(n, &template->segments[i]);
    bool has_verb = template->verb.len > 0;
    struct leaf *taken = has_verb ? gw_strmap_get(&n->verbs, template->verb) : n->plain;
    if (taken != NULL)
        return taken->value;
    struct leaf *leaf = gw_alloc(sizeof(*leaf));
    *leaf = (struct leaf){template, value};
    if (has_verb) {
        gw_strmap_add(&n->verbs, template->verb, leaf);
        tree->has_verbs = true;
    } else {
        n->plain = leaf;
    }
    return NULL;
}

static size_t worst_case(const struct node *n)
{
    size_t worst = 0;
    for (size_t i = 0; n->literals.entries != NULL && i <= n->literals.mask; i++) {
        const struct node *child = n->literals.entries[i].value;
        size_t visits = child ? worst_case(child) : 0;
        if (visits > worst)
            worst = visits;
    }
    return 1 + worst + (n->star ? worst_case(n->star) : 0);
}

size_t gw_router_worst_case(const struct gw_router *router)
{
    size_t sum = 0; /* without a route, all methods are tried */
    for (size_t i = 0; i < router->trees.count; i++)
        sum += worst_case(&router->trees.items[i].root);
    return sum;
}

#define NONE ((size_t)-1)
/* A literal of the greatest length with every byte escaped. */
#define ESCAPED_MAX (3 * GW_TEMPLATE_LITERAL_MAX)

struct matcher {
    struct gw_slice path;
    bool has_escapes;
    size_t verb_at; /* of the ':' in the last segment; NONE: no verb */
    struct gw_slice verb;
    /* Where each segment of the template that is being tried begins in the path. */
    size_t starts[GW_TEMPLATE_SEGMENTS_MAX + 1];
    char literal_memory[ESCAPED_MAX], verb_memory[ESCAPED_MAX];
};

/* As literals stand in the tree. What is too long to equal any stays as it is. */
static struct gw_slice normalise(const struct matcher *m, struct gw_slice raw,
                                 char memory[ESCAPED_MAX])
{
    if (!m->has_escapes || raw.len > ESCAPED_MAX)
        return raw;
    return gw_slice(memory, gw_template_normalise(memory, raw));
}

static const struct node *literal_child(struct matcher *m, const struct node *n, size_t from,
                                        size_t end)
{
    if (n->literals.count == 0)
        return NULL;
    struct gw_slice raw = gw_slice(m->path.base + from, end - from);
    return gw_strmap_get(&n->literals, normalise(m, raw, m->literal_memory));
}

static const struct leaf *verb_leaf(const struct matcher *m, const struct node *n)
{
    return m->verb_at == NONE ? NULL : gw_strmap_get(&n->verbs, m->verb);
}

/* The path ends here: `stem` is where it does with the verb split off, `whole` with ':' in the last
 * segment; either may be NULL. */
static const struct leaf *finish(struct matcher *m, const struct node *stem,
                                 const struct node *whole, size_t depth)
{
    const struct leaf *leaf = stem ? verb_leaf(m, stem) : NULL;
    if (leaf == NULL && whole != NULL)
        leaf = whole->plain;
    if (leaf != NULL)
        return leaf;
    m->starts[depth] = NONE; /* `**` for nothing */
    if (stem != NULL && stem->rest != NULL)
        leaf = verb_leaf(m, stem->rest);
    if (leaf == NULL && whole != NULL && whole->rest != NULL)
        leaf = whole->rest->plain;
    return leaf;
}

/* The route for the segments from m->path.base[at] on, of which there is at least one. `depth`, the
 * number of segments before it, is below GW_TEMPLATE_SEGMENTS_MAX where n has children. */
static const struct leaf *descend(struct matcher *m, const struct node *n, size_t at, size_t depth)
{
    m->starts[depth] = at;
    const char *slash = memchr(m->path.base + at, '/', m->path.len - at);
    size_t end = slash ? (size_t)(slash - m->path.base) : m->path.len;
    const struct node *literal = literal_child(m, n, at, end);
    const struct node *star = end > at ? n->star : NULL;
    const struct leaf *leaf = NULL;
    if (slash != NULL) {
        if (literal != NULL)
            leaf = descend(m, literal, end + 1, depth + 1);
        if (leaf == NULL && star != NULL)
            leaf = descend(m, star, end + 1, depth + 1);
    } else {
        const struct node *stem = m->verb_at != NONE ? literal_child(m, n, at, m->verb_at) : NULL;
        if (stem != NULL || literal != NULL)
            leaf = finish(m, stem, literal, depth + 1);
        if (leaf == NULL && star != NULL)
            leaf = finish(m, m->verb_at > at ? star : NULL, star, depth + 1);
    }
    if (leaf == NULL && n->rest != NULL) {
        leaf = verb_leaf(m, n->rest);
        if (leaf == NULL)
            leaf = n->rest->plain;
    }
    return leaf;
}

static void split_verb(struct matcher *m)
{
    m->verb_at = NONE;
    for (size_t i = m->path.len; i > 0 && m->path.base[i - 1] != '/'; i--) {
        if (m->path.base[i - 1] != ':')
            continue;
        m->verb_at = i - 1;
        m->verb = normalise(m, gw_slice_from(m->path, i), m->verb_memory);
        return;
    }
}

static const struct leaf *find(struct matcher *m, const struct tree *tree)
{
    if (tree->has_verbs)
        split_verb(m);
    else
        m->verb_at = NONE;
    if (m->path.len == 1)
        return finish(m, NULL, &tree->root, 0);
    return descend(m, &tree->root, 1, 0);
}

static void capture(const struct matcher *m, const struct gw_template *t,
                    struct gw_route_match *match)
{
    size_t stop = t->verb.len > 0 ? m->verb_at : m->path.len;
    match->capture_count = t->variable_count;
    for (size_t i = 0; i < t->variable_count; i++) {
        const struct gw_template_variable *v = &t->variables[i];
        size_t from = m->starts[v->first_segment];
        size_t to = stop;
        if (v->segment_end < t->segment_count && m->starts[v->segment_end] != NONE)
            to = m->starts[v->segment_end] - 1;
        match->captures[i] = from == NONE ? gw_slice(m->path.base + stop, 0)
                                          : gw_slice(m->path.base + from, to - from);
    }
}

bool gw_router_match(const struct gw_router *router, struct gw_slice method, struct gw_slice path,
                     struct gw_route_match *ret_match)
{
    ret_match->value = NULL;
    ret_match->capture_count = 0;
    ret_match->allowed_count = 0;
    if (path.len == 0 || path.base[0] != '/')
        return false;
    struct matcher m;
    m.path = path;
    m.has_escapes = memchr(path.base, '%', path.len) != NULL;
    const struct tree *own = find_tree(router, method);
    const struct tree *any = find_tree(router, GW_SLICE("*"));
    const struct leaf *leaf = own ? find(&m, own) : NULL;
    if (leaf == NULL && any != NULL)
        leaf = find(&m, any);
    if (leaf != NULL) {
        ret_match->value = leaf->value;
        capture(&m, leaf->template, ret_match);
        return true;
    }
    for (size_t i = 0; i < router->trees.count; i++) {
        const struct tree *tree = &router->trees.items[i];
        if (tree != own && tree != any && ret_match->allowed_count < GW_ALLOWED_MAX &&
            find(&m, tree) != NULL)
            ret_match->allowed[ret_match->allowed_count++] = tree->method;
    }
    return false;
}
