#include "config/config.h"

#include <stdlib.h>

#include "base/file.h"
#include "config/keys.h"

struct gw_config *gw_config_load(const char *path, struct gw_diagnostics *errors)
{
    struct gw_buf text = GW_BUF_HEAP;
    struct gw_config *config = NULL;
    struct gw_error error;
    if (gw_file_read(path, GW_FILE_OR_PIPE, GW_YAML_MAX_BYTES, &text, &error) == 0)
        config = gw_config_parse(path, gw_buf_slice(&text), errors);
    else
        gw_diagnostics_add(errors, (struct gw_place){path, 0, 0}, "cannot be read: %s",
                           error.message);
    gw_buf_dispose(&text);
    return config;
}

static struct gw_config *create(const char *path)
{
    gw_pool *pool = gw_alloc(sizeof(*pool));
    h2o_mem_init_pool(pool);
    struct gw_config *config = h2o_mem_alloc_pool(pool, sizeof(*config));
    *config =
        (struct gw_config){.file = gw_pool_dup(pool, gw_slice_str(path)).base, .memory = pool};
    return config;
}

struct gw_config *gw_config_parse(const char *path, struct gw_slice text,
                                  struct gw_diagnostics *errors)
{
    size_t errors_before = errors->count;
    struct gw_config *config = create(path);
    gw_pool scratch;
    h2o_mem_init_pool(&scratch);
    const struct gw_yaml_node *root = gw_yaml_parse(&scratch, config->file, text, errors);
    if (root != NULL) {
        struct gw_reader reader = {config->memory, &scratch, errors, config};
        gw_read_file(&reader, &gw_config_keys, root, config);
    }
    h2o_mem_clear_pool(&scratch);
    if (errors->count == errors_before)
        return config;
    gw_config_destroy(config);
    return NULL;
}

void gw_config_destroy(struct gw_config *config)
{
    if (config == NULL)
        return;
    gw_pool *pool = config->memory;
    h2o_mem_clear_pool(pool);
    free(pool);
}
