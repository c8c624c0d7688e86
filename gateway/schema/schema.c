#include "schema/schema.h"

#include <stdarg.h>
#include <stdio.h>

#include "schema/loader.h"

static int run(struct gw_loader *loader)
{
    if (gw_loader_read(loader) != 0 || gw_loader_declare(loader) != 0 ||
        gw_loader_link_enums(loader) != 0 || gw_loader_link_messages(loader) != 0)
        return -1;
    return gw_loader_link_services(loader);
}

struct gw_schema *gw_schema_load(const struct gw_schema_source *sources, size_t count,
                                 struct gw_error *error)
{
    struct gw_loader loader = {
        .schema = gw_alloc(sizeof(struct gw_schema)),
        .sources = sources,
        .source_count = count,
        .error = error,
    };
    h2o_mem_init_pool(&loader.schema->pool);
    h2o_mem_init_pool(&loader.scratch);
    int result = run(&loader);
    gw_loader_free_files(&loader);
    gw_vec_dispose(&loader.symbols);
    gw_strmap_dispose(&loader.symbols_by_name);
    h2o_mem_clear_pool(&loader.scratch);
    if (result == 0)
        return loader.schema;
    gw_schema_destroy(loader.schema);
    return NULL;
}

int gw_loader_fail(struct gw_loader *loader, const struct gw_schema_file *file, const char *format,
                   ...)
{
    char what[sizeof(((struct gw_error *)NULL)->message)];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return gw_error_set(loader->error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "%s: %s: %s",
                        file->source->name, file->name, what);
}

const char *gw_loader_lacks(const struct gw_loader *loader)
{
    return loader->source_count > 1 ? "none of the sets has" : "the set lacks";
}

void *gw_pool_zeroed(gw_pool *pool, size_t count, size_t bytes)
{
    void *memory = h2o_mem_alloc_pool(pool, count * bytes);
    memset(memory, 0, count * bytes);
    return memory;
}

void gw_schema_destroy(struct gw_schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; i < schema->all_messages.count; i++)
        gw_strmap_dispose(&schema->all_messages.items[i]->by_name);
    for (size_t i = 0; i < schema->all_enums.count; i++)
        gw_strmap_dispose(&schema->all_enums.items[i]->by_name);
    gw_vec_dispose(&schema->all_messages);
    gw_vec_dispose(&schema->all_enums);
    gw_vec_dispose(&schema->all_services);
    gw_vec_dispose(&schema->all_methods);
    gw_strmap_dispose(&schema->messages);
    gw_strmap_dispose(&schema->enums);
    gw_strmap_dispose(&schema->services);
    gw_strmap_dispose(&schema->methods);
    h2o_mem_clear_pool(&schema->pool);
    free(schema);
}

const struct gw_message_type *gw_schema_message(const struct gw_schema *schema,
                                                struct gw_slice name)
{
    return gw_strmap_get(&schema->messages, name);
}

const struct gw_enum_type *gw_schema_enum(const struct gw_schema *schema, struct gw_slice name)
{
    return gw_strmap_get(&schema->enums, name);
}

const struct gw_service *gw_schema_service(const struct gw_schema *schema, struct gw_slice name)
{
    return gw_strmap_get(&schema->services, name);
}

const struct gw_method *gw_schema_method(const struct gw_schema *schema, struct gw_slice name)
{
    if (name.len > 0 && name.base[0] == '/')
        name = gw_slice_from(name, 1);
    return gw_strmap_get(&schema->methods, name);
}

size_t gw_schema_method_count(const struct gw_schema *schema)
{
    return schema->all_methods.count;
}

const struct gw_method *gw_schema_method_at(const struct gw_schema *schema, size_t index)
{
    return schema->all_methods.items[index];
}

size_t gw_schema_service_count(const struct gw_schema *schema)
{
    return schema->all_services.count;
}

const struct gw_service *gw_schema_service_at(const struct gw_schema *schema, size_t index)
{
    return schema->all_services.items[index];
}

const struct gw_field *gw_message_field_by_number_slow(const struct gw_message_type *m, uint32_t n)
{
    uint32_t low = 0, high = m->field_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m->fields[middle].number < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->field_count && m->fields[low].number == n ? &m->fields[low] : NULL;
}

const struct gw_enum_value *gw_enum_value_by_name(const struct gw_enum_type *e,
                                                  struct gw_slice name)
{
    return gw_strmap_get(&e->by_name, name);
}

const struct gw_enum_value *gw_enum_value_by_number(const struct gw_enum_type *e, int32_t number)
{
    size_t low = 0, high = e->by_number_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->by_number[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < e->by_number_count && e->by_number[low]->number == number ? e->by_number[low]
                                                                           : NULL;
}
