/* What the JSON codec costs: a user and an order, each way. Arguments: services.binpb, and
 * optionally milliseconds for each figure. */
#include <stdio.h>
#include <stdlib.h>

#include "../load_schema.h"
#include "base/clock.h"
#include "transcode/transcode.h"

static const struct gw_json_options options = {0};

typedef int (*convert_fn)(const struct gw_schema *schema, const struct gw_message_type *type,
                          const struct gw_json_options *options, struct gw_slice in, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error);

static struct gw_slice convert(convert_fn fn, const struct gw_schema *schema,
                               const struct gw_message_type *type, struct gw_slice in,
                               gw_pool *pool)
{
    struct gw_error error;
    struct gw_buf out = gw_buf_in_pool(pool);
    if (fn(schema, type, &options, in, pool, &out, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return gw_buf_slice(&out);
}

static double ns_per_call(convert_fn fn, const struct gw_schema *schema,
                          const struct gw_message_type *type, struct gw_slice in, uint64_t ms)
{
    uint64_t count = 0, start = gw_clock_ns(), now = start;
    while (now - start < ms * 1000000) {
        for (int i = 0; i < 1000; i++, count++) {
            gw_pool pool;
            h2o_mem_init_pool(&pool);
            convert(fn, schema, type, in, &pool);
            h2o_mem_clear_pool(&pool);
        }
        now = gw_clock_ns();
    }
    return (double)(now - start) / (double)count;
}

static void measure(const struct gw_schema *schema, const char *name, struct gw_slice json,
                    uint64_t ms)
{
    const struct gw_message_type *type = gw_schema_message(schema, gw_slice_str(name));
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    struct gw_slice wire = convert(gw_json_to_wire, schema, type, json, &pool);
    printf("%-28s %5zu bytes of JSON, %5zu on the wire: to wire %6.0f ns, to JSON %6.0f ns\n", name,
           json.len, wire.len, ns_per_call(gw_json_to_wire, schema, type, json, ms),
           ns_per_call(gw_wire_to_json, schema, type, wire, ms));
    h2o_mem_clear_pool(&pool);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_transcode services.binpb [milliseconds]\n");
        return 2;
    }
    uint64_t ms = argc > 2 ? strtoull(argv[2], NULL, 10) : 500;
    struct gw_schema *schema = test_load_schema(1, (const char *const[]){argv[1]});
    measure(schema, "user.v1.CreateUserRequest",
            GW_SLICE("{\"username\":\"alice\",\"email\":\"alice@example.com\",\"fullName\":"
                     "\"Alice\",\"age\":28}"),
            ms);
    measure(schema, "user.v1.GetUserResponse",
            GW_SLICE("{\"user\":{\"id\":\"1f0c6a3e-5f0e-4a57-9a53-3c1d5d0b7a11\",\"username\":"
                     "\"alice\",\"email\":\"alice@example.com\",\"fullName\":\"Alice Liddell\","
                     "\"age\":28,\"createdAt\":\"2026-01-31T12:00:00.123456Z\",\"updatedAt\":"
                     "\"2026-02-01T08:30:00Z\"}}"),
            ms);
    struct gw_buf order = GW_BUF_HEAP;
    gw_buf_append(&order, GW_SLICE("{\"order\":{\"orderId\":\"1f0c6a3e-5f0e-4a57-9a53-3c1d5d0b7a11"
                                   "\",\"userId\":\"8f14e45f-ceea-467f-a8d1-0a1f3c8b2d77\","
                                   "\"items\":["));
    for (int i = 0; i < 10; i++)
        gw_buf_printf(&order,
                      "%s{\"productId\":\"product-%d\",\"productName\":\"A thing to order, no. %d"
                      "\",\"quantity\":%d,\"price\":%d.99}",
                      i > 0 ? "," : "", 1000 + i, i, 1 + i % 3, 1299 + 17 * i);
    gw_buf_append(&order, GW_SLICE("],\"total\":27514.8,\"status\":\"PENDING\",\"createdAt\":"
                                   "\"2026-01-31T12:00:00.123456Z\"}}"));
    measure(schema, "order.v1.GetOrderResponse", gw_buf_slice(&order), ms);
    gw_buf_dispose(&order);
    gw_schema_destroy(schema);
    return 0;
}
