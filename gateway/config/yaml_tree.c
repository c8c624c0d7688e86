#include "config/yaml_tree.h"

#include <yaml.h>

#include "base/strmap.h"
#include "config/expand.h"

struct builder {
    yaml_parser_t parser;
    yaml_event_t event; /* the one to look at */
    gw_pool *pool;
    const char *file;
    struct gw_diagnostics *errors;
    struct gw_strmap anchors; /* name to node */
    unsigned depth;
    size_t values;
};

static struct gw_place place_of(const struct builder *b, yaml_mark_t mark)
{
    return (struct gw_place){b->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static int fail(struct builder *b, const char *message)
{
    gw_diagnostics_add(b->errors, place_of(b, b->event.start_mark), "%s", message);
    return -1;
}

/* libyaml gives a byte offset, not a mark, for what is wrong with the encoding. */
static struct gw_place place_of_offset(const struct builder *b, size_t offset)
{
    struct gw_place place = {b->file, 1, 1};
    const unsigned char *start = b->parser.input.string.start;
    for (size_t i = 0; i < offset && start + i < b->parser.input.string.end; i++) {
        bool is_continuation = (start[i] & 0xc0) == 0x80;
        place.column += !is_continuation;
        if (start[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

static int report_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR)
        h2o_fatal("no memory");
    if (p->error == YAML_READER_ERROR)
        gw_diagnostics_add(b->errors, place_of_offset(b, p->problem_offset),
                           "not YAML: %s, expected UTF-8 text", p->problem);
    else if (p->context != NULL)
        gw_diagnostics_add(b->errors, place_of(b, p->problem_mark),
                           "not YAML: %s %s that begins at line %zu", p->problem, p->context,
                           p->context_mark.line + 1);
    else
        gw_diagnostics_add(b->errors, place_of(b, p->problem_mark), "not YAML: %s", p->problem);
    return -1;
}

static int next(struct builder *b)
{
    yaml_event_delete(&b->event);
    return yaml_parser_parse(&b->parser, &b->event) ? 0 : report_syntax(b);
}

static int count_values(struct builder *b, size_t more)
{
    b->values += more;
    return b->values <= GW_YAML_MAX_VALUES ? 0
                                           : fail(b, "more than 100000 values, aliases followed");
}

static struct gw_yaml_node *add_node(struct builder *b, enum gw_yaml_kind kind)
{
    struct gw_yaml_node *node = h2o_mem_alloc_pool(b->pool, sizeof(*node));
    *node = (struct gw_yaml_node){.kind = kind, .place = place_of(b, b->event.start_mark)};
    return node;
}

static int remember_anchor(struct builder *b, const yaml_char_t *anchor, struct gw_yaml_node *node)
{
    if (anchor == NULL)
        return 0;
    struct gw_slice name = gw_pool_dup(b->pool, gw_slice_str((const char *)anchor));
    return gw_strmap_add(&b->anchors, name, node) == node ? 0 : fail(b, "anchor defined twice");
}

static void expand(struct builder *b, struct gw_yaml_node *node)
{
    struct gw_slice expanded;
    struct gw_error error;
    if (gw_expand(b->pool, node->text, &expanded, &error) != 0) {
        gw_diagnostics_add(b->errors, node->place, "%s", error.message);
        node->broken = true;
    } else if (expanded.base != node->text.base) {
        /* {weight: "${WEIGHT}"} needs its quotes, and is a number all the same. */
        node->quoted = false;
        node->text = gw_pool_dup(b->pool, expanded);
    }
}

static int build_scalar(struct builder *b, bool is_key, struct gw_yaml_node **ret_node)
{
    struct gw_yaml_node *node = add_node(b, GW_YAML_SCALAR);
    const char *text = (const char *)b->event.data.scalar.value;
    size_t length = b->event.data.scalar.length;
    if (b->event.data.scalar.tag != NULL)
        return fail(b, "YAML tags are not supported");
    if (memchr(text, '\0', length) != NULL)
        return fail(b, "a zero byte in a text");
    if (remember_anchor(b, b->event.data.scalar.anchor, node) != 0)
        return -1;
    node->text = gw_pool_dup(b->pool, gw_slice(text, length));
    node->quoted = b->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->values = 1;
    if (!is_key)
        expand(b, node);
    *ret_node = node;
    return count_values(b, 1);
}

static int build_alias(struct builder *b, struct gw_yaml_node **ret_node)
{
    struct gw_yaml_node *node =
        gw_strmap_get(&b->anchors, gw_slice_str((const char *)b->event.data.alias.anchor));
    if (node == NULL)
        return fail(b, "an alias without its anchor");
    if (node->values == 0)
        return fail(b, "an alias inside of what it stands for");
    *ret_node = node;
    return count_values(b, node->values);
}

static int build_node(struct builder *b, struct gw_yaml_node **ret_node);

static int build_key(struct builder *b, struct gw_strmap *keys, struct gw_yaml_node **ret_key)
{
    if (b->event.type != YAML_SCALAR_EVENT)
        return fail(b, "expected a name as key");
    if (build_scalar(b, true, ret_key) != 0)
        return -1;
    struct gw_yaml_node *first = gw_strmap_add(keys, (*ret_key)->text, *ret_key);
    if (first != *ret_key)
        gw_diagnostics_add(b->errors, (*ret_key)->place,
                           "`%.*s` stands twice in the same mapping, first at line %u",
                           GW_SLICE_ARG(first->text), first->place.line);
    return next(b);
}

/* A list or mapping up to its end event; `keys` is what a mapping has, NULL for a list. */
static int build_entries(struct builder *b, struct gw_yaml_node *node, struct gw_strmap *keys)
{
    struct gw_yaml_entry **tail = &node->first;
    for (;;) {
        if (next(b) != 0)
            return -1;
        if (b->event.type == YAML_SEQUENCE_END_EVENT || b->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        struct gw_yaml_entry *entry = h2o_mem_alloc_pool(b->pool, sizeof(*entry));
        *entry = (struct gw_yaml_entry){0};
        if ((keys != NULL && build_key(b, keys, &entry->key) != 0) ||
            build_node(b, &entry->value) != 0)
            return -1;
        *tail = entry;
        tail = &entry->next;
        node->count++;
    }
}

static int build_collection(struct builder *b, enum gw_yaml_kind kind, const yaml_char_t *anchor,
                            const yaml_char_t *tag, struct gw_yaml_node **ret_node)
{
    struct gw_yaml_node *node = add_node(b, kind);
    size_t before = b->values;
    if (tag != NULL)
        return fail(b, "YAML tags are not supported");
    if (b->depth == GW_YAML_MAX_DEPTH)
        return fail(b, "nested deeper than 64");
    if (count_values(b, 1) != 0 || remember_anchor(b, anchor, node) != 0)
        return -1;
    struct gw_strmap keys = {0};
    b->depth++;
    int result = build_entries(b, node, kind == GW_YAML_MAPPING ? &keys : NULL);
    b->depth--;
    gw_strmap_dispose(&keys);
    node->values = b->values - before;
    *ret_node = node;
    return result;
}

/* The node that begins with the current event; its last event is the current one afterwards. */
static int build_node(struct builder *b, struct gw_yaml_node **ret_node)
{
    const yaml_event_t *event = &b->event;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return build_scalar(b, false, ret_node);
    case YAML_ALIAS_EVENT:
        return build_alias(b, ret_node);
    case YAML_SEQUENCE_START_EVENT:
        return build_collection(b, GW_YAML_LIST, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag, ret_node);
    case YAML_MAPPING_START_EVENT:
        return build_collection(b, GW_YAML_MAPPING, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag, ret_node);
    default:
        return fail(b, "expected a value");
    }
}

static int build_document(struct builder *b, struct gw_yaml_node **ret_root)
{
    if (next(b) != 0 || next(b) != 0) /* stream start, document start */
        return -1;
    if (b->event.type == YAML_STREAM_END_EVENT)
        return fail(b, "nothing in the file");
    if (next(b) != 0 || build_node(b, ret_root) != 0)
        return -1;
    if (next(b) != 0 || next(b) != 0) /* document end, stream end */
        return -1;
    return b->event.type == YAML_STREAM_END_EVENT ? 0 : fail(b, "a second document, expected one");
}

struct gw_yaml_node *gw_yaml_parse(gw_pool *pool, const char *file, struct gw_slice text,
                                   struct gw_diagnostics *errors)
{
    struct builder b = {.pool = pool, .file = file, .errors = errors};
    if (text.len > GW_YAML_MAX_BYTES) {
        gw_diagnostics_add(errors, (struct gw_place){file, 0, 0}, "larger than 4MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&b.parser))
        h2o_fatal("no memory");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.base ? text.base : ""),
                                 text.len);
    struct gw_yaml_node *root = NULL;
    if (build_document(&b, &root) != 0)
        root = NULL;
    gw_strmap_dispose(&b.anchors);
    yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    return root;
}

struct gw_yaml_node *gw_yaml_get(const struct gw_yaml_node *node, struct gw_slice key)
{
    if (node->kind != GW_YAML_MAPPING)
        return NULL;
    for (const struct gw_yaml_entry *e = node->first; e != NULL; e = e->next) {
        if (gw_slice_eq(e->key->text, key))
            return e->value;
    }
    return NULL;
}

bool gw_yaml_is_null(const struct gw_yaml_node *node)
{
    if (node->kind != GW_YAML_SCALAR || node->quoted)
        return false;
    return node->text.len == 0 || gw_slice_eq(node->text, GW_SLICE("~")) ||
           gw_slice_eq(node->text, GW_SLICE("null"));
}
