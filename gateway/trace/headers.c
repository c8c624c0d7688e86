#include "trace/trace.h"

static struct gw_slice *slot_of(struct gw_trace_headers *h, struct gw_slice name)
{
    switch (name.len) {
    case 2:
        return gw_slice_eq(name, GW_SLICE("b3")) ? &h->b3 : NULL;
    case 9:
        return gw_slice_eq(name, GW_SLICE("x-span-id")) ? &h->x_span_id : NULL;
    case 10:
        return gw_slice_eq(name, GW_SLICE("tracestate"))   ? &h->tracestate
               : gw_slice_eq(name, GW_SLICE("x-trace-id")) ? &h->x_trace_id
               : gw_slice_eq(name, GW_SLICE("x-b3-flags")) ? &h->x_b3_flags
                                                           : NULL;
    case 11:
        return gw_slice_eq(name, GW_SLICE("traceparent"))   ? &h->traceparent
               : gw_slice_eq(name, GW_SLICE("x-parent-id")) ? &h->x_parent_id
               : gw_slice_eq(name, GW_SLICE("x-b3-spanid")) ? &h->x_b3_spanid
                                                            : NULL;
    case 12:
        return gw_slice_eq(name, GW_SLICE("x-b3-traceid"))   ? &h->x_b3_traceid
               : gw_slice_eq(name, GW_SLICE("x-b3-sampled")) ? &h->x_b3_sampled
                                                             : NULL;
    case 17:
        return gw_slice_eq(name, GW_SLICE("x-b3-parentspanid")) ? &h->x_b3_parentspanid : NULL;
    default:
        return NULL;
    }
}

static struct gw_slice join(gw_pool *pool, struct gw_slice a, struct gw_slice b)
{
    char *both = h2o_mem_alloc_pool(pool, a.len + 1 + b.len);
    memcpy(both, a.base, a.len);
    both[a.len] = ',';
    h2o_memcpy(both + a.len + 1, b.base, b.len);
    return gw_slice(both, a.len + 1 + b.len);
}

bool gw_trace_headers_take(struct gw_trace_headers *h, gw_pool *pool, struct gw_slice name,
                           struct gw_slice value)
{
    struct gw_slice *slot = slot_of(h, name);
    if (slot == NULL)
        return false;
    if (slot->len == 0)
        *slot = value;
    else if (slot == &h->tracestate || slot == &h->traceparent)
        *slot = join(pool, *slot, value);
    return true;
}
