/* Everything that serving a request needs, linked and checked: configuration, schema and routes, as
 * one immutable snapshot. Any thread, without locks. A reload makes another snapshot beside it. */
#ifndef GW_RUNTIME_SNAPSHOT_H
#define GW_RUNTIME_SNAPSHOT_H

#include "base/buf.h"
#include "config/config.h"
#include "schema/schema.h"
#include "transcode/binding.h"
#include "transcode/router.h"

struct gw_route {
    uint32_t index;              /* among the snapshot's routes, for metrics */
    struct gw_slice http_method; /* "GET" */
    struct gw_slice template;    /* "/v1/users/{id}" */
    const struct gw_method *method;
    uint32_t method_index;      /* among the snapshot's methods, for metrics */
    struct gw_binding *binding; /* owned */
    size_t upstream;            /* in config->upstreams */
    uint64_t timeout_ms;        /* of one try; 0: the upstream's */
    struct gw_place place;      /* of the route in the configuration */
};

struct gw_snapshot;

/* Reads the descriptor sets and resolves every name in the configuration. `config` is borrowed for
 * the snapshot's life. NULL when something is wrong: every fault that was found is in `errors`
 * then, with its place. */
struct gw_snapshot *gw_snapshot_create(const struct gw_config *config,
                                       struct gw_diagnostics *errors);
/* NULL is allowed. */
void gw_snapshot_destroy(struct gw_snapshot *snapshot);

const struct gw_config *gw_snapshot_config(const struct gw_snapshot *snapshot);
const struct gw_schema *gw_snapshot_schema(const struct gw_snapshot *snapshot);
/* In the order of the file; a service's annotated rules in the order of its .proto. */
size_t gw_snapshot_route_count(const struct gw_snapshot *snapshot);
const struct gw_route *gw_snapshot_route_at(const struct gw_snapshot *snapshot, size_t index);
/* The gRPC methods that routes lead to, each once. */
size_t gw_snapshot_method_count(const struct gw_snapshot *snapshot);
const struct gw_method *gw_snapshot_method_at(const struct gw_snapshot *snapshot, size_t index);

/* `path` is raw and without the query. The value in *ret_match is a struct gw_route. Returns
 * whether there is a route. */
bool gw_snapshot_match(const struct gw_snapshot *snapshot, struct gw_slice http_method,
                       struct gw_slice path, struct gw_route_match *ret_match);

struct gw_translate_request {
    struct gw_slice http_method;
    struct gw_slice path;         /* raw, without the query */
    struct gw_slice query;        /* raw, without '?' */
    struct gw_slice content_type; /* the header's value; empty: none */
    struct gw_slice body;
};

struct gw_translation {
    const struct gw_route *route;
    struct gw_slice framed; /* in the pool: the 5-byte gRPC prefix, written, and the message */
};

/* What the client is told when its request is not sent on. */
struct gw_failure {
    int http_status;
    int code;                     /* enum gw_status */
    struct gw_slice message;      /* in the pool or static */
    struct gw_slice allow;        /* the Allow header of a 405; else empty */
    const struct gw_route *route; /* NULL: none matched */
};

/* From a request to the gRPC message, or to the failure: 404 no such path, 405 only other methods,
 * 501 a streaming method, 415 a body that is not JSON, 400 whatever does not fit the message.
 * Returns 0 and fills *ret_translation, or -1 and fills *ret_failure. */
int gw_snapshot_translate(const struct gw_snapshot *snapshot,
                          const struct gw_translate_request *request, gw_pool *pool,
                          struct gw_translation *ret_translation, struct gw_failure *ret_failure);

/* What would become of "PATCH /v1/users/7?x=1" (`request`) with this body; `content_type` empty
 * stands for application/json. Appends one JSON object and a newline: {"route", "grpc", "upstream",
 * "message"} and returns 0, or {"status", "error"} (and "route", where one matched) with the HTTP
 * status and the error that the client would get, and returns 1. -1 and an error when `request` is
 * not METHOD, a space and a path. */
int gw_snapshot_explain(const struct gw_snapshot *snapshot, struct gw_slice request,
                        struct gw_slice content_type, struct gw_slice body, struct gw_buf *out,
                        struct gw_error *error);

/* Appends a line for each route: METHOD, TEMPLATE, GRPC METHOD, UPSTREAM, with tabs between. */
void gw_snapshot_print_routes(const struct gw_snapshot *snapshot, struct gw_buf *out);

#endif
