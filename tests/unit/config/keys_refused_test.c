#include "config/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "loaded.h"

/* --- five broken configurations --- */

static void a_misspelt_key(void **state)
{
    (void)state;
    assert_refused(LISTEN "upstreams:\n"
                          "  - name: up\n"
                          "    stratgy: random\n"
                          "    endpoints: [{address: a:1, wieght: 2}]\n",
                   "f:4:5: unknown key `stratgy` in an upstream, expected one of `name`, "
                   "`strategy`, `endpoints`, `timeout`, `max_message`, `max_json`, `max_pending`, "
                   "`pool`; did you "
                   "mean "
                   "\"strategy\"?\n"
                   "f:5:32: unknown key `wieght` in an endpoint, expected one of `address`, "
                   "`weight`; did you mean \"weight\"?\n");
}

static void a_wrong_type(void **state)
{
    (void)state;
    assert_refused(LISTEN "limits: {header_count: many}\n",
                   "f:2:24: `header_count`: expected a whole number from 1 to 100, found "
                   "\"many\"\n");
}

static void an_unknown_upstream(void **state)
{
    (void)state;
    assert_refused(LISTEN SCHEMA
                   "upstreams:\n"
                   "  - {name: user-service, endpoints: [{address: a:1}]}\n"
                   "  - {name: order-service, endpoints: [{address: a:1}]}\n"
                   "routes: [{annotations: user.v1.UserService, upstream: user-servce}]\n",
                   "f:6:55: unknown upstream \"user-servce\", expected one of `user-service`, "
                   "`order-service`; did you mean \"user-service\"?\n");
}

static void an_unset_variable(void **state)
{
    (void)state;
    unsetenv("GW_UNSET");
    assert_refused(LISTEN "admin: {address: \"${GW_UNSET}\"}\n",
                   "f:2:18: the environment variable `GW_UNSET` is not set, expected a value for "
                   "it or a default as in ${GW_UNSET:-default}\n");
}

static void several_at_once(void **state)
{
    (void)state;
    assert_refused("lisen: []\n"
                   "workers: 0\n"
                   "upstreams: {}\n"
                   "routes: [{match: GET /x, upstream: up}, 5]\n"
                   "hooks: []\n",
                   "f:1:1: `listen` is missing in the configuration\n"
                   "f:1:1: unknown key `lisen` in the configuration, expected one of `listen`, "
                   "`admin`, `workers`, `limits`, `schema`, `upstreams`, `json`, `cors`, `routes`, "
                   "`streaming`, `websocket`, `tracing`, `access_log`, `trusted_proxies`, "
                   "`forward_headers`, `drain`, `hooks`, `hook_limits`; did you mean "
                   "\"listen\"?\n"
                   "f:2:10: `workers`: expected auto or a whole number from 1 to 256, found \"0\"\n"
                   "f:3:12: `upstreams`: expected a list, found a mapping\n"
                   "f:4:10: `grpc` is missing in a route\n"
                   "f:4:10: routes without `schema`, expected its `descriptor_sets` to define "
                   "their methods\n"
                   "f:4:36: unknown upstream \"up\", expected one of `upstreams`, which has none\n"
                   "f:4:41: `routes`: expected a mapping for a route, found \"5\"\n"
                   "f:5:8: `hooks`: expected a list of at least one path, found an empty list\n");
}

/* --- one rule each --- */

static void a_listener_has_one_certificate_or_several(void **state)
{
    (void)state;
    struct gw_config *c = load("listen:\n"
                               "  - {address: a:1, tls: {certificate: a.pem, key: /a.key}}\n"
                               "  - address: a:2\n"
                               "    tls:\n"
                               "      certificates:\n"
                               "        - {certificate: b.pem, key: b.key}\n"
                               "        - {certificate: c.pem, key: c.key}\n"
                               "      client_ca: clients.pem\n"
                               "      client_certificate: optional\n"
                               "      min_version: 1.3\n"
                               "limits: {handshake_timeout: 2s}\n");
    const struct gw_config_tls *one = &c->listeners[0].tls, *several = &c->listeners[1].tls;
    assert_int_equal(one->certificate_count, 1);
    assert_string_equal(one->certificates[0].certificate.text, "conf/a.pem");
    assert_string_equal(one->certificates[0].key.text, "/a.key");
    assert_int_equal(one->certificates[0].key.place.column, 51);
    assert_null(one->client_ca.text);
    assert_int_equal(one->client_certificate, GW_CLIENT_CERTIFICATE_REQUIRED);
    assert_int_equal(one->min_version, 2);
    assert_int_equal(several->certificate_count, 2);
    assert_string_equal(several->certificates[1].certificate.text, "conf/c.pem");
    assert_string_equal(several->client_ca.text, "conf/clients.pem");
    assert_int_equal(several->client_certificate, GW_CLIENT_CERTIFICATE_OPTIONAL);
    assert_int_equal(several->min_version, 3);
    assert_int_equal(c->limits.handshake_timeout_ms, 2000);
    gw_config_destroy(c);
}

static void request_memory_holds_four_bodies(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "limits: {request_body: 100MiB}\n");
    assert_int_equal(c->limits.request_memory_bytes, UINT64_C(400) << 20);
    assert_int_equal(c->limits.request_memory_bytes_per_connection, UINT64_C(400) << 20);
    gw_config_destroy(c);
    c = load(LISTEN "limits: {request_memory: 16MiB, request_memory_per_connection: 17MiB}\n");
    assert_int_equal(c->limits.request_memory_bytes, 16 << 20);
    assert_int_equal(c->limits.request_memory_bytes_per_connection, 17 << 20);
    gw_config_destroy(c);
    assert_refused(LISTEN "limits:\n"
                          "  request_memory: 399MiB\n"
                          "  request_memory_per_connection: 64MiB\n"
                          "  request_body: 100MiB\n",
                   "f:3:19: `request_memory`: expected at least four times `request_body`, which "
                   "is 400MiB, found 399MiB\n"
                   "f:4:34: `request_memory_per_connection`: expected at least four times "
                   "`request_body`, which is 400MiB, found 64MiB\n");
}

static void trusted_proxies_are_ranges(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "trusted_proxies: [10.0.0.0/8, '::1']\n"
                                      "limits: {connections_per_address: 50}\n");
    assert_int_equal(c->trusted_proxies.count, 2);
    assert_int_equal(c->trusted_networks[0].prefix_bits, 104);
    assert_int_equal(c->trusted_networks[1].prefix_bits, 128);
    assert_int_equal(c->limits.connections_per_address, 50);
    gw_config_destroy(c);
    c = load(LISTEN "trusted_proxies: []\nlimits: {connections_per_address: unlimited}\n");
    assert_int_equal(c->trusted_proxies.count, 0);
    assert_non_null(c->trusted_proxies.items);
    assert_int_equal(c->limits.connections_per_address, 0);
    gw_config_destroy(c);
    assert_refused(LISTEN "trusted_proxies: [proxy.example, 10.0.0.0/33]\n",
                   "f:2:19: `trusted_proxies`: expected an IP address or a range of them such as "
                   "10.0.0.0/8 or 2001:db8::/32, found \"proxy.example\"\n"
                   "f:2:34: `trusted_proxies`: expected an IP address or a range of them such as "
                   "10.0.0.0/8 or 2001:db8::/32, found \"10.0.0.0/33\"\n");
}

static void hooks_are_files_beside_the_configuration(void **state)
{
    (void)state;
    struct gw_config *c = load("listen: [{address: a:1}]\n"
                               "schema: {descriptor_sets: [a]}\n"
                               "upstreams: [{name: up, endpoints: [{address: a:1}]}]\n"
                               "hooks: [hooks/a.rb, /b.rb]\n"
                               "hook_limits: {memory: 8MiB, time: 250ms}\n"
                               "routes:\n"
                               "  - {annotations: a.B, upstream: up, hooks: [c.rb]}\n"
                               "  - {annotations: a.C, upstream: up}\n");
    assert_int_equal(c->hooks.count, 2);
    assert_string_equal(c->hooks.items[0].text, "conf/hooks/a.rb");
    assert_string_equal(c->hooks.items[1].text, "/b.rb");
    assert_int_equal(c->hooks.items[1].place.column, 21);
    assert_int_equal(c->hook_limits.memory_bytes, 8 << 20);
    assert_int_equal(c->hook_limits.time_ms, 250);
    assert_int_equal(c->hook_limits.kill_after_ms, 30000);
    assert_int_equal(c->routes[0].hooks.count, 1);
    assert_string_equal(c->routes[0].hooks.items[0].text, "conf/c.rb");
    assert_int_equal(c->routes[1].hooks.count, 0);
    gw_config_destroy(c);
}

static void tls_needs_what_it_needs(void **state)
{
    (void)state;
    assert_refused(
        "listen:\n"
        "  - {address: a:1, tls: {}}\n"
        "  - {address: a:2, tls: {certificate: a, min_version: 1.1}}\n"
        "  - {address: a:3, tls: {certificates: [{certificate: a}], key: b}}\n"
        "  - {address: a:4, tls: {certificates: []}}\n"
        "  - {address: a:5, tls: {certificate: a, key: b, client_certificate: optional}}\n",
        "f:2:25: `certificate` is missing in `tls`\n"
        "f:2:25: `key` is missing in `tls`\n"
        "f:3:25: `key` is missing in `tls`\n"
        "f:3:55: `min_version`: unknown name \"1.1\", expected one of `1.2`, `1.3`; did you mean "
        "\"1.2\"?\n"
        "f:4:41: `key` is missing in a certificate\n"
        "f:4:65: `key` beside `certificates`, expected one or the other\n"
        "f:5:40: `certificates`: expected a list of at least one, found an empty list\n"
        "f:6:70: `client_certificate` without `client_ca`, expected the authorities that a "
        "client's certificate may come from\n");
}

static void what_does_not_exist_yet_is_refused(void **state)
{
    (void)state;
    assert_refused("listen: [{address: a:1}]\n"
                   "upstreams:\n"
                   "  - name: up\n"
                   "    endpoints: [{address: a:1}]\n"
                   "    tls: {}\n"
                   "    keepalive: {}\n"
                   "    health_check: {}\n"
                   "    retry: {}\n"
                   "    circuit_breaker: {}\n"
                   "schema: {descriptor_sets: [a]}\n"
                   "routes:\n"
                   "  - {annotations: a.B, upstream: up, retry: {}}\n",
                   "f:5:5: `tls` is not supported yet\n"
                   "f:6:5: `keepalive` is not supported yet\n"
                   "f:7:5: `health_check` is not supported yet\n"
                   "f:8:5: `retry` is not supported yet\n"
                   "f:9:5: `circuit_breaker` is not supported yet\n"
                   "f:12:38: `retry` is not supported yet\n");
}

static void the_file_is_a_mapping(void **state)
{
    (void)state;
    assert_refused("- a\n", "f:1:1: expected a mapping, found a list\n");
    assert_refused("~\n", "f:1:1: expected a mapping, found nothing\n");
}

static void there_is_at_least_one_listener(void **state)
{
    (void)state;
    assert_refused("workers: 1\n", "f:1:1: `listen` is missing in the configuration\n");
    assert_refused("listen: []\n",
                   "f:1:9: `listen`: expected a list of at least one, found an empty list\n");
    assert_refused("listen: 127.0.0.1:80\n",
                   "f:1:9: `listen`: expected a list of at least one, found \"127.0.0.1:80\"\n");
    assert_refused("listen: [{}]\n", "f:1:10: `address` is missing in a listener\n");
}

static void addresses_have_a_host_and_a_port(void **state)
{
    (void)state;
    assert_refused("listen: [{address: 8080}]\n",
                   "f:1:20: `address`: expected an address HOST:PORT such as 127.0.0.1:8080 or "
                   "[::1]:8080, found \"8080\"\n");
    assert_refused(LISTEN "admin: {address: ''}\n",
                   "f:2:18: `address`: expected an address HOST:PORT such as 127.0.0.1:8080 or "
                   "[::1]:8080, found the text \"\"\n");
    assert_refused(LISTEN "upstreams: [{name: up, endpoints: [{address: localhost:0}]}]\n",
                   "f:2:46: `address`: expected a port from 1 to 65535, found \"localhost:0\"\n");
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    assert_refused(LISTEN "limits: {header_count: 0, connections: 1000001}\n",
                   "f:2:24: `header_count`: expected a whole number from 1 to 100, found \"0\"\n"
                   "f:2:40: `connections`: expected a whole number from 1 to 1000000, found "
                   "\"1000001\"\n");
    assert_refused(LISTEN "upstreams: [{name: up, endpoints: [{address: a:1, weight: 0}]}]\n",
                   "f:2:59: `weight`: expected a whole number from 1 to 1000000, found \"0\"\n");
    assert_refused(LISTEN "limits: {header_count: 18446744073709551617, connections: -1}\n",
                   "f:2:24: `header_count`: expected a whole number from 1 to 100, found "
                   "\"18446744073709551617\"\n"
                   "f:2:59: `connections`: expected a whole number from 1 to 1000000, found "
                   "\"-1\"\n");
    assert_refused(LISTEN "limits: {header_count: '5', connections: [5]}\n",
                   "f:2:24: `header_count`: expected a whole number from 1 to 100, found the text "
                   "\"5\"\n"
                   "f:2:42: `connections`: expected a whole number from 1 to 1000000, found a "
                   "list\n");
    assert_refused(LISTEN "workers: 257\n",
                   "f:2:10: `workers`: expected auto or a whole number from 1 to 256, found "
                   "\"257\"\n");
}

static void durations_and_sizes_have_units_and_bounds(void **state)
{
    (void)state;
    assert_refused(
        LISTEN "limits: {request_timeout: 30, request_body: 4MB}\n",
        "f:2:27: `request_timeout`: expected none or a duration from 1ms to 24h, written "
        "like 500ms, 5s, 2m or 1h, found \"30\"\n"
        "f:2:45: `request_body`: expected a size from 1KiB to 1024MiB, written like "
        "64KiB or 4MiB, found \"4MB\"\n");
    assert_refused(
        LISTEN "limits: {request_timeout: 0s, header_bytes: 401KiB}\n",
        "f:2:27: `request_timeout`: expected none or a duration from 1ms to 24h, written "
        "like 500ms, 5s, 2m or 1h, found \"0s\"\n"
        "f:2:45: `header_bytes`: expected a size from 1KiB to 400KiB, written like "
        "64KiB or 4MiB, found \"401KiB\"\n");
}

static void every_limit_has_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *key, *lowest, *highest, *below, *above;
    } limits[] = {
        {"request_body", "1KiB", "1024MiB", "0KiB", "1025MiB"},
        {"request_memory", "16MiB", "1048576MiB", "16383KiB", "1048577MiB"},
        {"request_memory_per_connection", "16MiB", "1048576MiB", "4095KiB", "1048577MiB"},
        {"header_count", "1", "100", "0", "101"},
        {"header_bytes", "1KiB", "400KiB", "0KiB", "401KiB"},
        {"connections", "1", "1000000", "0", "1000001"},
        {"request_timeout", "1ms", "24h", "0ms", "25h"},
        {"request_timeout", "none", "1ms", "never", "off"},
        {"max_deadline", "1ms", "24h", "0ms", "25h"},
        {"max_deadline", "none", "24h", "never", "\"\""},
        {"stream_idle_timeout", "1ms", "24h", "0ms", "25h"},
        {"header_timeout", "1ms", "1h", "0ms", "61m"},
        {"idle_timeout", "1ms", "24h", "0ms", "25h"},
        {"body_timeout", "1ms", "24h", "0ms", "25h"},
        {"write_timeout", "1ms", "24h", "0ms", "25h"},
        {"concurrent_streams", "1", "10000", "0", "10001"},
        {"early_resets", "1", "1000000", "0", "1000001"},
        {"control_frames", "10", "1000000", "9", "1000001"},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const char *const values[] = {limits[i].lowest, limits[i].highest, limits[i].below,
                                      limits[i].above};
        for (size_t k = 0; k < 4; k++) {
            struct gw_buf text = GW_BUF_HEAP;
            gw_buf_printf(&text, LISTEN "limits: {%s: %s}\n", limits[i].key, values[k]);
            struct gw_diagnostics errors = {0};
            struct gw_config *c =
                gw_config_parse("f", gw_slice_str(gw_buf_terminate(&text)), &errors);
            char *messages = printed(&errors);
            if (k < 2)
                assert_string_equal(messages, "");
            else
                assert_non_null(strstr(messages, limits[i].key));
            assert_int_equal(c != NULL, k < 2);
            gw_config_destroy(c);
            free(messages);
            gw_buf_dispose(&text);
        }
    }
}

static void a_bool_is_true_or_false(void **state)
{
    (void)state;
    assert_refused(LISTEN "json: {enums_as_ints: yes, preserve_proto_names: 'true'}\n",
                   "f:2:23: `enums_as_ints`: expected true or false, found \"yes\"\n"
                   "f:2:50: `preserve_proto_names`: expected true or false, found the text "
                   "\"true\"\n");
}

static void a_sample_is_between_none_and_all(void **state)
{
    (void)state;
    static const char *const refused[] = {"1.01", "-0.1", "nan",   "inf", "0x1",
                                          "half", ".",    "1.0.0", "1e",  "0.5s"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct gw_buf text = GW_BUF_HEAP, expected = GW_BUF_HEAP;
        gw_buf_printf(&text, LISTEN "tracing: {sample: %s}\n", refused[i]);
        gw_buf_printf(&expected, "f:2:19: `sample`: expected a number from 0 to 1, found \"%s\"\n",
                      refused[i]);
        assert_refused(gw_buf_terminate(&text), gw_buf_terminate(&expected));
        gw_buf_dispose(&text);
        gw_buf_dispose(&expected);
    }
    struct gw_config *c = load(LISTEN "tracing: {sample: 1e-3}\n");
    assert_true(c->tracing.sample == 0.001);
    gw_config_destroy(c);
}

static void names_out_of_a_list_are_checked(void **state)
{
    (void)state;
    assert_refused(LISTEN "tracing: {propagate: [w3c, b33]}\n",
                   "f:2:28: `propagate`: unknown name \"b33\", expected one of `w3c`, `b3`, "
                   "`x-trace`; did you mean \"b3\"?\n");
    assert_refused(LISTEN "tracing: {propagate: w3c}\n",
                   "f:2:22: `propagate`: expected a list of names, found \"w3c\"\n");
    assert_refused(LISTEN "access_log: {format: text}\n",
                   "f:2:22: `format`: unknown name \"text\", expected `json`\n");
    struct gw_config *c = load(LISTEN "tracing: {propagate: []}\n");
    assert_int_equal(c->tracing.propagate, 0);
    gw_config_destroy(c);
}

static void an_upstream_has_a_name_and_endpoints(void **state)
{
    (void)state;
    assert_refused(LISTEN "upstreams: [{timeout: 5s}]\n",
                   "f:2:13: `endpoints` is missing in an upstream\n"
                   "f:2:13: `name` is missing in an upstream\n");
    assert_refused(LISTEN "upstreams: [{name: a b, endpoints: []}, {name: '', endpoints: [x]}]\n",
                   "f:2:20: `name`: expected letters, digits, `-`, `_` and `.`, found \"a b\"\n"
                   "f:2:36: `endpoints`: expected a list of at least one, found an empty list\n"
                   "f:2:48: `name`: expected letters, digits, `-`, `_` and `.`, found the text "
                   "\"\"\n"
                   "f:2:64: `endpoints`: expected a mapping for an endpoint, found \"x\"\n");
}

static void names_of_upstreams_differ(void **state)
{
    (void)state;
    assert_refused(LISTEN "upstreams:\n"
                          "  - {name: up, endpoints: [{address: a:1}]}\n"
                          "  - {name: down, endpoints: [{address: a:1}]}\n"
                          "  - {name: up, endpoints: [{address: a:1}]}\n",
                   "f:5:12: two upstreams are called \"up\", the first at line 3\n");
}

static void a_pool_begins_no_larger_than_it_gets(void **state)
{
    (void)state;
    assert_refused(LISTEN "upstreams: [{name: up, endpoints: [{address: a:1}], pool: "
                          "{initial_size: 3, max_size: 2}}]\n",
                   "f:2:74: `initial_size`: expected at most `max_size`, which is 2, found 3\n");
    assert_refused(LISTEN "upstreams: [{name: up, endpoints: [{address: a:1}], pool: "
                          "{initial_size: 5}}]\n",
                   "f:2:74: `initial_size`: expected at most `max_size`, which is 4, found 5\n");
}

static void a_route_has_either_kind_of_binding(void **state)
{
    (void)state;
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{upstream: up}]\n",
                   "f:4:10: a route without a binding, expected `match` and `grpc`, `match` and "
                   "`files`, `annotations` or `service`\n");
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{upstream: up, grpc: a.B/C}]\n",
                   "f:4:10: `match` is missing in a route\n");
    assert_refused(LISTEN SCHEMA UPSTREAM
                   "routes: [{upstream: up, annotations: a.B, match: GET /x, body: b}]\n",
                   "f:4:50: `match` beside `annotations`, expected one or the other\n"
                   "f:4:64: `body` beside `annotations`, expected one or the other\n");
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{annotations: a.B}]\n",
                   "f:4:10: `upstream` is missing in a route\n");
}

static void a_service_is_a_route(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN SCHEMA UPSTREAM "routes: [{service: a.B, upstream: up}]\n");
    assert_string_equal(c->routes[0].service.text, "a.B");
    gw_config_destroy(c);
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{service: a.B, grpc: a.B/C, body: x}]\n",
                   "f:4:10: `upstream` is missing in a route\n"
                   "f:4:31: `grpc` beside `service`, expected one or the other\n"
                   "f:4:44: `body` beside `service`, expected one or the other\n");
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{service: a.B/C, upstream: up}]\n",
                   "f:4:20: `service`: expected the name of a service such as "
                   "user.v1.UserService, found \"a.B/C\"\n");
}

static void files_are_a_route_without_upstream_or_schema(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "routes: [{match: GET /docs/**, files: ../docs}]\n");
    assert_string_equal(c->routes[0].files.text, "conf/../docs");
    gw_config_destroy(c);
    assert_refused(LISTEN UPSTREAM
                   "routes: [{match: GET /x/**, files: x, upstream: up, timeout: 1s, json: {}}]\n",
                   "f:3:49: `upstream` beside `files`, expected one or the other\n"
                   "f:3:62: `timeout` beside `files`, expected one or the other\n"
                   "f:3:72: `json` beside `files`, expected one or the other\n");
    assert_refused(LISTEN "routes: [{files: x}]\n", "f:2:10: `match` is missing in a route\n");
}

static void a_binding_has_its_form(void **state)
{
    (void)state;
    static const char *const matches[] = {"/v1/x", "get /x", "GET", "GET x", "GET  /x", "GET /x y"};
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        struct gw_buf text = GW_BUF_HEAP, expected = GW_BUF_HEAP;
        gw_buf_printf(&text,
                      LISTEN SCHEMA UPSTREAM "routes: [{upstream: up, grpc: a.B/C, match: %s}]\n",
                      matches[i]);
        gw_buf_printf(&expected,
                      "f:4:45: `match`: expected METHOD and path such as \"GET /v1/users/{id}\", "
                      "found \"%s\"\n",
                      matches[i]);
        assert_refused(gw_buf_terminate(&text), gw_buf_terminate(&expected));
        gw_buf_dispose(&text);
        gw_buf_dispose(&expected);
    }
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{upstream: up, match: GET /, grpc: a.B.C}]\n",
                   "f:4:45: `grpc`: expected SERVICE/METHOD such as user.v1.UserService/GetUser, "
                   "found \"a.B.C\"\n");
    assert_refused(LISTEN SCHEMA UPSTREAM "routes: [{upstream: up, annotations: a.B/C}]\n",
                   "f:4:38: `annotations`: expected the name of a service such as "
                   "user.v1.UserService, found \"a.B/C\"\n");
}

static void routes_need_a_schema(void **state)
{
    (void)state;
    assert_refused(LISTEN UPSTREAM "routes: [{upstream: up, annotations: a.B}]\n",
                   "f:3:10: routes without `schema`, expected its `descriptor_sets` to define "
                   "their methods\n");
    assert_refused(LISTEN "schema: {descriptor_sets: []}\n",
                   "f:2:27: `descriptor_sets`: expected a list of at least one path, found an "
                   "empty list\n");
    assert_refused(LISTEN "schema: {}\n", "f:2:9: `descriptor_sets` is missing in `schema`\n");
}

static void headers_that_go_on_are_lower_case_and_end_to_end(void **state)
{
    (void)state;
    static const char *const refused[] = {"X-Tenant",          "te",           "connection",
                                          "transfer-encoding", "grpc-timeout", "host",
                                          "content-type",      ":path",        "x tenant"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct gw_buf text = GW_BUF_HEAP, expected = GW_BUF_HEAP;
        gw_buf_printf(&text, LISTEN "forward_headers:\n  - x-ok\n  - %s\n", refused[i]);
        gw_buf_printf(&expected,
                      "f:4:5: `forward_headers`: expected a lower-case header name that is not "
                      "hop-by-hop and not grpc-*, found \"%s\"\n",
                      refused[i]);
        assert_refused(gw_buf_terminate(&text), gw_buf_terminate(&expected));
        gw_buf_dispose(&text);
        gw_buf_dispose(&expected);
    }
    assert_refused(LISTEN "forward_headers: x-tenant\n",
                   "f:2:18: `forward_headers`: expected a list of texts, found \"x-tenant\"\n");
}

static void an_empty_block_is_not_a_mapping(void **state)
{
    (void)state;
    assert_refused(LISTEN "tracing:\njson: ~\n",
                   "f:2:9: `tracing`: expected a mapping, found nothing\n"
                   "f:3:7: `json`: expected a mapping, found nothing\n");
}

static void a_broken_value_is_reported_once(void **state)
{
    (void)state;
    unsetenv("GW_UNSET");
    assert_refused(LISTEN "workers: ${GW_UNSET}\nlimits: {connections: \"${GW_UNSET}\"}\n",
                   "f:2:10: the environment variable `GW_UNSET` is not set, expected a value for "
                   "it or a default as in ${GW_UNSET:-default}\n"
                   "f:3:23: the environment variable `GW_UNSET` is not set, expected a value for "
                   "it or a default as in ${GW_UNSET:-default}\n");
}

static void long_values_are_cut_in_messages(void **state)
{
    (void)state;
    struct gw_buf text = GW_BUF_HEAP, expected = GW_BUF_HEAP;
    gw_buf_printf(&text, LISTEN "workers: %0200d\n", 257);
    gw_buf_printf(&expected,
                  "f:2:10: `workers`: expected auto or a whole number from 1 to 256, found "
                  "\"%0100d\"...\n",
                  0);
    assert_refused(gw_buf_terminate(&text), gw_buf_terminate(&expected));
    gw_buf_dispose(&text);
    gw_buf_dispose(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misspelt_key),
        cmocka_unit_test(a_wrong_type),
        cmocka_unit_test(an_unknown_upstream),
        cmocka_unit_test(an_unset_variable),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(a_listener_has_one_certificate_or_several),
        cmocka_unit_test(request_memory_holds_four_bodies),
        cmocka_unit_test(trusted_proxies_are_ranges),
        cmocka_unit_test(hooks_are_files_beside_the_configuration),
        cmocka_unit_test(tls_needs_what_it_needs),
        cmocka_unit_test(what_does_not_exist_yet_is_refused),
        cmocka_unit_test(the_file_is_a_mapping),
        cmocka_unit_test(there_is_at_least_one_listener),
        cmocka_unit_test(addresses_have_a_host_and_a_port),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(durations_and_sizes_have_units_and_bounds),
        cmocka_unit_test(every_limit_has_bounds),
        cmocka_unit_test(a_bool_is_true_or_false),
        cmocka_unit_test(a_sample_is_between_none_and_all),
        cmocka_unit_test(names_out_of_a_list_are_checked),
        cmocka_unit_test(an_upstream_has_a_name_and_endpoints),
        cmocka_unit_test(names_of_upstreams_differ),
        cmocka_unit_test(a_pool_begins_no_larger_than_it_gets),
        cmocka_unit_test(a_route_has_either_kind_of_binding),
        cmocka_unit_test(a_service_is_a_route),
        cmocka_unit_test(files_are_a_route_without_upstream_or_schema),
        cmocka_unit_test(a_binding_has_its_form),
        cmocka_unit_test(routes_need_a_schema),
        cmocka_unit_test(headers_that_go_on_are_lower_case_and_end_to_end),
        cmocka_unit_test(an_empty_block_is_not_a_mapping),
        cmocka_unit_test(a_broken_value_is_reported_once),
        cmocka_unit_test(long_values_are_cut_in_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
