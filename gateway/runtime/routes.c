/* From the configuration's routes to bindings in a router. */
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* For people. */
static struct gw_slice target_of(const struct gw_route *route)
{
    return route->method != NULL ? route->method->full_name : gw_slice_str(route->files);
}

static void report_clash(struct linker *l, const struct gw_route *route,
                         const struct gw_route *other)
{
    struct gw_place place = other->place;
    gw_diagnostics_add(l->errors, route->place,
                       "route %.*s %.*s (%.*s) clashes with %.*s %.*s (%.*s) of %s:%u:%u",
                       GW_SLICE_ARG(route->http_method), GW_SLICE_ARG(route->template),
                       GW_SLICE_ARG(target_of(route)), GW_SLICE_ARG(other->http_method),
                       GW_SLICE_ARG(other->template), GW_SLICE_ARG(target_of(other)), place.file,
                       place.line, place.column);
}

/* Takes what it points at. */
static void add_route(struct linker *l, const struct gw_template *template,
                      const struct gw_route *values)
{
    struct gw_snapshot *s = l->snapshot;
    struct gw_route *route = gw_alloc(sizeof(*route));
    *route = *values;
    route->index = (uint32_t)s->routes.count;
    route->template = template->text;
    route->cors = l->config->cors.is_present ? &l->config->cors : gw_snapshot_cors(s);
    *gw_vec_push(&s->routes) = route;
    const struct gw_route *taken = gw_router_add(s->router, route->http_method, template, route);
    if (taken != NULL)
        report_clash(l, route, taken);
}

/* Takes the binding. */
static void add_binding(struct linker *l, struct gw_binding *binding, struct gw_place place)
{
    add_route(l, &binding->template,
              &(struct gw_route){
                  .http_method = binding->http_method,
                  .method = binding->method,
                  .method_index = method_index(l->snapshot, binding->method),
                  .binding = binding,
                  .upstream = l->upstream,
                  .serves_grpc = l->config->service.text != NULL,
                  .timeout_ms = l->config->timeout_ms,
                  .place = place,
                  .config = l->config,
              });
}

static struct gw_json_options json_options(const struct gw_config_json *json, uint64_t max_bytes)
{
    return (struct gw_json_options){
        .preserve_proto_names = json->preserve_proto_names,
        .always_print_defaults = json->always_print_defaults,
        .enums_as_ints = json->enums_as_ints,
        .ignore_unknown_fields = json->ignore_unknown_fields,
        .max_bytes = max_bytes,
    };
}

static struct gw_binding *bind_rule(struct linker *l, const struct gw_method *method,
                                    const struct gw_http_rule *rule, enum gw_rule_part *ret_part,
                                    struct gw_error *error)
{
    struct gw_json_options json =
        json_options(&l->config->json, l->snapshot->config->upstreams[l->upstream].max_json_bytes);
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
            add_binding(l, binding, place);
        else
            gw_diagnostics_add(l->errors, place, "http rule of %.*s: %s",
                               GW_SLICE_ARG(method->full_name), error.message);
    }
}

static void report_unknown_service(struct linker *l, const struct gw_string *text)
{
    struct gw_slice name = gw_slice_str(text->text);
    const struct gw_schema *schema = l->snapshot->schema;
    struct gw_nearest_search search;
    char hint[256];
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < gw_schema_service_count(schema); i++)
        gw_nearest_offer(&search, gw_schema_service_at(schema, i)->full_name);
    gw_diagnostics_add(l->errors, text->place,
                       "unknown service \"%.*s\", expected one of the descriptor sets%s",
                       GW_SLICE_ARG(name), gw_nearest_hint(&search, hint, sizeof(hint)));
}

static void link_annotations(struct linker *l)
{
    struct gw_slice name = gw_slice_str(l->config->annotations.text);
    const struct gw_service *service = gw_schema_service(l->snapshot->schema, name);
    if (service == NULL) {
        report_unknown_service(l, &l->config->annotations);
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

/* Every method by its name, as gRPC calls it. */
static void link_service(struct linker *l)
{
    const struct gw_string *name = &l->config->service;
    const struct gw_service *service =
        gw_schema_service(l->snapshot->schema, gw_slice_str(name->text));
    if (service == NULL)
        report_unknown_service(l, name);
    for (size_t i = 0; service != NULL && i < service->method_count; i++) {
        const struct gw_method *method = service->methods[i];
        struct gw_http_rule rule = {
            .method = GW_SLICE("POST"), .path = method->path, .body = GW_SLICE("*")};
        enum gw_rule_part part;
        struct gw_error error;
        struct gw_binding *binding = bind_rule(l, method, &rule, &part, &error);
        if (binding != NULL)
            add_binding(l, binding, name->place);
        else
            gw_diagnostics_add(l->errors, name->place, "%.*s: %s", GW_SLICE_ARG(method->full_name),
                               error.message);
    }
}

/* Literals, and `**` behind them. */
static bool is_folder(const struct gw_template *t)
{
    for (size_t i = 0; i + 1 < t->segment_count; i++) {
        if (t->segments[i].kind != GW_SEGMENT_LITERAL)
            return false;
    }
    return t->segment_count > 0 && t->variable_count == 0 && t->verb.len == 0 &&
           t->segments[t->segment_count - 1].kind == GW_SEGMENT_DOUBLE_STAR;
}

static void add_files(struct linker *l, struct gw_slice http_method, struct gw_slice path)
{
    const struct gw_config_route *config = l->config;
    struct gw_template *template = gw_alloc(sizeof(*template));
    struct gw_error error;
    bool is_sound = gw_template_parse(template, path, &error) == 0;
    if (is_sound && is_folder(template)) {
        add_route(l, template,
                  &(struct gw_route){
                      .http_method = http_method,
                      .files = config->files.text,
                      .file_template = template,
                      .place = config->match.place,
                      .config = config,
                  });
        return;
    }
    gw_diagnostics_add(l->errors, config->match.place, "%s",
                       is_sound ? "files are matched by a path such as /docs/**" : error.message);
    gw_template_dispose(template);
    free(template);
}

static void link_files(struct linker *l)
{
    const struct gw_string *folder = &l->config->files;
    struct gw_slice match = gw_slice_str(l->config->match.text);
    struct stat status;
    if (stat(folder->text, &status) != 0 || !S_ISDIR(status.st_mode))
        gw_diagnostics_add(l->errors, folder->place, "\"%s\" is not a folder", folder->text);
    if (!gw_slice_starts_with(match, GW_SLICE("GET "))) {
        gw_diagnostics_add(l->errors, l->config->match.place, "files are matched by GET");
        return;
    }
    size_t errors = l->errors->count;
    add_files(l, GW_SLICE("GET"), gw_slice_from(match, 4));
    if (l->errors->count == errors)
        add_files(l, GW_SLICE("HEAD"), gw_slice_from(match, 4));
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
        add_binding(l, binding, route->match.place);
    else
        gw_diagnostics_add(l->errors, place_of(route, part), "%s", error.message);
}

void gw_routes_link(struct gw_snapshot *snapshot, struct gw_diagnostics *errors)
{
    for (size_t i = 0; i < snapshot->config->route_count; i++) {
        struct linker l = {snapshot, &snapshot->config->routes[i], 0, errors};
        if (l.config->files.text != NULL) {
            link_files(&l);
            continue;
        }
        find_upstream(&l);
        if (l.config->annotations.text != NULL)
            link_annotations(&l);
        else if (l.config->service.text != NULL)
            link_service(&l);
        else
            link_match(&l);
    }
}
