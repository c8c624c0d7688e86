/* A YAML document as a tree of nodes, each with its place and its variables expanded.
 *
 * Less than YAML allows, on purpose: one document, keys that are scalars and differ, no tags.
 * Anchors and aliases work; what they stand for counts towards GW_YAML_MAX_VALUES as if it was
 * written out, so that walking the tree is bounded as the file is. */
#ifndef GW_CONFIG_YAML_TREE_H
#define GW_CONFIG_YAML_TREE_H

#include "base/mem.h"
#include "config/diagnostics.h"

#define GW_YAML_MAX_BYTES (4u << 20)
#define GW_YAML_MAX_DEPTH 64
#define GW_YAML_MAX_VALUES 100000

enum gw_yaml_kind { GW_YAML_SCALAR, GW_YAML_LIST, GW_YAML_MAPPING };

struct gw_yaml_node;

struct gw_yaml_entry {
    struct gw_yaml_node *key; /* NULL in a list */
    struct gw_yaml_node *value;
    struct gw_yaml_entry *next;
};

struct gw_yaml_node {
    enum gw_yaml_kind kind;
    struct gw_place place;
    /* of a scalar */
    struct gw_slice text; /* terminated, without zero bytes */
    bool quoted;          /* it is text whatever it looks like; never for one with a variable */
    bool broken;          /* its variables could not be expanded, which has been said */
    /* of a list or mapping, in the file's order */
    struct gw_yaml_entry *first;
    size_t count;
    size_t values; /* nodes in it with itself, aliases followed */
};

/* NULL where the text is not such a document; what is wrong stands in errors. Unset variables are
 * errors too, but leave a tree. `file` is kept in places, not copied; the tree stands in the pool.
 */
struct gw_yaml_node *gw_yaml_parse(gw_pool *pool, const char *file, struct gw_slice text,
                                   struct gw_diagnostics *errors);

/* The value under a key, or NULL; also where `node` is not a mapping. */
struct gw_yaml_node *gw_yaml_get(const struct gw_yaml_node *node, struct gw_slice key);

/* Nothing written, `~` or `null`. */
bool gw_yaml_is_null(const struct gw_yaml_node *node);

#endif
