#include "config/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "loaded.h"

static void absent_keys_have_their_defaults(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN SCHEMA UPSTREAM "tracing: {}\naccess_log: {}\n");
    assert_string_equal(c->file, "conf/f.yaml");
    assert_int_equal(c->listener_count, 1);
    assert_string_equal(c->listeners[0].address.text, "127.0.0.1:8080");
    assert_null(c->admin_address.text);
    assert_int_equal(c->workers, 0);
    assert_int_equal(c->limits.request_body_bytes, 4194304);
    assert_int_equal(c->limits.request_memory_bytes, UINT64_C(256) << 20);
    assert_int_equal(c->limits.request_memory_bytes_per_connection, UINT64_C(64) << 20);
    assert_int_equal(c->limits.header_count, 100);
    assert_int_equal(c->limits.header_bytes, 65536);
    assert_int_equal(c->limits.connections, 10000);
    assert_int_equal(c->limits.connections_per_address, 0);
    assert_null(c->trusted_proxies.items);
    assert_int_equal(c->limits.request_timeout_ms, 30000);
    assert_true(c->limits.max_deadline_ms == GW_NO_TIMEOUT);
    assert_int_equal(c->limits.handshake_timeout_ms, 10000);
    assert_int_equal(c->listeners[0].tls.certificate_count, 0);
    assert_int_equal(c->limits.stream_idle_timeout_ms, 300000);
    assert_int_equal(c->streaming.heartbeat_ms, 15000);
    assert_int_equal(c->websocket.ping_ms, 30000);
    assert_int_equal(c->websocket.ping_timeout_ms, 10000);
    assert_int_equal(c->limits.stream_idle_timeout_ms, 300000);
    assert_int_equal(c->limits.header_timeout_ms, 10000);
    assert_int_equal(c->limits.idle_timeout_ms, 180000);
    assert_int_equal(c->limits.body_timeout_ms, 30000);
    assert_int_equal(c->limits.write_timeout_ms, 60000);
    assert_int_equal(c->limits.concurrent_streams, 128);
    assert_int_equal(c->limits.early_resets, 200);
    assert_int_equal(c->limits.control_frames, 1000);
    assert_int_equal(c->upstream_count, 1);
    const struct gw_config_upstream *up = &c->upstreams[0];
    assert_string_equal(up->strategy.text, "round_robin");
    assert_int_equal(up->endpoint_count, 1);
    assert_int_equal(up->endpoints[0].weight, 1);
    assert_int_equal(up->endpoints[0].port, 1);
    assert_string_equal(up->endpoints[0].host.base, "a");
    assert_int_equal(up->timeout_ms, 5000);
    assert_int_equal(up->max_message_bytes, 4194304);
    assert_int_equal(up->max_json_bytes, 8 * 4194304);
    assert_int_equal(up->max_pending, 1000);
    assert_int_equal(up->pool.initial_size, 1);
    assert_int_equal(up->pool.max_size, 4);
    assert_int_equal(up->pool.idle_timeout_ms, 600000);
    assert_int_equal(up->pool.connect_timeout_ms, 2000);
    assert_false(c->json.preserve_proto_names || c->json.always_print_defaults ||
                 c->json.enums_as_ints || c->json.ignore_unknown_fields);
    assert_true(c->tracing.sample == 1.0);
    assert_int_equal(c->tracing.propagate,
                     GW_PROPAGATE_W3C | GW_PROPAGATE_B3 | GW_PROPAGATE_XTRACE);
    assert_true(c->access_log.enabled);
    assert_string_equal(c->access_log.path.text, "-");
    assert_int_equal(c->access_log.format, GW_ACCESS_LOG_JSON);
    assert_int_equal(c->forward_headers.count, 0);
    assert_int_equal(c->drain.delay_ms, 0);
    assert_int_equal(c->drain.timeout_ms, 30000);
    gw_config_destroy(c);
}

static void timeouts_may_be_none(void **state)
{
    (void)state;
    struct gw_config *c =
        load(LISTEN "limits: {request_timeout: none, max_deadline: none}\n" SCHEMA
                    "upstreams: [{name: up, endpoints: [{address: 'a:1'}], timeout: none}]\n"
                    "routes: [{service: user.v1.UserService, upstream: up, timeout: none}]\n");
    assert_true(c->limits.request_timeout_ms == GW_NO_TIMEOUT);
    assert_true(c->limits.max_deadline_ms == GW_NO_TIMEOUT);
    assert_true(c->upstreams[0].timeout_ms == GW_NO_TIMEOUT);
    assert_true(c->routes[0].timeout_ms == GW_NO_TIMEOUT);
    gw_config_destroy(c);
}

static void an_absent_block_is_a_feature_that_is_off(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN);
    assert_int_equal(c->tracing.propagate, 0);
    assert_false(c->access_log.enabled);
    assert_null(c->admin_address.text);
    assert_int_equal(c->limits.header_count, 100);
    assert_int_equal(c->drain.timeout_ms, 30000);
    assert_int_equal(c->upstream_count, 0);
    assert_int_equal(c->route_count, 0);
    gw_config_destroy(c);
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct gw_config *c = load(
        "listen: [{address: '[::]:0'}, {address: localhost:81}]\n"
        "admin: {address: 127.0.0.1:9090}\n"
        "workers: 3\n"
        "limits: {request_body: 64KiB, header_count: 50, header_bytes: 8KiB, connections: 7,\n"
        "         request_timeout: 1m, max_deadline: 2h, header_timeout: 1s, idle_timeout: 2m, "
        "body_timeout: 3s,"
        "         write_timeout: 4s, concurrent_streams: 5, early_resets: 6,"
        "         control_frames: 70}\n" SCHEMA "upstreams:\n"
        "  - name: up\n"
        "    strategy: weighted\n"
        "    endpoints: [{address: '[::1]:8001', weight: 3}, {address: 10.0.0.1:8002}]\n"
        "    timeout: 250ms\n"
        "    max_message: 1MiB\n"
        "    max_json: 3MiB\n"
        "    max_pending: 7\n"
        "    pool: {initial_size: 0, max_size: 2, idle_timeout: 1h, connect_timeout: 5s}\n"
        "routes:\n"
        "  - match: GET /v1/users/{id}\n"
        "    grpc: user.v1.UserService/GetUser\n"
        "    upstream: up\n"
        "    body: '*'\n"
        "    response_body: user\n"
        "    timeout: 2s\n"
        "  - {annotations: user.v1.UserService, upstream: up}\n"
        "json: {preserve_proto_names: true, always_print_defaults: true, enums_as_ints: true,\n"
        "       ignore_unknown_fields: true}\n"
        "tracing: {sample: 0.25, propagate: [b3]}\n"
        "access_log: {path: ../var/access.log, format: json}\n"
        "forward_headers: [x-tenant, user-agent]\n"
        "websocket: {ping: 20s, ping_timeout: 3s}\n"
        "drain: {delay: 1s, timeout: 2s}\n");
    assert_int_equal(c->listener_count, 2);
    assert_string_equal(c->listeners[1].address.text, "localhost:81");
    assert_string_equal(c->admin_address.text, "127.0.0.1:9090");
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->limits.request_body_bytes, 65536);
    assert_int_equal(c->limits.header_count, 50);
    assert_int_equal(c->limits.header_bytes, 8192);
    assert_int_equal(c->limits.connections, 7);
    assert_int_equal(c->limits.request_timeout_ms, 60000);
    assert_int_equal(c->limits.max_deadline_ms, 7200000);
    assert_int_equal(c->limits.header_timeout_ms, 1000);
    assert_int_equal(c->limits.idle_timeout_ms, 120000);
    assert_int_equal(c->limits.body_timeout_ms, 3000);
    assert_int_equal(c->limits.write_timeout_ms, 4000);
    assert_int_equal(c->limits.concurrent_streams, 5);
    assert_int_equal(c->limits.early_resets, 6);
    assert_int_equal(c->limits.control_frames, 70);
    const struct gw_config_upstream *up = &c->upstreams[0];
    assert_string_equal(up->name.text, "up");
    assert_string_equal(up->strategy.text, "weighted");
    assert_int_equal(up->endpoint_count, 2);
    assert_string_equal(up->endpoints[0].address.text, "[::1]:8001");
    assert_string_equal(up->endpoints[0].host.base, "::1");
    assert_int_equal(up->endpoints[0].port, 8001);
    assert_int_equal(up->endpoints[0].weight, 3);
    assert_int_equal(up->endpoints[1].weight, 1);
    assert_int_equal(up->timeout_ms, 250);
    assert_int_equal(up->max_message_bytes, 1048576);
    assert_int_equal(up->max_json_bytes, 3145728);
    assert_int_equal(up->max_pending, 7);
    assert_int_equal(up->pool.initial_size, 0);
    assert_int_equal(up->pool.max_size, 2);
    assert_int_equal(up->pool.idle_timeout_ms, 3600000);
    assert_int_equal(up->pool.connect_timeout_ms, 5000);
    assert_int_equal(c->route_count, 2);
    const struct gw_config_route *route = &c->routes[0];
    assert_string_equal(route->match.text, "GET /v1/users/{id}");
    assert_int_equal(route->match.place.line, 17);
    assert_int_equal(route->match.place.column, 12);
    assert_string_equal(route->grpc.text, "user.v1.UserService/GetUser");
    assert_string_equal(route->upstream.text, "up");
    assert_string_equal(route->body.text, "*");
    assert_string_equal(route->response_body.text, "user");
    assert_int_equal(route->timeout_ms, 2000);
    assert_int_equal(route->place.line, 17);
    assert_string_equal(c->routes[1].annotations.text, "user.v1.UserService");
    assert_int_equal(c->routes[1].timeout_ms, 0);
    assert_true(c->json.preserve_proto_names && c->json.always_print_defaults &&
                c->json.enums_as_ints && c->json.ignore_unknown_fields);
    assert_true(c->tracing.sample == 0.25);
    assert_int_equal(c->tracing.propagate, GW_PROPAGATE_B3);
    assert_true(c->access_log.enabled);
    assert_string_equal(c->access_log.path.text, "conf/../var/access.log");
    assert_int_equal(c->forward_headers.count, 2);
    assert_string_equal(c->forward_headers.items[0].text, "x-tenant");
    assert_int_equal(c->websocket.ping_ms, 20000);
    assert_int_equal(c->websocket.ping_timeout_ms, 3000);
    assert_int_equal(c->drain.delay_ms, 1000);
    assert_int_equal(c->drain.timeout_ms, 2000);
    gw_config_destroy(c);
}

static void paths_are_relative_to_the_file(void **state)
{
    (void)state;
    struct gw_config *c = load(LISTEN "schema: {descriptor_sets: [../a, /b, c]}\n"
                                      "access_log: {path: '-'}\n");
    assert_int_equal(c->descriptor_sets.count, 3);
    assert_string_equal(c->descriptor_sets.items[0].text, "conf/../a");
    assert_string_equal(c->descriptor_sets.items[1].text, "/b");
    assert_string_equal(c->descriptor_sets.items[2].text, "conf/c");
    assert_string_equal(c->access_log.path.text, "-");
    gw_config_destroy(c);
}

static void a_route_has_the_global_json_and_its_own_over_it(void **state)
{
    (void)state;
    struct gw_config *c =
        load(LISTEN SCHEMA UPSTREAM
             "routes:\n"
             "  - {annotations: a.B, upstream: up}\n"
             "  - {annotations: a.C, upstream: up, json: {enums_as_ints: false}}\n"
             "  - {annotations: a.D, upstream: up, json: {preserve_proto_names: true}}\n"
             "json: {enums_as_ints: true}\n");
    assert_true(c->routes[0].json.enums_as_ints);
    assert_false(c->routes[1].json.enums_as_ints);
    assert_true(c->routes[2].json.enums_as_ints);
    assert_true(c->routes[2].json.preserve_proto_names);
    assert_false(c->json.preserve_proto_names);
    gw_config_destroy(c);
}

static void a_variable_gives_any_kind_of_value(void **state)
{
    (void)state;
    setenv("GW_PORT", "8001", 1);
    unsetenv("GW_UNSET");
    struct gw_config *c = load(LISTEN "workers: ${GW_UNSET:-auto}\n"
                                      "upstreams:\n"
                                      "  - name: up\n"
                                      "    endpoints: [{address: \"a:${GW_PORT}\", weight: "
                                      "\"${GW_UNSET:-5}\"}]\n"
                                      "    timeout: ${GW_UNSET:-7s}\n");
    assert_int_equal(c->workers, 0);
    assert_string_equal(c->upstreams[0].endpoints[0].address.text, "a:8001");
    assert_int_equal(c->upstreams[0].endpoints[0].weight, 5);
    assert_int_equal(c->upstreams[0].timeout_ms, 7000);
    gw_config_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_have_their_defaults),
        cmocka_unit_test(timeouts_may_be_none),
        cmocka_unit_test(an_absent_block_is_a_feature_that_is_off),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(a_route_has_the_global_json_and_its_own_over_it),
        cmocka_unit_test(a_variable_gives_any_kind_of_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
