/* The `upstreams` block. */
#include "config/keys.h"

#include "config/address.h"
#include "config/forms.h"
#include "config/key_table.h"

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

#define AT(member) offsetof(struct gw_config_endpoint, member)
static const struct gw_key endpoint_keys[] = {
    {"address", gw_read_string, AT(address), .required = true, .form = &gw_address_form},
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

/* JSON has names where messages have numbers. */
#define JSON_FACTOR 8

static void set_max_json(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_upstream *upstream = base;
    (void)r;
    if (gw_yaml_get(mapping, GW_SLICE("max_json")) == NULL)
        upstream->max_json_bytes = JSON_FACTOR * upstream->max_message_bytes;
}

#define AT(member) offsetof(struct gw_config_upstream, member)
static const struct gw_key upstream_keys[] = {
    {"name", gw_read_string, AT(name), .required = true, .form = &gw_name_form},
    {"strategy", gw_read_string, AT(strategy), "round_robin", .form = &gw_name_form},
    {"endpoints", gw_read_blocks, AT(endpoints), .required = true, .block = &endpoint_block,
     .min = 1, .count_offset = AT(endpoint_count)},
    {"timeout", gw_read_timeout, AT(timeout_ms), "5s", .min = 1, .max = 24 * HOUR},
    {"max_message", gw_read_size, AT(max_message_bytes), "4MiB", .min = KIB, .max = 1024 * MIB},
    {"max_json", gw_read_size, AT(max_json_bytes), .min = KIB, .max = 8192 * MIB},
    {"max_pending", gw_read_number, AT(max_pending), "1000", .min = 1, .max = 1000000},
    {"pool", gw_read_block, AT(pool), "{}", .block = &pool_block},
    {"tls"},
    {"keepalive"},
    {"health_check"},
    {"retry"},
    {"circuit_breaker"},
};
#undef AT
const struct gw_block gw_upstream_keys = {"an upstream", sizeof(struct gw_config_upstream),
                                          KEYS(upstream_keys), .check = set_max_json};
