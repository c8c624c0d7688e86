/* The files of a FileDescriptorSet by name, symbol and extension: what reflection answers from.
 * Immutable. */
#ifndef GW_SCHEMA_REFLECTION_INDEX_H
#define GW_SCHEMA_REFLECTION_INDEX_H

#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/strmap.h"

struct gw_reflection_file {
    struct gw_slice name;
    struct gw_slice bytes; /* serialised FileDescriptorProto */
    const struct gw_reflection_file **imports;
    size_t import_count;
    size_t position; /* in gw_reflection_index.files */
};

/* The extensions of one message. */
struct gw_reflection_extendee {
    int32_t *numbers;
    const struct gw_reflection_file **files; /* files[i] declares numbers[i] */
    size_t count;
};

struct gw_reflection_index {
    struct gw_reflection_file *files;
    size_t file_count;
    struct gw_strmap by_name;   /* -> struct gw_reflection_file */
    struct gw_strmap by_symbol; /* full name, no leading dot -> struct gw_reflection_file */
    struct gw_strmap extendees; /* full name of a message -> struct gw_reflection_extendee */
    gw_pool *pool;
};

/* Memory comes from the pool, and from the heap for the maps. -1 with an error where the bytes are
 * not a FileDescriptorSet, a name is absent or an import is missing; `index` is then empty. */
int gw_reflection_index_init(struct gw_reflection_index *index, gw_pool *pool,
                             struct gw_slice descriptor_set, struct gw_error *error);
void gw_reflection_index_dispose(struct gw_reflection_index *index);

#endif
