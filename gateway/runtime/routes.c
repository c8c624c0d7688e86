/* From the configuration's routes to bindings in a router. */
#include "runtime/internal.h"

#include <string.h>

/* One route of the configuration while its bindings are made. */
struct linker {
    struct gw_snapshot *snapshot;
    const struct gw_config_route *config;
    size_t upstream;
    struct gw_diagnostics *errors;
};

static int find_upstream(struct linker *l)
{
    const struct gw_config *config = l->snapshot->config;
    struct gw_slice name = gw_slice_str(l->config->upstream.text);
    struct gw_nearest_search search;
    char hint[128];
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < config->upstream_count; i++) {
        struct gw_slice candidate = gw_slice_str(config->upstreams[i].name.text);
        if (gw_slice_eq(candidate, name)) {
            l->upstream = i;
            return 0;
        }
        gw_nearest_offer(&search, candidate);
    }
    gw_diagnostics_add(l->errors, l->config->upstream.place, "unknown upstream \"%.*s\"%s",
                       GW_SLICE_ARG(name), gw_nearest_hint(&search, hint, sizeof(hint)));
    return -1;
}

static uint32_t method_index(struct gw_snapshot *s, const struct gw_method *method)
{
    for (size_t i = 0; i < s->methods.count; i++) {
        if (s->methods.items[i] == method)
            return (uint32_t)i;
    }
    *gw_vec_push(&s->methods) = method;
    return (uint32_t)s->methods.count - 1;
}

static void report_clash(struct linker *l, const struct gw_route *route,
                         const struct gw_route *other)
{
    struct gw_place place = other->place;
    gw_diagnostics_add(l->errors, route->place,
                       "route %.*s %.*s (%.*s) clashes with %.*s %.*s (%.*s) of %s:%u:%u",
                       GW_SLICE_ARG(route->http_method), GW_SLICE_ARG(route->template),
                       GW_SLICE_ARG(route->method->full_name), GW_SLICE_ARG(other->http_method),
                       GW_SLICE_ARG(other->template), GW_SLICE_ARG(other->method->full_name),
                       place.file, place.line, place.column);
}

/* Takes the binding. */
static void add_route(struct linker *l, struct gw_binding *binding, struct gw_place place)
{
    struct gw_snapshot *s = l->snapshot;
    const struct gw_method *method = binding->method;
    struct gw_route *route = gw_alloc(sizeof(*route));
    *route = (struct gw_route){
        .index = (uint32_t)s->routes.count,
        .http_method = binding->http_method,
        .template = binding->template.text,
        .method = method,
        .method_index = method_index(s, method),
        .binding = binding,
        .upstream = l->upstream,
        .timeout_ms = l->config->timeout_ms,
        .place = place,
    };
    *gw_vec_push(&s->routes) = route;
    const struct gw_route *taken =
        gw_router_add(s->router, route->http_method, &binding->template, route);
    if (taken != NULL)
        report_clash(l, route, taken);
}

static struct gw_json_options json_options(const struct gw_config_json *json)
{
    return (struct gw_json_options){
        .preserve_proto_names = json->preserve_proto_names,
        .always_print_defaults = json->always_print_defaults,
        .enums_as_ints = json->enums_as_ints,
        .ignore_unknown_fields = json->ignore_unknown_fields,
    };
}

static struct gw_binding *bind_rule(struct linker *l, const struct gw_method *method,
                                    const struct gw_http_rule *rule, enum gw_rule_part *ret_part,
                                    struct gw_error *error)
{
    struct gw_json_options json = json_options(&l->config->json);
    return gw_binding_create(l->snapshot->schema, method, rule, &json, ret_part, error);
}

static void link_annotated_method(struct linker *l, const struct gw_method *method)
{
    struct gw_place place = l->config->annotations.place;
    for (size_t i = 0; i < method->rule_count; i++) {
        enum gw_rule_part part;
        struct gw_error error;
        struct gw_binding *binding = bind_rule(l, method, &method->rules[i], &part, &error);
        if (binding != NULL)
            add_route(l, binding, place);
        else
            gw_diagnostics_add(l->errors, place, "http rule of %.*s: %s",
                               GW_SLICE_ARG(method->full_name), error.message);
    }
}

static void report_unknown_service(struct linker *l, struct gw_slice name)
{
    const struct gw_schema *schema = l->snapshot->schema;
    struct gw_nearest_search search;
    char hint[256];
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < gw_schema_service_count(schema); i++)
        gw_nearest_offer(&search, gw_schema_service_at(schema, i)->full_name);
    gw_diagnostics_add(l->errors, l->config->annotations.place,
                       "unknown service \"%.*s\", expected one of the descriptor sets%s",
                       GW_SLICE_ARG(name), gw_nearest_hint(&search, hint, sizeof(hint)));
}

static void link_annotations(struct linker *l)
{
    struct gw_slice name = gw_slice_str(l->config->annotations.text);
    const struct gw_service *service = gw_schema_service(l->snapshot->schema, name);
    if (service == NULL) {
        report_unknown_service(l, name);
        return;
    }
    size_t rules = 0;
    for (size_t i = 0; i < service->method_count; i++) {
        rules += service->methods[i]->rule_count;
        link_annotated_method(l, service->methods[i]);
    }
    if (rules == 0)
        gw_diagnostics_add(l->errors, l->config->annotations.place,
                           "no method of service \"%.*s\" has a google.api.http rule",
                           GW_SLICE_ARG(name));
}

static void report_unknown_method(struct linker *l, struct gw_slice name)
{
    const struct gw_schema *schema = l->snapshot->schema;
    struct gw_nearest_search search;
    char hint[256];
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < gw_schema_method_count(schema); i++)
        gw_nearest_offer(&search, gw_schema_method_at(schema, i)->full_name);
    gw_diagnostics_add(l->errors, l->config->grpc.place,
                       "unknown method \"%.*s\", expected one of the descriptor sets%s",
                       GW_SLICE_ARG(name), gw_nearest_hint(&search, hint, sizeof(hint)));
}

static struct gw_place place_of(const struct gw_config_route *route, enum gw_rule_part part)
{
    switch (part) {
    case GW_RULE_BODY:
        return route->body.place;
    case GW_RULE_RESPONSE_BODY:
        return route->response_body.place;
    case GW_RULE_PATH:
        break;
    }
    return route->match.place;
}

/* "GET /v1/users" */
static void link_match(struct linker *l)
{
    const struct gw_config_route *route = l->config;
    struct gw_slice name = gw_slice_str(route->grpc.text), match = gw_slice_str(route->match.text);
    const struct gw_method *method = gw_schema_method(l->snapshot->schema, name);
    if (method == NULL) {
        report_unknown_method(l, name);
        return;
    }
    size_t space = strcspn(route->match.text, " ");
    struct gw_http_rule rule = {
        .method = gw_slice(match.base, space),
        .path = gw_slice_from(match, space < match.len ? space + 1 : space),
        .body = gw_slice_str(route->body.text),
        .response_body = gw_slice_str(route->response_body.text),
    };
    enum gw_rule_part part;
    struct gw_error error;
    struct gw_binding *binding = bind_rule(l, method, &rule, &part, &error);
    if (binding != NULL)
        add_route(l, binding, route->match.place);
    else
        gw_diagnostics_add(l->errors, place_of(route, part), "%s", error.message);
}

void gw_routes_link(struct gw_snapshot *snapshot, struct gw_diagnostics *errors)
{
    for (size_t i = 0; i < snapshot->config->route_count; i++) {
        struct linker l = {snapshot, &snapshot->config->routes[i], 0, errors};
        find_upstream(&l);
        if (l.config->annotations.text != NULL)
            link_annotations(&l);
        else
            link_match(&l);
    }
}
