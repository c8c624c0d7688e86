#include "schema/loader.h"

#include "schema/names.h"

#define MAX_METHODS ((size_t)1 << 20)

/* An input or output. */
static int resolve_message(struct gw_loader *loader, const struct gw_schema_file *file,
                           const struct gw_method *method, const char *type_name,
                           const struct gw_message_type **ret_message)
{
    const struct gw_symbol *symbol;
    if (gw_loader_resolve(loader, file, method->full_name, type_name, &symbol) != 0)
        return -1;
    if (symbol->message == NULL)
        return gw_loader_fail(loader, file, "%.*s: %s is no message",
                              GW_SLICE_ARG(method->full_name), type_name);
    *ret_message = symbol->message;
    return 0;
}

static int link_method(struct gw_loader *loader, const struct gw_symbol *symbol,
                       const Google__Protobuf__MethodDescriptorProto *proto)
{
    struct gw_schema *schema = loader->schema;
    struct gw_service *service = symbol->service;
    if (!gw_name_is_valid(proto->name))
        return gw_loader_fail(loader, symbol->file, "a method of %.*s has no valid name",
                              GW_SLICE_ARG(service->full_name));
    if (schema->all_methods.count == MAX_METHODS)
        return gw_loader_fail(loader, symbol->file, "more than %zu methods", MAX_METHODS);
    struct gw_method *method = gw_pool_zeroed(&schema->pool, 1, sizeof(*method));
    method->path =
        gw_pool_printf(&schema->pool, "/%.*s/%s", GW_SLICE_ARG(service->full_name), proto->name);
    method->full_name = gw_slice_from(method->path, 1);
    method->service = service->full_name;
    method->name = gw_slice_from(method->full_name, service->full_name.len + 1);
    method->client_streaming = proto->client_streaming;
    method->server_streaming = proto->server_streaming;
    method->index = (uint32_t)schema->all_methods.count;
    if (gw_strmap_add(&schema->methods, method->full_name, method) != method)
        return gw_loader_fail(loader, symbol->file, "%.*s is there twice",
                              GW_SLICE_ARG(method->full_name));
    *gw_vec_push(&schema->all_methods) = method;
    service->methods[service->method_count++] = method;
    if (resolve_message(loader, symbol->file, method, proto->input_type, &method->input) != 0 ||
        resolve_message(loader, symbol->file, method, proto->output_type, &method->output) != 0)
        return -1;
    return gw_loader_http_rules(loader, symbol->file, method, proto->options);
}

int gw_loader_link_services(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->symbols.count; i++) {
        const struct gw_symbol *symbol = loader->symbols.items[i];
        if (symbol->service == NULL)
            continue;
        const Google__Protobuf__ServiceDescriptorProto *proto = symbol->service_proto;
        symbol->service->methods = gw_pool_zeroed(&loader->schema->pool, proto->n_method,
                                                  sizeof(*symbol->service->methods));
        for (size_t k = 0; k < proto->n_method; k++) {
            if (link_method(loader, symbol, proto->method[k]) != 0)
                return -1;
        }
    }
    return 0;
}
