/* The `routes` block. */
#include "config/keys.h"

#include <ctype.h>

#include "base/vec.h"
#include "config/forms.h"
#include "config/key_table.h"

/* --- forms --- */

/* METHOD and path apart by one space; the path's own syntax is transcode/'s. */
static bool is_match(struct gw_slice text)
{
    const char *space = memchr(text.base, ' ', text.len);
    size_t method = space ? (size_t)(space - text.base) : 0;
    for (size_t i = 0; i < method; i++) {
        if (!isupper((unsigned char)text.base[i]))
            return false;
    }
    struct gw_slice path = gw_slice_from(text, method);
    return method > 0 && gw_slice_starts_with(path, GW_SLICE(" /")) &&
           memchr(path.base + 1, ' ', path.len - 1) == NULL;
}

static const struct gw_form match_form = {is_match,
                                          "METHOD and path such as \"GET /v1/users/{id}\""};

static bool is_method(struct gw_slice text)
{
    const char *slash = memchr(text.base, '/', text.len);
    size_t service = slash ? (size_t)(slash - text.base) : 0;
    return service > 0 && gw_form_all_of(gw_slice(text.base, service), "_.") &&
           gw_form_all_of(gw_slice_from(text, service + 1), "_");
}

static const struct gw_form method_form = {is_method,
                                           "SERVICE/METHOD such as user.v1.UserService/GetUser"};

static bool is_service(struct gw_slice text)
{
    return gw_form_all_of(text, "_.");
}

static const struct gw_form service_form = {is_service,
                                            "the name of a service such as user.v1.UserService"};

/* --- the block --- */

static void begin_route(struct gw_reader *r, void *base)
{
    ((struct gw_config_route *)base)->json = r->config->json;
}

/* What a route leads to. */
static const struct route_kind {
    const char *name; /* of the key that makes a route one of this kind */
    bool has_match, has_rule, has_upstream;
} route_kinds[] = {
    {"annotations", .has_upstream = true},
    {"service", .has_upstream = true},
    {"files", .has_match = true},
    {"grpc", .has_match = true, .has_rule = true, .has_upstream = true},
};

static const struct route_kind *kind_of_route(const struct gw_yaml_node *mapping)
{
    for (size_t i = 0; i < COUNT(route_kinds); i++) {
        if (gw_yaml_get(mapping, gw_slice_str(route_kinds[i].name)) != NULL)
            return &route_kinds[i];
    }
    return NULL;
}

static void check_absent(struct gw_reader *r, const struct gw_yaml_node *mapping,
                         const struct route_kind *kind, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct gw_yaml_node *value = gw_yaml_get(mapping, gw_slice_str(names[i]));
        if (value != NULL && strcmp(names[i], kind->name) != 0)
            gw_diagnostics_add(r->errors, value->place,
                               "`%s` beside `%s`, expected one or the other", names[i], kind->name);
    }
}

static void check_present(struct gw_reader *r, const struct gw_yaml_node *mapping, const char *name)
{
    if (gw_yaml_get(mapping, gw_slice_str(name)) == NULL)
        gw_diagnostics_add(r->errors, mapping->place, "`%s` is missing in a route", name);
}

static void check_binding(struct gw_reader *r, const struct gw_yaml_node *mapping)
{
    static const char *const match[] = {"match"};
    static const char *const kinds[] = {"service", "files", "grpc"};
    static const char *const rule[] = {"body", "response_body"};
    static const char *const call[] = {"upstream", "timeout", "json"};
    const struct route_kind *kind = kind_of_route(mapping);
    if (kind == NULL) {
        gw_diagnostics_add(r->errors, mapping->place,
                           gw_yaml_get(mapping, GW_SLICE("match")) == NULL
                               ? "a route without a binding, expected `match` and `grpc`, `match` "
                                 "and `files`, `annotations` or `service`"
                               : "`grpc` is missing in a route");
        return;
    }
    if (kind->has_match)
        check_present(r, mapping, "match");
    else
        check_absent(r, mapping, kind, match, COUNT(match));
    check_absent(r, mapping, kind, kinds, COUNT(kinds));
    if (!kind->has_rule)
        check_absent(r, mapping, kind, rule, COUNT(rule));
    if (kind->has_upstream)
        check_present(r, mapping, "upstream");
    else
        check_absent(r, mapping, kind, call, COUNT(call));
}

static void check_upstream_name(struct gw_reader *r, const struct gw_string *name)
{
    const struct gw_config *config = r->config;
    GW_VEC(const char *) names = {0};
    bool found = false;
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (config->upstreams[i].name.text == NULL) {
            found = true; /* this may be it: its name is at fault, and told */
            continue;
        }
        *gw_vec_push(&names) = config->upstreams[i].name.text;
        found = found || strcmp(name->text, config->upstreams[i].name.text) == 0;
    }
    if (!found)
        gw_diagnostics_add(r->errors, name->place, "unknown upstream \"%s\"%s", name->text,
                           names.count > 0 ? gw_reader_expected_names(r, gw_slice_str(name->text),
                                                                      names.items, names.count)
                                           : ", expected one of `upstreams`, which has none");
    gw_vec_dispose(&names);
}

static void check_route(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_route *route = base;
    route->place = mapping->place;
    check_binding(r, mapping);
    if (route->upstream.text != NULL)
        check_upstream_name(r, &route->upstream);
}

#define AT(member) offsetof(struct gw_config_route, member)
static const struct gw_key route_keys[] = {
    {"match", gw_read_string, AT(match), .form = &match_form},
    {"grpc", gw_read_string, AT(grpc), .form = &method_form},
    {"body", gw_read_string, AT(body)},
    {"response_body", gw_read_string, AT(response_body)},
    {"annotations", gw_read_string, AT(annotations), .form = &service_form},
    {"service", gw_read_string, AT(service), .form = &service_form},
    {"files", gw_read_path, AT(files)},
    {"upstream", gw_read_string, AT(upstream)},
    {"timeout", gw_read_timeout, AT(timeout_ms), .min = 1, .max = 24 * HOUR},
    {"json", gw_read_block, AT(json), .block = &gw_json_keys},
    {"cors", gw_read_block, AT(cors), .block = &gw_cors_keys},
    {"retry"},
    {"hooks", gw_read_paths, AT(hooks)},
};
#undef AT
const struct gw_block gw_route_keys = {"a route", sizeof(struct gw_config_route), KEYS(route_keys),
                                       begin_route, check_route};
