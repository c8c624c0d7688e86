/* From nodes to structs by tables of keys. Each block of the file is a `struct gw_block`: its keys,
 * and for each key what it reads, where to and within which bounds. Unknown keys, wrong types,
 * missing keys and defaults are dealt with here, once for all of them; keys.h has the tables. */
#ifndef GW_CONFIG_READER_H
#define GW_CONFIG_READER_H

#include "config/config.h"
#include "config/yaml_tree.h"

struct gw_reader {
    gw_pool *pool;    /* of the configuration */
    gw_pool *scratch; /* of the trees */
    struct gw_diagnostics *errors;
    struct gw_config *config; /* what was read before stands in it */
};

struct gw_key;

/* Reads `value` to where the key belongs in the struct at `base`; on an error says it and leaves
 * the struct as it is. */
typedef void (*gw_key_read_fn)(struct gw_reader *r, const struct gw_key *key,
                               const struct gw_yaml_node *value, void *base);

/* What a text has to look like. */
struct gw_form {
    bool (*fits)(struct gw_slice text);
    const char *expected; /* "lower-case letters" */
};

struct gw_choice {
    const char *name;
    unsigned value;
};

struct gw_key {
    const char *name;
    gw_key_read_fn read; /* NULL: a key of the design whose feature does not exist yet */
    size_t offset;
    const char *fallback; /* YAML that stands for the absent key; NULL: the struct stays zero */
    bool required;
    /* What a reader below says that it uses. */
    uint64_t min, max;
    const char *zero; /* a word for 0, or NULL */
    size_t count_offset;
    const struct gw_form *form;
    const struct gw_block *block;
    const struct gw_choice *choices;
    size_t choice_count;
};

/* Keys are read in the order of the table, not of the file. */
struct gw_block {
    const char *title; /* for messages: "an upstream" */
    size_t size;       /* of the struct, where it stands in a list */
    const struct gw_key *keys;
    size_t key_count;
    /* Optional: before the keys are read; after, to see how they go together. */
    void (*begin)(struct gw_reader *r, void *base);
    void (*check)(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base);
};

/* uint32_t; min, max, zero. */
void gw_read_number(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base);
/* uint64_t, milliseconds; min, max. */
void gw_read_duration(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, void *base);
/* The same, or `none`: GW_NO_TIMEOUT. */
void gw_read_timeout(struct gw_reader *r, const struct gw_key *key,
                     const struct gw_yaml_node *value, void *base);
/* uint64_t, bytes; min, max. */
void gw_read_size(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base);
/* bool. */
void gw_read_bool(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base);
/* double, 0 to 1. */
void gw_read_fraction(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, void *base);
/* struct gw_string; form, or NULL for any text but the empty one. */
void gw_read_string(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base);
/* The same for a path, made relative to the file's folder; "-" stays. */
void gw_read_path(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base);
/* struct gw_string_list; form. */
void gw_read_strings(struct gw_reader *r, const struct gw_key *key,
                     const struct gw_yaml_node *value, void *base);
/* struct gw_string_list, at least one. */
void gw_read_paths(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base);
/* unsigned; one of choices. */
void gw_read_choice(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base);
/* unsigned; a list of choices, their values or-ed. */
void gw_read_flags(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base);
/* The block's struct, embedded at offset. */
void gw_read_block(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base);
/* A pointer to an array of the block's structs, and their number at count_offset; at least min. */
void gw_read_blocks(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base);

/* The file's outermost mapping. */
void gw_read_file(struct gw_reader *r, const struct gw_block *block,
                  const struct gw_yaml_node *value, void *base);

/* "`NAME`: expected EXPECTED, found ...", at the value's place. Silent for a value that is broken.
 */
void gw_reader_mismatch(struct gw_reader *r, const struct gw_key *key,
                        const struct gw_yaml_node *value, const char *expected, ...)
    __attribute__((format(printf, 4, 5)));

/* ", expected one of `a`, `b`; did you mean "b"?" for a name that is none of them, in the scratch
 * pool. */
const char *gw_reader_expected_names(struct gw_reader *r, struct gw_slice name,
                                     const char *const *names, size_t count);

#endif
