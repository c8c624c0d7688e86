/* What a match costs, by the number of routes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "transcode/router.h"

#define ROUNDS 2000000

static double ns_per_match(const struct gw_router *router, const char *path)
{
    struct gw_slice method = GW_SLICE("GET"), target = gw_slice_str(path);
    double best = 1e9;
    for (int k = 0; k < 5; k++) {
        struct gw_route_match match;
        uint64_t begin = gw_clock_ns();
        for (int i = 0; i < ROUNDS / 5; i++) {
            if (!gw_router_match(router, method, target, &match))
                abort();
            __asm__ volatile("" : : "r"(&match) : "memory");
        }
        double ns = (double)(gw_clock_ns() - begin) / (ROUNDS / 5);
        best = ns < best ? ns : best;
    }
    return best;
}

static void add(struct gw_router *router, struct gw_template *t, const char *text)
{
    if (gw_template_parse(t, gw_slice_str(text), NULL) != 0)
        abort();
    gw_router_add(router, GW_SLICE("GET"), t, t);
}

static void run(int count)
{
    struct gw_router *router = gw_router_create();
    struct gw_template *templates = gw_alloc(((size_t)count + 3) * sizeof(*templates));
    struct gw_template *t = templates;
    for (int i = 0; i < count; i++) {
        char text[64];
        snprintf(text, sizeof(text), "/v1/resource%d/{id}/part%d", i / 10, i % 10);
        add(router, t++, text);
    }
    add(router, t++, "/v1/users/{id}");
    add(router, t++, "/v1/payments/{id}:refund");
    add(router, t++, "/v1/{name=shelves/*/books/*}");
    printf("%6d routes: /v1/users/{id} %5.1f ns, {id}:refund %5.1f ns, "
           "{name=shelves/*/books/*} %5.1f ns\n",
           count, ns_per_match(router, "/v1/users/0b7a1f6e-5d1c-4b0e-9f5e-1d2c3b4a5968"),
           ns_per_match(router, "/v1/payments/0b7a1f6e-5d1c-4b0e-9f5e-1d2c3b4a5968:refund"),
           ns_per_match(router, "/v1/shelves/12/books/345"));
    gw_router_destroy(router);
    while (t > templates)
        gw_template_dispose(--t);
    free(templates);
}

int main(void)
{
    run(10);
    run(1000);
    run(10000);
    return 0;
}
