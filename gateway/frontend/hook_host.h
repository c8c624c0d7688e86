/* What hooks see and change of an exchange: its fields, its request message, where it goes. */
#ifndef GW_FRONTEND_HOOK_HOST_H
#define GW_FRONTEND_HOOK_HOST_H

#include "frontend/exchange_internal.h"
#include "hooks/hooks.h"

/* Fields that are kept here: names and values last as long as the request. */
struct gw_hook_host_fields {
    struct gw_metadatum *items;
    size_t count, capacity;
};

struct gw_exchange_host;
typedef void (*gw_exchange_host_fn)(struct gw_exchange_host *host, enum gw_hook_outcome outcome);

struct gw_exchange_host {
    struct gw_hook_host super;
    struct gw_exchange *exchange;
    gw_exchange_host_fn resumed;         /* a phase that waited is over */
    struct gw_hook_host_fields metadata; /* without the trace */
    struct gw_hook_host_fields trailers; /* of the upstream's answer */
    bool has_metadata;                   /* `metadata` counts, not the exchange's own */
};

void gw_exchange_host_init(struct gw_exchange_host *host, struct gw_exchange *x,
                           gw_exchange_host_fn resumed);
/* The body is there, as far as it is awaited. */
void gw_exchange_host_take_body(struct gw_exchange_host *host);
/* Copies them, to be seen by hooks, in place of those that were there. */
void gw_exchange_host_take_trailers(struct gw_exchange_host *host,
                                    const struct gw_metadata *trailers);
/* Gives the exchange the metadata and the upstream that hooks have left. */
void gw_exchange_host_apply(struct gw_exchange_host *host);
/* The gateway reads the answer, so the upstream is told what it takes, not what the client does. */
void gw_exchange_host_take_encodings(struct gw_exchange_host *host);
/* Adds the headers of a hook's own answer. */
void gw_exchange_host_add_headers(struct gw_exchange_host *host, const struct gw_metadata *headers);

static inline struct gw_metadata gw_hook_host_metadata(const struct gw_hook_host_fields *fields)
{
    return (struct gw_metadata){fields->items, fields->count};
}

/* In the pool, with its gRPC prefix. */
struct gw_slice gw_hook_host_frame(gw_pool *pool, struct gw_slice message);

#endif
