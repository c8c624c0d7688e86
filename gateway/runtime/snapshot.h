/* Everything that serving a request needs, linked and checked: configuration, schema and routes, as
 * one immutable snapshot. Any thread, without locks. A reload makes another snapshot beside it. */
#ifndef GW_RUNTIME_SNAPSHOT_H
#define GW_RUNTIME_SNAPSHOT_H

#include "base/buf.h"
#include "config/config.h"
#include "schema/schema.h"
#include "transcode/binding.h"
#include "transcode/json_split.h"
#include "transcode/router.h"

struct gw_route {
    uint32_t index;                    /* among the snapshot's, for metrics */
    struct gw_slice http_method;       /* "GET" */
    struct gw_slice template;          /* "/v1/users/{id}" */
    struct gw_place place;             /* of the route in the configuration */
    const struct gw_config_cors *cors; /* NULL: no other origin's pages are told anything */
    const struct gw_config_route *config;

    /* To a method ... */
    const struct gw_method *method; /* NULL: to files */
    uint32_t method_index;          /* among the snapshot's methods, for metrics */
    struct gw_binding *binding;     /* owned */
    size_t upstream;                /* in config->upstreams */
    bool serves_grpc;               /* also to clients that speak gRPC: the method by its name */
    uint64_t timeout_ms;            /* of one try, or of a whole stream; 0: the upstream's, or none;
                                       GW_NO_TIMEOUT */

    /* ... or to the files of a folder, by GET and HEAD. */
    const char *files;
    struct gw_template *file_template; /* owned; "/docs" and "**" */
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

/* What answers to requests that no route takes say to other origins; NULL: nothing. */
const struct gw_config_cors *gw_snapshot_cors(const struct gw_snapshot *snapshot);

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
    bool body_goes_on; /* more of it is to come: only for a route that takes messages */
};

/* What the client is told when its request is not sent on. */
struct gw_failure {
    int http_status;
    int code;                     /* enum gw_status */
    struct gw_slice message;      /* in the pool or static */
    struct gw_slice allow;        /* the Allow header of a 405; else empty */
    const struct gw_route *route; /* NULL: none matched */
};

/* The route that a request takes; its body is not looked at. 404: no such path, 405: only other
 * methods, 400: a path that is not percent-decodable. Returns 0 and fills *ret_match, whose value
 * is a struct gw_route, or -1 and fills *ret_failure. */
int gw_snapshot_route(const struct gw_snapshot *snapshot,
                      const struct gw_translate_request *request, gw_pool *pool,
                      struct gw_route_match *ret_match, struct gw_failure *ret_failure);

/* The messages of the call come one by one in the body: the method streams requests, and the route
 * takes a body. Otherwise there is one message, whatever the method. */
static inline bool gw_route_takes_messages(const struct gw_route *route)
{
    return route->method != NULL && route->method->client_streaming &&
           route->binding->body_kind != GW_BODY_NONE;
}

/* From a matched request to its one gRPC message, or to the failure: 415 a body that is not JSON,
 * 400 whatever does not fit the message. *ret_framed is in the pool: the 5-byte gRPC prefix,
 * written, and the message. */
int gw_route_translate(const struct gw_route_match *match,
                       const struct gw_translate_request *request, gw_pool *pool,
                       struct gw_slice *ret_framed, struct gw_failure *ret_failure);

/* What each message of a body is translated with; all borrowed. */
struct gw_message_source {
    const struct gw_route *route;
    const struct gw_slice *captures;
    struct gw_slice query;
    enum gw_json_split_form form; /* how the body is cut into messages */
};

/* For a matched request whose route takes messages: captures are copied into the pool, the query is
 * borrowed. 415: a body that is neither JSON nor NDJSON. A body without content type has to be
 * empty. */
int gw_route_message_source(const struct gw_route_match *match,
                            const struct gw_translate_request *request, gw_pool *pool,
                            struct gw_message_source *ret_source, struct gw_failure *ret_failure);
/* The framed message of one JSON text, in place of what `out` had. The failure begins with the
 * number of the message, from 1 on, and tells places from where it begins on in a longer text. */
int gw_route_translate_message(const struct gw_message_source *source, uint64_t number,
                               struct gw_text_place begins, struct gw_slice text, gw_pool *pool,
                               struct gw_buf *out, struct gw_failure *ret_failure);
/* For an error of the split itself. */
void gw_route_split_failure(const struct gw_message_source *source, const struct gw_error *error,
                            gw_pool *pool, struct gw_failure *ret_failure);

/* Method, path and query of "PATCH /v1/users/7?x=1". -1 and an error when it is not METHOD, a space
 * and a path. */
int gw_request_line_parse(struct gw_slice text, struct gw_translate_request *ret_request,
                          struct gw_error *error);

/* What would become of "PATCH /v1/users/7?x=1" (`request`) with this body; `content_type` empty
 * stands for application/json. Appends one JSON object and a newline: {"route", "grpc", "upstream",
 * "message"} ("messages", a list, where the body has several) and returns 0, or {"status", "error"}
 * (and "route", where one matched) with the HTTP status and the error that the client would get,
 * and returns 1. -1 and an error when `request` is not METHOD, a space and a path. */
int gw_snapshot_explain(const struct gw_snapshot *snapshot, struct gw_slice request,
                        struct gw_slice content_type, struct gw_slice body, struct gw_buf *out,
                        struct gw_error *error);

/* Appends a line for each route: METHOD, TEMPLATE, GRPC METHOD, UPSTREAM, with tabs between; for
 * files "-" and the folder. */
void gw_snapshot_print_routes(const struct gw_snapshot *snapshot, struct gw_buf *out);

#endif
