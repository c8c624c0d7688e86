/* Which route a request takes. A tree by segments: at each node a hash table of literals, one `*`
 * child and one `**` child, so that the cost of a match depends on the path's length and not on the
 * number of routes. Most specific first, whatever the order of adding: literal before `*` before
 * `**`, a verb before none. Built once, then read by any thread. */
#ifndef GW_TRANSCODE_ROUTER_H
#define GW_TRANSCODE_ROUTER_H

#include "transcode/template.h"

struct gw_router;

struct gw_router *gw_router_create(void);
void gw_router_destroy(struct gw_router *router);

/* `template` is borrowed for the router's life; value is not NULL. Where a route of the same method
 * and an equal template (variables' names aside) is there already, adds nothing and returns its
 * value; NULL on success. */
void *gw_router_add(struct gw_router *router, struct gw_slice method,
                    const struct gw_template *template, void *value);

#define GW_CAPTURES_MAX 16

struct gw_route_match {
    void *value; /* NULL: no route */
    /* By variable of the template: the raw (still percent-encoded) part of the path. */
    struct gw_slice captures[GW_CAPTURES_MAX];
    size_t capture_count;
    /* Where only other methods match: their names, for Allow; in order of adding, at most 16. */
    struct gw_slice allowed[16];
    size_t allowed_count;
};

/* `path` is the raw request path without the query. A segment of the path that is empty matches `*`
 * no more than a literal does; `**` matches any number of segments, also none. HEAD does not stand
 * for GET. Returns whether there is a route. Paths of more than 128 segments have none. */
bool gw_router_match(const struct gw_router *router, struct gw_slice method, struct gw_slice path,
                     struct gw_route_match *ret_match);

#endif
