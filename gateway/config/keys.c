#include "config/keys.h"

#include <ctype.h>

#include "base/vec.h"
#include "config/address.h"
#include "config/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS(array) .keys = array, .key_count = COUNT(array)
#define CHOICES(array) .choices = array, .choice_count = COUNT(array)

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define SECOND ((uint64_t)1000)
#define HOUR (3600 * SECOND)

/* --- forms of texts --- */

static bool all_of(struct gw_slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.base[i]) && strchr(others, text.base[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

static bool is_address(struct gw_slice text)
{
    struct gw_slice host;
    uint16_t port;
    return gw_address_parse(text, &host, &port) == 0;
}

static const struct gw_form address_form = {
    is_address, "an address HOST:PORT such as 127.0.0.1:8080 or [::1]:8080"};

static bool is_network(struct gw_slice text)
{
    struct gw_network network;
    return gw_network_parse(text, &network) == 0;
}

static const struct gw_form network_form = {
    is_network, "an IP address or a range of them such as 10.0.0.0/8 or 2001:db8::/32"};

static bool is_name(struct gw_slice text)
{
    return all_of(text, "-_.");
}

static const struct gw_form name_form = {is_name, "letters, digits, `-`, `_` and `.`"};

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
    return service > 0 && all_of(gw_slice(text.base, service), "_.") &&
           all_of(gw_slice_from(text, service + 1), "_");
}

static const struct gw_form method_form = {is_method,
                                           "SERVICE/METHOD such as user.v1.UserService/GetUser"};

static bool is_service(struct gw_slice text)
{
    return all_of(text, "_.");
}

static const struct gw_form service_form = {is_service,
                                            "the name of a service such as user.v1.UserService"};

/* What belongs to one connection or to gRPC itself, and never goes on as metadata. */
static const char *const reserved_headers[] = {
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

static bool is_forward_header(struct gw_slice text)
{
    for (size_t i = 0; i < COUNT(reserved_headers); i++) {
        if (gw_slice_eq(text, gw_slice_str(reserved_headers[i])))
            return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (isupper((unsigned char)text.base[i]))
            return false;
    }
    /* A gRPC metadata key (grpc/doc/PROTOCOL-HTTP2.md) is narrower than an HTTP field name. */
    return all_of(text, "-_.") && !gw_slice_starts_with(text, GW_SLICE("grpc-"));
}

static const struct gw_form forward_header_form = {
    is_forward_header, "a lower-case header name that is not hop-by-hop and not grpc-*"};

/* --- how keys go together --- */

/* One certificate by itself, or a list. */
static void check_tls(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_tls *tls = base;
    static const char *const pair[] = {"certificate", "key"};
    bool has_list = gw_yaml_get(mapping, GW_SLICE("certificates")) != NULL;
    for (size_t i = 0; i < COUNT(pair); i++) {
        const struct gw_yaml_node *value = gw_yaml_get(mapping, gw_slice_str(pair[i]));
        if (has_list && value != NULL)
            gw_diagnostics_add(r->errors, value->place,
                               "`%s` beside `certificates`, expected one or the other", pair[i]);
        else if (!has_list && value == NULL)
            gw_diagnostics_add(r->errors, mapping->place, "`%s` is missing in `tls`", pair[i]);
    }
    if (!has_list) {
        tls->certificates = &tls->only;
        tls->certificate_count = 1;
    }
    const struct gw_yaml_node *rule = gw_yaml_get(mapping, GW_SLICE("client_certificate"));
    if (rule != NULL && gw_yaml_get(mapping, GW_SLICE("client_ca")) == NULL)
        gw_diagnostics_add(
            r->errors, rule->place,
            "`client_certificate` without `client_ca`, expected the authorities that "
            "a client's certificate may come from");
}

/* A body's buffer may have room for twice its bytes, and its message is made beside it. */
#define BODIES_MIN 4

static void check_request_memory(struct gw_reader *r, const struct gw_yaml_node *mapping,
                                 const char *key, uint64_t body_bytes, uint64_t *memory_bytes)
{
    const struct gw_yaml_node *value = gw_yaml_get(mapping, gw_slice_str(key));
    uint64_t least = BODIES_MIN * body_bytes;
    char found[GW_UNIT_TEXT], expected[GW_UNIT_TEXT];
    if (*memory_bytes == 0 || *memory_bytes >= least)
        return;
    if (value == NULL)
        *memory_bytes = least;
    else
        gw_diagnostics_add(
            r->errors, value->place,
            "`%s`: expected at least four times `request_body`, which is %s, found %s", key,
            gw_size_format(expected, least), gw_size_format(found, *memory_bytes));
}

static void check_limits(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_limits *limits = base;
    check_request_memory(r, mapping, "request_memory", limits->request_body_bytes,
                         &limits->request_memory_bytes);
    check_request_memory(r, mapping, "request_memory_per_connection", limits->request_body_bytes,
                         &limits->request_memory_bytes_per_connection);
}

static void check_endpoint(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_endpoint *endpoint = base;
    if (endpoint->address.text == NULL)
        return;
    struct gw_slice host;
    gw_address_parse(gw_slice_str(endpoint->address.text), &host, &endpoint->port);
    endpoint->host = gw_pool_dup(r->pool, host);
    if (endpoint->port == 0)
        gw_diagnostics_add(r->errors, gw_yaml_get(mapping, GW_SLICE("address"))->place,
                           "`address`: expected a port from 1 to 65535, found \"%s\"",
                           endpoint->address.text);
}

static void check_pool(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    const struct gw_config_pool *pool = base;
    const struct gw_yaml_node *initial = gw_yaml_get(mapping, GW_SLICE("initial_size"));
    const struct gw_yaml_node *max = gw_yaml_get(mapping, GW_SLICE("max_size"));
    if (pool->max_size > 0 && pool->initial_size > pool->max_size)
        gw_diagnostics_add(r->errors, initial ? initial->place : max->place,
                           "`initial_size`: expected at most `max_size`, which is %u, found %u",
                           pool->max_size, pool->initial_size);
}

static void check_access_log(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    (void)r;
    (void)mapping;
    ((struct gw_config_access_log *)base)->enabled = true;
}

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

static void parse_trusted_proxies(struct gw_reader *r, struct gw_config *config)
{
    const struct gw_string_list *list = &config->trusted_proxies;
    config->trusted_networks =
        h2o_mem_alloc_pool(r->pool, (list->count + 1) * sizeof(*config->trusted_networks));
    for (size_t i = 0; i < list->count; i++)
        gw_network_parse(gw_slice_str(list->items[i].text), &config->trusted_networks[i]);
}

static void check_config(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config *config = base;
    parse_trusted_proxies(r, config);
    for (size_t i = 0; i < config->upstream_count; i++) {
        const struct gw_string *name = &config->upstreams[i].name;
        for (size_t k = 0; name->text != NULL && k < i; k++) {
            const struct gw_string *first = &config->upstreams[k].name;
            if (first->text == NULL || strcmp(name->text, first->text) != 0)
                continue;
            gw_diagnostics_add(r->errors, name->place,
                               "two upstreams are called \"%s\", the first at line %u", name->text,
                               first->place.line);
            break;
        }
    }
    size_t i = 0;
    while (i < config->route_count && config->routes[i].files.text != NULL)
        i++;
    if (i < config->route_count && gw_yaml_get(mapping, GW_SLICE("schema")) == NULL)
        gw_diagnostics_add(r->errors, config->routes[i].place,
                           "routes without `schema`, expected its `descriptor_sets` to define "
                           "their methods");
}

/* --- the keys --- */

#define AT(member) offsetof(struct gw_config_certificate, member)
static const struct gw_key certificate_keys[] = {
    {"certificate", gw_read_path, AT(certificate), .required = true},
    {"key", gw_read_path, AT(key), .required = true},
};
#undef AT
static const struct gw_block certificate_block = {
    "a certificate", sizeof(struct gw_config_certificate), KEYS(certificate_keys)};

static const struct gw_choice client_certificate_choices[] = {
    {"required", GW_CLIENT_CERTIFICATE_REQUIRED},
    {"optional", GW_CLIENT_CERTIFICATE_OPTIONAL},
};
static const struct gw_choice tls_version_choices[] = {{"1.2", 2}, {"1.3", 3}};

#define AT(member) offsetof(struct gw_config_tls, member)
static const struct gw_key tls_keys[] = {
    {"certificate", gw_read_path, AT(only.certificate)},
    {"key", gw_read_path, AT(only.key)},
    {"certificates", gw_read_blocks, AT(certificates), .block = &certificate_block, .min = 1,
     .count_offset = AT(certificate_count)},
    {"client_ca", gw_read_path, AT(client_ca)},
    {"client_certificate", gw_read_choice, AT(client_certificate), "required",
     CHOICES(client_certificate_choices)},
    {"min_version", gw_read_choice, AT(min_version), "'1.2'", CHOICES(tls_version_choices)},
};
#undef AT
static const struct gw_block tls_block = {"`tls`", KEYS(tls_keys), .check = check_tls};

#define AT(member) offsetof(struct gw_config_listener, member)
static const struct gw_key listener_keys[] = {
    {"address", gw_read_string, AT(address), .required = true, .form = &address_form},
    {"tls", gw_read_block, AT(tls), .block = &tls_block},
};
#undef AT
static const struct gw_block listener_block = {"a listener", sizeof(struct gw_config_listener),
                                               KEYS(listener_keys)};

static const struct gw_key admin_keys[] = {
    {"address", gw_read_string, offsetof(struct gw_config, admin_address), .required = true,
     .form = &address_form},
};
static const struct gw_block admin_block = {"`admin`", KEYS(admin_keys)};

#define AT(member) offsetof(struct gw_config_limits, member)
static const struct gw_key limit_keys[] = {
    {"request_body", gw_read_size, AT(request_body_bytes), "4MiB", .min = KIB, .max = 1024 * MIB},
    {"request_memory", gw_read_size, AT(request_memory_bytes), "256MiB", .min = 16 * MIB,
     .max = MIB * MIB},
    {"request_memory_per_connection", gw_read_size, AT(request_memory_bytes_per_connection),
     "64MiB", .min = 4 * MIB, .max = MIB * MIB},
    /* libh2o's HTTP/1.1 refuses more by itself. */
    {"header_count", gw_read_number, AT(header_count), "100", .min = 1, .max = 100},
    {"header_bytes", gw_read_size, AT(header_bytes), "64KiB", .min = KIB, .max = 400 * KIB},
    {"connections", gw_read_number, AT(connections), "10000", .min = 1, .max = 1000000},
    {"connections_per_address", gw_read_number, AT(connections_per_address), "unlimited", .min = 1,
     .max = 1000000, .zero = "unlimited"},
    {"request_timeout", gw_read_duration, AT(request_timeout_ms), "30s", .min = 1,
     .max = 24 * HOUR},
    {"handshake_timeout", gw_read_duration, AT(handshake_timeout_ms), "10s", .min = 1, .max = HOUR},
    {"stream_idle_timeout", gw_read_duration, AT(stream_idle_timeout_ms), "5m", .min = 1,
     .max = 24 * HOUR},
    {"header_timeout", gw_read_duration, AT(header_timeout_ms), "10s", .min = 1, .max = HOUR},
    {"idle_timeout", gw_read_duration, AT(idle_timeout_ms), "3m", .min = 1, .max = 24 * HOUR},
    {"body_timeout", gw_read_duration, AT(body_timeout_ms), "30s", .min = 1, .max = 24 * HOUR},
    {"write_timeout", gw_read_duration, AT(write_timeout_ms), "60s", .min = 1, .max = 24 * HOUR},
    {"concurrent_streams", gw_read_number, AT(concurrent_streams), "128", .min = 1, .max = 10000},
    {"early_resets", gw_read_number, AT(early_resets), "200", .min = 1, .max = 1000000},
    {"control_frames", gw_read_number, AT(control_frames), "1000", .min = 10, .max = 1000000},
};
#undef AT
static const struct gw_block limits_block = {"`limits`", KEYS(limit_keys), .check = check_limits};

static const struct gw_key schema_keys[] = {
    {"descriptor_sets", gw_read_paths, offsetof(struct gw_config, descriptor_sets),
     .required = true},
};
static const struct gw_block schema_block = {"`schema`", KEYS(schema_keys)};

#define AT(member) offsetof(struct gw_config_endpoint, member)
static const struct gw_key endpoint_keys[] = {
    {"address", gw_read_string, AT(address), .required = true, .form = &address_form},
    {"weight", gw_read_number, AT(weight), "1", .min = 1, .max = 1000000},
};
#undef AT
static const struct gw_block endpoint_block = {"an endpoint", sizeof(struct gw_config_endpoint),
                                               KEYS(endpoint_keys), .check = check_endpoint};

#define AT(member) offsetof(struct gw_config_pool, member)
static const struct gw_key pool_keys[] = {
    {"initial_size", gw_read_number, AT(initial_size), "1", .max = 1000},
    {"max_size", gw_read_number, AT(max_size), "4", .min = 1, .max = 1000},
    {"idle_timeout", gw_read_duration, AT(idle_timeout_ms), "10m", .min = 1, .max = 24 * HOUR},
    {"connect_timeout", gw_read_duration, AT(connect_timeout_ms), "2s", .min = 1, .max = HOUR},
};
#undef AT
static const struct gw_block pool_block = {"`pool`", KEYS(pool_keys), .check = check_pool};

#define AT(member) offsetof(struct gw_config_upstream, member)
static const struct gw_key upstream_keys[] = {
    {"name", gw_read_string, AT(name), .required = true, .form = &name_form},
    {"strategy", gw_read_string, AT(strategy), "round_robin", .form = &name_form},
    {"endpoints", gw_read_blocks, AT(endpoints), .required = true, .block = &endpoint_block,
     .min = 1, .count_offset = AT(endpoint_count)},
    {"timeout", gw_read_duration, AT(timeout_ms), "5s", .min = 1, .max = 24 * HOUR},
    {"max_message", gw_read_size, AT(max_message_bytes), "4MiB", .min = KIB, .max = 1024 * MIB},
    {"pool", gw_read_block, AT(pool), "{}", .block = &pool_block},
    {"tls"},
    {"keepalive"},
    {"health_check"},
    {"retry"},
    {"circuit_breaker"},
};
#undef AT
static const struct gw_block upstream_block = {"an upstream", sizeof(struct gw_config_upstream),
                                               KEYS(upstream_keys)};

/* No fallbacks: on a route, an absent key is the global one. */
#define AT(member) offsetof(struct gw_config_json, member)
static const struct gw_key json_keys[] = {
    {"preserve_proto_names", gw_read_bool, AT(preserve_proto_names)},
    {"always_print_defaults", gw_read_bool, AT(always_print_defaults)},
    {"enums_as_ints", gw_read_bool, AT(enums_as_ints)},
    {"ignore_unknown_fields", gw_read_bool, AT(ignore_unknown_fields)},
};
#undef AT
static const struct gw_block json_block = {"`json`", KEYS(json_keys)};

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
    {"timeout", gw_read_duration, AT(timeout_ms), .min = 1, .max = 24 * HOUR},
    {"json", gw_read_block, AT(json), .block = &json_block},
    {"cors", gw_read_block, AT(cors), .block = &gw_cors_keys},
    {"retry"},
    {"hooks", gw_read_paths, AT(hooks)},
};
#undef AT
static const struct gw_block route_block = {"a route", sizeof(struct gw_config_route),
                                            KEYS(route_keys), begin_route, check_route};

static const struct gw_key streaming_keys[] = {
    {"heartbeat", gw_read_duration, offsetof(struct gw_config_streaming, heartbeat_ms), "15s",
     .min = 1, .max = HOUR},
};
static const struct gw_block streaming_block = {"`streaming`", KEYS(streaming_keys)};

#define AT(member) offsetof(struct gw_config_websocket, member)
static const struct gw_key websocket_keys[] = {
    {"ping", gw_read_duration, AT(ping_ms), "30s", .min = 1, .max = HOUR},
    {"ping_timeout", gw_read_duration, AT(ping_timeout_ms), "10s", .min = 1, .max = HOUR},
};
#undef AT
static const struct gw_block websocket_block = {"`websocket`", KEYS(websocket_keys)};

static const struct gw_choice propagate_choices[] = {
    {"w3c", GW_PROPAGATE_W3C},
    {"b3", GW_PROPAGATE_B3},
    {"x-trace", GW_PROPAGATE_XTRACE},
};

#define AT(member) offsetof(struct gw_config_tracing, member)
static const struct gw_key tracing_keys[] = {
    {"sample", gw_read_fraction, AT(sample), "1.0"},
    {"propagate", gw_read_flags, AT(propagate), "[w3c, b3, x-trace]", CHOICES(propagate_choices)},
};
#undef AT
static const struct gw_block tracing_block = {"`tracing`", KEYS(tracing_keys)};

static const struct gw_choice format_choices[] = {{"json", GW_ACCESS_LOG_JSON}};

#define AT(member) offsetof(struct gw_config_access_log, member)
static const struct gw_key access_log_keys[] = {
    {"path", gw_read_path, AT(path), "'-'"},
    {"format", gw_read_choice, AT(format), "json", CHOICES(format_choices)},
};
#undef AT
static const struct gw_block access_log_block = {"`access_log`", KEYS(access_log_keys),
                                                 .check = check_access_log};

#define AT(member) offsetof(struct gw_config_drain, member)
static const struct gw_key drain_keys[] = {
    {"delay", gw_read_duration, AT(delay_ms), "0s", .max = HOUR},
    {"timeout", gw_read_duration, AT(timeout_ms), "30s", .max = 24 * HOUR},
};
#undef AT
static const struct gw_block drain_block = {"`drain`", KEYS(drain_keys)};

#define AT(member) offsetof(struct gw_config_hook_limits, member)
static const struct gw_key hook_limits_keys[] = {
    {"memory", gw_read_size, AT(memory_bytes), "64MiB", .min = MIB, .max = 4096 * MIB},
    {"time", gw_read_duration, AT(time_ms), "5s", .min = 1, .max = HOUR},
    {"kill_after", gw_read_duration, AT(kill_after_ms), "30s", .min = 1, .max = HOUR},
};
#undef AT
static const struct gw_block hook_limits_block = {"`hook_limits`", KEYS(hook_limits_keys)};

/* A route looks at upstreams and json, which therefore stand before it. */
#define AT(member) offsetof(struct gw_config, member)
static const struct gw_key config_keys[] = {
    {"listen", gw_read_blocks, AT(listeners), .required = true, .block = &listener_block, .min = 1,
     .count_offset = AT(listener_count)},
    {"admin", gw_read_block, .block = &admin_block},
    {"workers", gw_read_number, AT(workers), .min = 1, .max = 256, .zero = "auto"},
    {"limits", gw_read_block, AT(limits), "{}", .block = &limits_block},
    {"schema", gw_read_block, .block = &schema_block},
    {"upstreams", gw_read_blocks, AT(upstreams), .block = &upstream_block,
     .count_offset = AT(upstream_count)},
    {"json", gw_read_block, AT(json), .block = &json_block},
    {"cors", gw_read_block, AT(cors), .block = &gw_cors_keys},
    {"routes", gw_read_blocks, AT(routes), .block = &route_block, .count_offset = AT(route_count)},
    {"streaming", gw_read_block, AT(streaming), "{}", .block = &streaming_block},
    {"websocket", gw_read_block, AT(websocket), "{}", .block = &websocket_block},
    {"tracing", gw_read_block, AT(tracing), .block = &tracing_block},
    {"access_log", gw_read_block, AT(access_log), .block = &access_log_block},
    {"trusted_proxies", gw_read_strings, AT(trusted_proxies), .form = &network_form},
    {"forward_headers", gw_read_strings, AT(forward_headers), .form = &forward_header_form},
    {"drain", gw_read_block, AT(drain), "{}", .block = &drain_block},
    {"hooks", gw_read_paths, AT(hooks)},
    {"hook_limits", gw_read_block, AT(hook_limits), "{}", .block = &hook_limits_block},
};
#undef AT
const struct gw_block gw_config_keys = {"the configuration", sizeof(struct gw_config),
                                        KEYS(config_keys), .check = check_config};
