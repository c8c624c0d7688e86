/* Trace context: what a caller sent, the span of this process, and what goes on to the next.
 * Sources: W3C Trace Context (traceparent, tracestate), openzipkin/b3-propagation, and the plain
 * X-Trace-ID, X-Span-ID, X-Parent-ID. Pure; no allocation but from the pool given. */
#ifndef GW_TRACE_TRACE_H
#define GW_TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"

/* Which forms are read and sent. The same bits as the configuration's `tracing.propagate`. */
enum gw_trace_form { GW_TRACE_W3C = 1, GW_TRACE_B3 = 2, GW_TRACE_X = 4 };

/* The headers that carry it, as the caller sent them; empty slices where absent. */
struct gw_trace_headers {
    struct gw_slice traceparent, tracestate;
    struct gw_slice b3, x_b3_traceid, x_b3_spanid, x_b3_parentspanid, x_b3_sampled, x_b3_flags;
    struct gw_slice x_trace_id, x_span_id, x_parent_id;
    struct gw_buf joined_tracestate; /* where there are several, `tracestate` is of this */
};

/* Files the header in `h` if `name` (lower case) is one of them; false otherwise. A second header
 * of a name is ignored, but for tracestate, whose values are joined in the pool, and traceparent,
 * which is malformed when there are two, as W3C wants. */
bool gw_trace_headers_take(struct gw_trace_headers *h, gw_pool *pool, struct gw_slice name,
                           struct gw_slice value);

/* Ids end with a zero and are lower-case hexadecimal. */
struct gw_trace {
    char trace_id[33];
    char span_id[17];   /* ours */
    char parent_id[17]; /* the caller's span; "" at the root */
    bool sampled;
    bool debug; /* a caller's b3 said "d": sampled, and b3 says so to the next */
    /* Borrowed from the caller's header; empty where absent or malformed. */
    struct gw_slice tracestate;
    /* What the X- headers carry: the caller's X-Trace-ID as it was, if it was the form that was
     * read, else trace_id. */
    struct gw_slice x_trace_id;
};

/* Continues the caller's trace in the first form that is there and well-formed, of those in
 * `forms`, in the order W3C, b3, X-B3-*, X-Trace-ID; begins one where there is none. Trace ids of
 * 64 bits are padded with zeros in front. An X-Trace-ID that is neither 16 nor 32 hex digits (at
 * most 128 visible characters, else ignored) has its 128-bit hash as trace_id. The caller's span is
 * X-Span-ID there or, where it names none, X-Parent-ID. `sample` (0 to 1) decides where the caller
 * did not. `trace` must not move afterwards. */
void gw_trace_begin(struct gw_trace *trace, const struct gw_trace_headers *headers, unsigned forms,
                    double sample);

/* Most headers that gw_trace_inject writes. */
#define GW_TRACE_INJECT_MAX 6
struct gw_trace_header {
    struct gw_slice name, value;
};
/* What goes upstream in the forms asked for: traceparent, tracestate, b3, x-trace-id, x-span-id,
 * x-parent-id. Values live in the pool or in `trace`. Returns how many. */
size_t gw_trace_inject(const struct gw_trace *trace, unsigned forms, gw_pool *pool,
                       struct gw_trace_header out[GW_TRACE_INJECT_MAX]);

#endif
