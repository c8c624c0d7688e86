/* Which route a request takes. For each method a tree by segments: at each node a hash table of
 * literals, one `*` child and one `**` child. The most specific route wins, whatever the order of
 * adding: segment by segment a literal before `*` before `**`, then a verb before none; where the
 * more specific branch comes to nothing, the next one is tried.
 *
 * The cost of a match depends on the path and not on the number of routes: no node is visited
 * twice, and only a `*` beside a matching literal makes a match go more than one way
 * (gw_router_worst_case). Built once, then read by any thread. */
#ifndef GW_TRANSCODE_ROUTER_H
#define GW_TRANSCODE_ROUTER_H

#include "transcode/template.h"

struct gw_router;

struct gw_router *gw_router_create(void);
/* NULL is allowed. */
void gw_router_destroy(struct gw_router *router);

/* The method "*" stands for all (google.api.CustomHttpPattern), behind those that have a route for
 * the path. `method` and `template` are borrowed for the router's life; value is not NULL. Where a
 * route of the same method and an equal template (variables aside) is there already, adds nothing
 * and returns its value; NULL on success. */
void *gw_router_add(struct gw_router *router, struct gw_slice method,
                    const struct gw_template *template, void *value);

/* The most nodes in which any match looks for its next segment. What makes it grow are templates
 * with a literal here and a variable there in the same places: all combinations of k such places
 * cost 2^k. Not for the request path. */
size_t gw_router_worst_case(const struct gw_router *router);

#define GW_CAPTURES_MAX GW_TEMPLATE_VARIABLES_MAX
#define GW_ALLOWED_MAX 16

struct gw_route_match {
    void *value; /* NULL: no route */
    /* By variable of the template: the raw (still percent-encoded) part of the path. */
    struct gw_slice captures[GW_CAPTURES_MAX];
    size_t capture_count;
    /* Where only other methods match: their names, for Allow; in order of adding. */
    struct gw_slice allowed[GW_ALLOWED_MAX];
    size_t allowed_count;
};

/* `path` is the raw request path without the query. A segment of the path that is empty matches `*`
 * no more than a literal does; `**` matches any number of segments, also none. The last segment is
 * split at its last ':' where a route with that verb wants it, else ':' belongs to the segment.
 * HEAD does not stand for GET. Returns whether there is a route. */
bool gw_router_match(const struct gw_router *router, struct gw_slice method, struct gw_slice path,
                     struct gw_route_match *ret_match);

#endif
