/* The configuration as plain structs: what the YAML file says, checked for form, with every default
 * filled in, and the place each thing came from. Names of methods and fields are not resolved here;
 * runtime/ does that. Immutable once loaded; any thread. */
#ifndef GW_CONFIG_CONFIG_H
#define GW_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nearest.h"
#include "base/slice.h"
#include "config/diagnostics.h"
#include "config/network.h"

/* A scalar that others refer to by name: terminated, owned by the configuration. */
struct gw_string {
    const char *text; /* NULL: absent */
    struct gw_place place;
};

struct gw_string_list {
    struct gw_string *items;
    size_t count;
};

struct gw_config_certificate {
    struct gw_string certificate, key; /* paths */
};

enum gw_client_certificate { GW_CLIENT_CERTIFICATE_REQUIRED, GW_CLIENT_CERTIFICATE_OPTIONAL };

struct gw_config_tls {
    struct gw_config_certificate *certificates; /* the first is for names that none has */
    size_t certificate_count;                   /* 0: no TLS */
    struct gw_config_certificate only;          /* the short form of a list of one */
    struct gw_string client_ca;                 /* path; text is NULL: clients are not asked */
    unsigned client_certificate;                /* of enum gw_client_certificate */
    unsigned min_version;                       /* minor version of TLS 1: 2 or 3 */
};

struct gw_config_listener {
    struct gw_string address; /* "0.0.0.0:8080", "[::]:8080" or "HOST:PORT"; port 0: any free one */
    struct gw_config_tls tls;
};

struct gw_config_limits {
    uint64_t request_body_bytes;                  /* 4 MiB */
    uint64_t request_memory_bytes;                /* 256 MiB, over all workers; at least 4 bodies */
    uint64_t request_memory_bytes_per_connection; /* 64 MiB; at least 4 bodies */
    uint64_t header_bytes;                        /* 64 KiB */
    uint32_t header_count;                        /* 100; at most 100 */
    uint32_t connections;                         /* 10000, over all workers */
    uint32_t connections_per_address;             /* 0: unlimited */
    uint64_t handshake_timeout_ms;                /* 10 s; of TLS */
    uint64_t request_timeout_ms;                  /* 30 s; may be GW_NO_TIMEOUT */
    uint64_t max_deadline_ms;                     /* that clients may ask for; GW_NO_TIMEOUT: any */
    uint64_t stream_idle_timeout_ms;              /* 5 min */
    uint64_t header_timeout_ms; /* 10 s; of a connection's first request head, and each in HTTP/2 */
    /* HTTP/2 */
    uint64_t idle_timeout_ms;    /* 3 min; of a connection without requests */
    uint64_t body_timeout_ms;    /* 30 s; of a body that is wanted whole */
    uint64_t write_timeout_ms;   /* 60 s in which the client takes nothing */
    uint32_t concurrent_streams; /* 128, per connection */
    uint32_t early_resets;       /* 200, per connection; a quarter is given back each second */
    uint32_t control_frames;     /* 1000, per connection; a tenth is given back each second */
};

struct gw_config_endpoint {
    struct gw_string address; /* "HOST:PORT", "1.2.3.4:PORT" or "[::1]:PORT" */
    struct gw_slice host;     /* of address, without brackets, terminated */
    uint16_t port;
    uint32_t weight; /* 1; at most 1000000 */
};

struct gw_config_pool {
    uint32_t initial_size;       /* 1 */
    uint32_t max_size;           /* 4; connections per endpoint and worker */
    uint64_t idle_timeout_ms;    /* 10 min */
    uint64_t connect_timeout_ms; /* 2 s */
};

struct gw_config_upstream {
    struct gw_string name;
    struct gw_string strategy; /* "round_robin" */
    struct gw_config_endpoint *endpoints;
    size_t endpoint_count;      /* at least 1 */
    uint64_t timeout_ms;        /* 5 s; may be GW_NO_TIMEOUT */
    uint64_t max_message_bytes; /* 4 MiB */
    uint64_t max_json_bytes;    /* 8 * max_message_bytes */
    uint32_t max_pending;       /* 1000; calls of the whole process that wait for a connection */
    struct gw_config_pool pool;
};

struct gw_config_json {
    bool preserve_proto_names;
    bool always_print_defaults;
    bool enums_as_ints;
    bool ignore_unknown_fields;
};

/* Which pages may call from a browser, and what they may see (Fetch standard, CORS protocol). */
struct gw_config_cors {
    bool is_present;
    struct gw_string_list origins; /* "https://example.com"; its first label may be `*`; or "*" */
    bool any_origin;
    struct gw_string_list methods; /* none: those that the path has */
    struct gw_string_list headers; /* of requests; "content-type"; or "*" */
    bool any_header;
    struct gw_string_list exposed_headers;
    struct gw_slice methods_text, headers_text, exposed_text; /* the lists, with ", " between */
    uint64_t max_age_ms;                                      /* 5 s */
    bool credentials;
};

struct gw_config_route {
    struct gw_place place;
    /* Either match, grpc and perhaps body, response_body: one binding ... */
    struct gw_string match; /* "GET /v1/users/{id}" */
    struct gw_string grpc;  /* "user.v1.UserService/GetUser" */
    struct gw_string body;  /* "*" or a field */
    struct gw_string response_body;
    /* ... or annotations: every google.api.http rule of that service ... */
    struct gw_string annotations;
    /* ... or service: every method of it by its name, POST /SERVICE/METHOD ... */
    struct gw_string service;
    /* ... or match and files: what is in that folder. */
    struct gw_string files;
    struct gw_string upstream;   /* always, but with files */
    uint64_t timeout_ms;         /* 0: the upstream's; may be GW_NO_TIMEOUT */
    struct gw_config_json json;  /* the global block with the route's own keys over it */
    struct gw_config_cors cors;  /* where present, instead of the global one */
    struct gw_string_list hooks; /* paths of Ruby files, run behind the global ones */
};

struct gw_config_streaming {
    uint64_t heartbeat_ms; /* 15 s; of Server-Sent Events */
};

struct gw_config_websocket {
    uint64_t ping_ms;         /* 30 s */
    uint64_t ping_timeout_ms; /* 10 s */
};

enum gw_propagate { GW_PROPAGATE_W3C = 1, GW_PROPAGATE_B3 = 2, GW_PROPAGATE_XTRACE = 4 };

struct gw_config_tracing {
    double sample;      /* 1.0 */
    unsigned propagate; /* of enum gw_propagate; all. Absent block: 0, nothing is read or sent */
};

enum gw_access_log_format { GW_ACCESS_LOG_JSON };

struct gw_config_access_log {
    bool enabled;
    struct gw_string path; /* "-": standard output */
    unsigned format;       /* of enum gw_access_log_format */
};

struct gw_config_drain {
    uint64_t delay_ms;   /* 0 */
    uint64_t timeout_ms; /* 30 s */
};

struct gw_config_hook_limits {
    uint64_t memory_bytes;  /* 64 MiB; of the Ruby VM of one worker */
    uint64_t time_ms;       /* 5 s; of one hook */
    uint64_t kill_after_ms; /* 30 s; of a hook that cannot be ended */
};

struct gw_config {
    const char *file;
    struct gw_config_listener *listeners;
    size_t listener_count;          /* at least 1 */
    struct gw_string admin_address; /* text is NULL: no admin port */
    uint32_t workers;               /* 0: auto, one for each core the process may use */
    struct gw_config_limits limits;
    struct gw_string_list descriptor_sets; /* paths, made relative to the file's folder */
    struct gw_config_upstream *upstreams;
    size_t upstream_count;
    struct gw_config_route *routes;
    size_t route_count;
    struct gw_config_json json;
    struct gw_config_cors cors;
    struct gw_config_streaming streaming;
    struct gw_config_websocket websocket;
    struct gw_config_tracing tracing;
    struct gw_config_access_log access_log;
    struct gw_string_list forward_headers; /* lower case */
    struct gw_string_list trusted_proxies; /* items is NULL: the key is absent */
    struct gw_network *trusted_networks;   /* the same, parsed */
    struct gw_config_drain drain;
    struct gw_string_list hooks; /* paths of Ruby files, run for every route */
    struct gw_config_hook_limits hook_limits;
    void *memory; /* what all of it stands in */
};

/* Reads, expands ${...} and checks the file. Returns NULL when it cannot be used: errors has at
 * least one entry more then. */
struct gw_config *gw_config_load(const char *path, struct gw_diagnostics *errors);
/* The same for text in memory; `path` names it in messages, and relative paths are relative to its
 * folder. */
struct gw_config *gw_config_parse(const char *path, struct gw_slice text,
                                  struct gw_diagnostics *errors);
/* NULL is allowed. */
void gw_config_destroy(struct gw_config *config);

#endif
