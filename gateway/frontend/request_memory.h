/* What requests take in memory from their first byte to their answer's last: limits.request_memory
 * over the process, and limits.request_memory_per_connection. Counted is what their buffers have
 * room for, which may be up to twice what has come.
 *
 * A worker takes its part of the total in steps, so that small requests touch nothing that workers
 * share, and keeps up to two steps that it does not need. */
#ifndef GW_FRONTEND_REQUEST_MEMORY_H
#define GW_FRONTEND_REQUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "frontend/http_metrics.h"

#define GW_REQUEST_MEMORY_STEP_BYTES (16u << 10)

/* Of the process. */
struct gw_request_memory_total {
    uint64_t most_bytes;
    uint64_t taken_bytes;   /* atomic */
    uint64_t waiting_bytes; /* atomic: of those, what answers hold that wait for more */
};

/* Worker-local. */
struct gw_request_memory {
    struct gw_request_memory_total *total;
    uint64_t most_bytes_per_connection;
    uint64_t taken_bytes; /* of the total */
    uint64_t held_bytes;
};

/* Of a connection. Worker-local. */
struct gw_request_memory_account {
    struct gw_request_memory *memory;
    uint64_t held_bytes;
};

enum gw_request_memory_outcome {
    GW_REQUEST_MEMORY_FITS,
    GW_REQUEST_MEMORY_OVER_CONNECTION,
    GW_REQUEST_MEMORY_OVER_TOTAL
};

/* A buffer that is charged with *held bytes now has room for `bytes`. Where that does not fit,
 * nothing is charged, and the caller is to give the buffer up; fewer bytes always fit. */
enum gw_request_memory_outcome gw_request_memory_resize(struct gw_request_memory_account *account,
                                                        size_t *held, size_t bytes);

/* The same of what does not count for a connection: it fits, or is over the total. */
enum gw_request_memory_outcome gw_request_memory_resize_free(struct gw_request_memory *memory,
                                                             size_t *held, size_t bytes);
/* Of what is there whether it fits or not; what comes after it has so much less room. */
void gw_request_memory_charge(struct gw_request_memory *memory, size_t *held, size_t bytes);

/* The limit that something is over which does not fit. */
enum gw_limit gw_request_memory_limit(enum gw_request_memory_outcome outcome);

#endif
