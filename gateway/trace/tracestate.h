/* The tracestate header (W3C Trace Context, section 3.3). Internal to trace/. */
#ifndef GW_TRACE_TRACESTATE_H
#define GW_TRACE_TRACESTATE_H

#include "base/slice.h"

#define GW_TRACESTATE_MAX_BYTES 512
#define GW_TRACESTATE_MAX_MEMBERS 32

/* The part of `value` that goes on: all of it, or, where it is longer than the limit, as many
 * members from the front as fit. Empty where it is malformed or has too many members. */
struct gw_slice gw_tracestate_check(struct gw_slice value);

#endif
