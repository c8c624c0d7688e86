#include "config/keys.h"

#include <ctype.h>

#include "config/forms.h"
#include "config/key_table.h"

/* --- forms of texts --- */

static bool is_network(struct gw_slice text)
{
    struct gw_network network;
    return gw_network_parse(text, &network) == 0;
}

static const struct gw_form network_form = {
    is_network, "an IP address or a range of them such as 10.0.0.0/8 or 2001:db8::/32"};

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
    return gw_form_all_of(text, "-_.") && !gw_slice_starts_with(text, GW_SLICE("grpc-"));
}

static const struct gw_form forward_header_form = {
    is_forward_header, "a lower-case header name that is not hop-by-hop and not grpc-*"};

/* --- how keys go together --- */

static void check_access_log(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    (void)r;
    (void)mapping;
    ((struct gw_config_access_log *)base)->enabled = true;
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

static const struct gw_key admin_keys[] = {
    {"address", gw_read_string, offsetof(struct gw_config, admin_address), .required = true,
     .form = &gw_address_form},
};
static const struct gw_block admin_block = {"`admin`", KEYS(admin_keys)};

static const struct gw_key schema_keys[] = {
    {"descriptor_sets", gw_read_paths, offsetof(struct gw_config, descriptor_sets),
     .required = true},
};
static const struct gw_block schema_block = {"`schema`", KEYS(schema_keys)};

#define AT(member) offsetof(struct gw_config_json, member)
static const struct gw_key json_keys[] = {
    {"preserve_proto_names", gw_read_bool, AT(preserve_proto_names)},
    {"always_print_defaults", gw_read_bool, AT(always_print_defaults)},
    {"enums_as_ints", gw_read_bool, AT(enums_as_ints)},
    {"ignore_unknown_fields", gw_read_bool, AT(ignore_unknown_fields)},
};
#undef AT
const struct gw_block gw_json_keys = {"`json`", KEYS(json_keys)};

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
    {"listen", gw_read_blocks, AT(listeners), .required = true, .block = &gw_listener_keys,
     .min = 1, .count_offset = AT(listener_count)},
    {"admin", gw_read_block, .block = &admin_block},
    {"workers", gw_read_number, AT(workers), .min = 1, .max = 256, .zero = "auto"},
    {"limits", gw_read_block, AT(limits), "{}", .block = &gw_limits_keys},
    {"schema", gw_read_block, .block = &schema_block},
    {"upstreams", gw_read_blocks, AT(upstreams), .block = &gw_upstream_keys,
     .count_offset = AT(upstream_count)},
    {"json", gw_read_block, AT(json), .block = &gw_json_keys},
    {"cors", gw_read_block, AT(cors), .block = &gw_cors_keys},
    {"routes", gw_read_blocks, AT(routes), .block = &gw_route_keys,
     .count_offset = AT(route_count)},
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
