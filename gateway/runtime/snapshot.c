#include "runtime/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "balance/balancer.h"
#include "base/file.h"
#include "runtime/internal.h"
#include "runtime/listener_tls.h"

/* Most nodes that a match may visit (gw_router_worst_case). Real sets of routes need some dozens.
 */
#define MATCH_VISITS_MAX 4096

static int read_file(const struct gw_string *path, struct gw_buf *out,
                     struct gw_diagnostics *errors)
{
    struct gw_error error;
    if (gw_file_read(path->text, GW_FILE_REGULAR, GW_SCHEMA_SOURCE_MAX_BYTES, out, &error) == 0)
        return 0;
    gw_diagnostics_add(errors, path->place, "cannot read descriptor set \"%s\": %s", path->text,
                       error.message);
    return -1;
}

static struct gw_schema *load_schema(const struct gw_config *config, struct gw_diagnostics *errors)
{
    size_t count = config->descriptor_sets.count;
    struct gw_buf *files = gw_alloc(count * sizeof(*files));
    struct gw_schema_source *sources = gw_alloc(count * sizeof(*sources));
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gw_string *path = &config->descriptor_sets.items[i];
        failed |= read_file(path, &files[i], errors);
        sources[i] = (struct gw_schema_source){gw_buf_slice(&files[i]), path->text};
    }
    struct gw_schema *schema = NULL;
    struct gw_error error;
    if (failed == 0 && (schema = gw_schema_load(sources, count, &error)) == NULL) {
        struct gw_place whole_file = {config->file, 0, 0};
        gw_diagnostics_add(errors, count ? config->descriptor_sets.items[0].place : whole_file,
                           "%s", error.message);
    }
    for (size_t i = 0; i < count; i++)
        gw_buf_dispose(&files[i]);
    free(files);
    free(sources);
    return schema;
}

static void check_strategy(const struct gw_string *strategy, struct gw_diagnostics *errors)
{
    if (gw_balancer_find(gw_slice_str(strategy->text)) != NULL)
        return;
    struct gw_buf names = GW_BUF_HEAP;
    struct gw_nearest_search search;
    char hint[128];
    gw_nearest_begin(&search, gw_slice_str(strategy->text));
    for (const struct gw_balancer_ops *const *ops = gw_balancers; *ops != NULL; ops++) {
        gw_buf_printf(&names, "%s%s", names.len ? ", " : "", (*ops)->name);
        gw_nearest_offer(&search, gw_slice_str((*ops)->name));
    }
    gw_diagnostics_add(errors, strategy->place, "unknown strategy \"%s\", expected one of %s%s",
                       strategy->text, gw_buf_terminate(&names),
                       gw_nearest_hint(&search, hint, sizeof(hint)));
    gw_buf_dispose(&names);
}

static void check_tls(const struct gw_config *config, struct gw_diagnostics *errors)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].tls.certificate_count > 0)
            gw_tls_context_unref(
                gw_listener_tls_create(&config->listeners[i], NULL, 0, NULL, errors));
    }
}

static void check_match_cost(const struct gw_snapshot *s, struct gw_diagnostics *errors)
{
    size_t visits = gw_router_worst_case(s->router);
    if (visits > MATCH_VISITS_MAX)
        gw_diagnostics_add(errors, s->config->routes[0].place,
                           "too many routes that differ in having a literal or a variable in the "
                           "same places: matching a path may take %zu steps, at most %d are "
                           "allowed",
                           visits, MATCH_VISITS_MAX);
}

struct gw_snapshot *gw_snapshot_create(const struct gw_config *config,
                                       struct gw_diagnostics *errors)
{
    size_t errors_before = errors->count;
    struct gw_snapshot *s = gw_alloc(sizeof(*s));
    s->config = config;
    s->router = gw_router_create();
    for (size_t i = 0; i < config->upstream_count; i++)
        check_strategy(&config->upstreams[i].strategy, errors);
    check_tls(config, errors);
    s->schema = load_schema(config, errors);
    if (s->schema != NULL) {
        gw_routes_link(s, errors);
        check_match_cost(s, errors);
    }
    if (errors->count == errors_before)
        return s;
    gw_snapshot_destroy(s);
    return NULL;
}

void gw_snapshot_destroy(struct gw_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    gw_router_destroy(snapshot->router);
    for (size_t i = 0; i < snapshot->routes.count; i++) {
        struct gw_route *route = snapshot->routes.items[i];
        gw_binding_destroy(route->binding);
        if (route->file_template != NULL)
            gw_template_dispose(route->file_template);
        free(route->file_template);
        free(route);
    }
    gw_vec_dispose(&snapshot->routes);
    gw_vec_dispose(&snapshot->methods);
    gw_schema_destroy(snapshot->schema);
    free(snapshot);
}

const struct gw_config *gw_snapshot_config(const struct gw_snapshot *snapshot)
{
    return snapshot->config;
}

const struct gw_schema *gw_snapshot_schema(const struct gw_snapshot *snapshot)
{
    return snapshot->schema;
}

const struct gw_config_cors *gw_snapshot_cors(const struct gw_snapshot *snapshot)
{
    return snapshot->config->cors.is_present ? &snapshot->config->cors : NULL;
}

size_t gw_snapshot_route_count(const struct gw_snapshot *snapshot)
{
    return snapshot->routes.count;
}

const struct gw_route *gw_snapshot_route_at(const struct gw_snapshot *snapshot, size_t index)
{
    return snapshot->routes.items[index];
}

size_t gw_snapshot_method_count(const struct gw_snapshot *snapshot)
{
    return snapshot->methods.count;
}

const struct gw_method *gw_snapshot_method_at(const struct gw_snapshot *snapshot, size_t index)
{
    return snapshot->methods.items[index];
}

bool gw_snapshot_match(const struct gw_snapshot *snapshot, struct gw_slice http_method,
                       struct gw_slice path, struct gw_route_match *ret_match)
{
    return gw_router_match(snapshot->router, http_method, path, ret_match);
}
