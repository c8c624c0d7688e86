/* What the files of this folder share. */
#ifndef GW_RUNTIME_INTERNAL_H
#define GW_RUNTIME_INTERNAL_H

#include "base/vec.h"
#include "runtime/snapshot.h"

struct gw_snapshot {
    const struct gw_config *config;
    struct gw_schema *schema;
    struct gw_router *router;
    GW_VEC(struct gw_route *) routes;
    GW_VEC(const struct gw_method *) methods;
};

/* Adds the configuration's routes. What is wrong goes to `errors`, and reading goes on. */
void gw_routes_link(struct gw_snapshot *snapshot, struct gw_diagnostics *errors);

#endif
