/* The `limits` block. */
#include "config/keys.h"

#include "config/key_table.h"
#include "config/units.h"

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
    {"request_timeout", gw_read_timeout, AT(request_timeout_ms), "30s", .min = 1, .max = 24 * HOUR},
    {"max_deadline", gw_read_timeout, AT(max_deadline_ms), "none", .min = 1, .max = 24 * HOUR},
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
const struct gw_block gw_limits_keys = {"`limits`", KEYS(limit_keys), .check = check_limits};
