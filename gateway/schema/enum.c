#include "schema/loader.h"

#include "schema/names.h"

/* By number, then in order of declaration: the array's. */
static int compare_values(const void *left, const void *right)
{
    const struct gw_enum_value *a = *(struct gw_enum_value *const *)left;
    const struct gw_enum_value *b = *(struct gw_enum_value *const *)right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int sort_by_number(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_enum_type *e = symbol->enum_type;
    const Google__Protobuf__EnumOptions *options = symbol->enum_proto->options;
    e->by_number = gw_pool_zeroed(&loader->schema->pool, e->value_count, sizeof(*e->by_number));
    for (size_t i = 0; i < e->value_count; i++)
        e->by_number[i] = &e->values[i];
    qsort(e->by_number, e->value_count, sizeof(*e->by_number), compare_values);
    for (size_t i = 0; i < e->value_count; i++) {
        struct gw_enum_value *value = e->by_number[i];
        if (i == 0 || value->number != e->by_number[e->by_number_count - 1]->number)
            e->by_number[e->by_number_count++] = value;
        else if (options == NULL || !options->allow_alias)
            return gw_loader_fail(loader, symbol->file,
                                  "%.*s has number %d twice without allow_alias",
                                  GW_SLICE_ARG(e->full_name), value->number);
    }
    return 0;
}

static int link_enum(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_enum_type *e = symbol->enum_type;
    const Google__Protobuf__EnumDescriptorProto *proto = symbol->enum_proto;
    e->is_closed = !symbol->file->is_proto3;
    e->is_null_value = gw_slice_eq(e->full_name, GW_SLICE("google.protobuf.NullValue"));
    if (proto->n_value == 0)
        return gw_loader_fail(loader, symbol->file, "%.*s has no values",
                              GW_SLICE_ARG(e->full_name));
    e->values = gw_pool_zeroed(&loader->schema->pool, proto->n_value, sizeof(*e->values));
    for (size_t i = 0; i < proto->n_value; i++) {
        const char *name = proto->value[i]->name;
        if (!gw_name_is_valid(name))
            return gw_loader_fail(loader, symbol->file, "a value of %.*s has no valid name",
                                  GW_SLICE_ARG(e->full_name));
        struct gw_enum_value *value = &e->values[e->value_count++];
        value->name = gw_pool_dup(&loader->schema->pool, gw_slice_str(name));
        value->number = proto->value[i]->number;
        if (gw_strmap_add(&e->by_name, value->name, value) != value)
            return gw_loader_fail(loader, symbol->file, "%.*s has value %s twice",
                                  GW_SLICE_ARG(e->full_name), name);
    }
    if (!e->is_closed && e->values[0].number != 0)
        return gw_loader_fail(loader, symbol->file, "the first value of %.*s is not 0",
                              GW_SLICE_ARG(e->full_name));
    return sort_by_number(loader, symbol);
}

int gw_loader_link_enums(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->symbols.count; i++) {
        const struct gw_symbol *symbol = loader->symbols.items[i];
        if (symbol->enum_type != NULL && link_enum(loader, symbol) != 0)
            return -1;
    }
    return 0;
}
