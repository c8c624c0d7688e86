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

static void join_tracestate(struct gw_trace_headers *h, gw_pool *pool, struct gw_slice value)
{
    if (h->joined_tracestate.len == 0) {
        h->joined_tracestate = gw_buf_in_pool(pool);
        gw_buf_append(&h->joined_tracestate, h->tracestate);
    }
    gw_buf_append_byte(&h->joined_tracestate, ',');
    gw_buf_append(&h->joined_tracestate, value);
    h->tracestate = gw_buf_slice(&h->joined_tracestate);
}

bool gw_trace_headers_take(struct gw_trace_headers *h, gw_pool *pool, struct gw_slice name,
                           struct gw_slice value)
{
    struct gw_slice *slot = slot_of(h, name);
    if (slot == NULL)
        return false;
    if (slot->len == 0)
        *slot = value;
    else if (slot == &h->tracestate)
        join_tracestate(h, pool, value);
    else if (slot == &h->traceparent)
        *slot = GW_SLICE("several");
    return true;
}
