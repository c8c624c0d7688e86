/* Full names: every message, enum and service gets its place before any is linked, since they refer
 * to each other in any order. */
#include "schema/loader.h"

#include "schema/names.h"

#define MAX_SYMBOLS ((size_t)1 << 20)

static int add_symbol(struct gw_loader *loader, const struct gw_schema_file *file,
                      const struct gw_symbol *parent, const char *name,
                      struct gw_symbol **ret_symbol)
{
    struct gw_slice scope = parent != NULL ? parent->full_name : gw_slice_str(file->proto->package);
    if (!gw_name_is_valid(name))
        return gw_loader_fail(loader, file, "a definition in \"%.*s\" has no valid name",
                              GW_SLICE_ARG(scope));
    if (scope.len + 1 + strlen(name) > GW_FULL_NAME_MAX_BYTES)
        return gw_loader_fail(loader, file, "the full name of %s is too long", name);
    if (loader->symbols.count == MAX_SYMBOLS)
        return gw_loader_fail(loader, file, "more than %zu definitions", MAX_SYMBOLS);

    struct gw_symbol *symbol = gw_pool_zeroed(&loader->scratch, 1, sizeof(*symbol));
    symbol->full_name = gw_pool_printf(&loader->schema->pool, "%.*s%s%s", GW_SLICE_ARG(scope),
                                       scope.len ? "." : "", name);
    symbol->file = file;
    symbol->parent = parent;
    const struct gw_symbol *known =
        gw_strmap_add(&loader->symbols_by_name, symbol->full_name, symbol);
    if (known != symbol)
        return gw_loader_fail(loader, file, "defines %.*s, which %s (%s) defines too",
                              GW_SLICE_ARG(symbol->full_name), known->file->name,
                              known->file->source->name);
    *gw_vec_push(&loader->symbols) = symbol;
    *ret_symbol = symbol;
    return 0;
}

static int declare_enum(struct gw_loader *loader, const struct gw_schema_file *file,
                        const struct gw_symbol *parent,
                        const Google__Protobuf__EnumDescriptorProto *proto)
{
    struct gw_schema *schema = loader->schema;
    struct gw_symbol *symbol;
    if (add_symbol(loader, file, parent, proto->name, &symbol) != 0)
        return -1;
    struct gw_enum_type *e = gw_pool_zeroed(&schema->pool, 1, sizeof(*e));
    e->full_name = symbol->full_name;
    symbol->enum_type = e;
    symbol->enum_proto = proto;
    *gw_vec_push(&schema->all_enums) = e;
    gw_strmap_add(&schema->enums, e->full_name, e);
    return 0;
}

/* Recurses as deep as gw_loader_read let the file nest. */
static int declare_message(struct gw_loader *loader, const struct gw_schema_file *file,
                           const struct gw_symbol *parent,
                           const Google__Protobuf__DescriptorProto *proto)
{
    struct gw_schema *schema = loader->schema;
    struct gw_symbol *symbol;
    if (add_symbol(loader, file, parent, proto->name, &symbol) != 0)
        return -1;
    struct gw_message_type *m = gw_pool_zeroed(&schema->pool, 1, sizeof(*m));
    m->full_name = symbol->full_name;
    symbol->message = m;
    symbol->message_proto = proto;
    *gw_vec_push(&schema->all_messages) = m;
    gw_strmap_add(&schema->messages, m->full_name, m);

    for (size_t i = 0; i < proto->n_nested_type; i++) {
        if (declare_message(loader, file, symbol, proto->nested_type[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        if (declare_enum(loader, file, symbol, proto->enum_type[i]) != 0)
            return -1;
    }
    return 0;
}

static int declare_service(struct gw_loader *loader, const struct gw_schema_file *file,
                           const Google__Protobuf__ServiceDescriptorProto *proto)
{
    struct gw_schema *schema = loader->schema;
    struct gw_symbol *symbol;
    if (add_symbol(loader, file, NULL, proto->name, &symbol) != 0)
        return -1;
    struct gw_service *service = gw_pool_zeroed(&schema->pool, 1, sizeof(*service));
    service->full_name = symbol->full_name;
    symbol->service = service;
    symbol->service_proto = proto;
    *gw_vec_push(&schema->all_services) = service;
    gw_strmap_add(&schema->services, service->full_name, service);
    return 0;
}

static int declare_file(struct gw_loader *loader, const struct gw_schema_file *file)
{
    const Google__Protobuf__FileDescriptorProto *proto = file->proto;
    if (proto->package != NULL && *proto->package != '\0' && !gw_full_name_is_valid(proto->package))
        return gw_loader_fail(loader, file, "its package is not a name");
    for (size_t i = 0; i < proto->n_message_type; i++) {
        if (declare_message(loader, file, NULL, proto->message_type[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        if (declare_enum(loader, file, NULL, proto->enum_type[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < proto->n_service; i++) {
        if (declare_service(loader, file, proto->service[i]) != 0)
            return -1;
    }
    return 0;
}

int gw_loader_declare(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->files.count; i++) {
        if (declare_file(loader, loader->files.items[i]) != 0)
            return -1;
    }
    return 0;
}

int gw_loader_resolve(struct gw_loader *loader, const struct gw_schema_file *file,
                      struct gw_slice user, const char *type_name,
                      const struct gw_symbol **ret_symbol)
{
    const char *name = type_name != NULL && *type_name == '.' ? type_name + 1 : type_name;
    if (!gw_full_name_is_valid(name))
        return gw_loader_fail(loader, file, "%.*s refers to a type without a valid name",
                              GW_SLICE_ARG(user));
    if (name == type_name)
        return gw_loader_fail(loader, file,
                              "%.*s refers to type \"%s\"; only absolute names (\".%s\") are known",
                              GW_SLICE_ARG(user), name, name);
    const struct gw_symbol *symbol = gw_strmap_get(&loader->symbols_by_name, gw_slice_str(name));
    if (symbol == NULL)
        return gw_loader_fail(loader, file,
                              "%.*s refers to type %s, which %s; compile with --include_imports",
                              GW_SLICE_ARG(user), name, gw_loader_lacks(loader));
    *ret_symbol = symbol;
    return 0;
}
