/* Metadata: ordered name-value pairs, names in lower case (grpc/doc/PROTOCOL-HTTP2.md). */
#ifndef GW_GRPC_METADATA_H
#define GW_GRPC_METADATA_H

#include "base/buf.h"
#include "base/slice.h"

/* Whether HPACK's dynamic table (RFC 7541) may keep a field that is sent, to send it shorter again.
 * What a stranger chose belongs in no table: it would push out what is useful, and secrets could be
 * guessed. */
enum gw_indexing {
    GW_INDEX_NEVER, /* nor may a table behind the peer */
    GW_INDEX_NOT,   /* values that differ from call to call */
    GW_INDEX_FIELD, /* the few values that recur */
};

struct gw_metadatum {
    struct gw_slice name;
    struct gw_slice value;     /* of a name that ends in -bin: base64, as on the wire */
    enum gw_indexing indexing; /* only for what is sent */
};

/* Borrowed view. */
struct gw_metadata {
    const struct gw_metadatum *items;
    size_t count;
};

/* The first of that name, or NULL. */
const struct gw_metadatum *gw_metadata_find(const struct gw_metadata *md, struct gw_slice name);

/* A growing copy. */
struct gw_metadata_store {
    struct gw_metadatum *items;
    size_t count, capacity;
    gw_pool *pool; /* where items and bytes go */
    size_t bytes;  /* RFC 9113 section 10.5.1: name + value + 32 each */
};
void gw_metadata_store_add(struct gw_metadata_store *store, struct gw_slice name,
                           struct gw_slice value);
static inline struct gw_metadata gw_metadata_of(const struct gw_metadata_store *store)
{
    return (struct gw_metadata){store->items, store->count};
}

/* Whether an application may send it: lower case RFC 9110 token, printable ASCII value, no
 * pseudo-header, no hop-by-hop header, not te, host, content-length or grpc-*. */
bool gw_metadata_is_allowed(struct gw_slice name, struct gw_slice value);
/* Whether a proxy hands it on from one end of a call to the other: what an application may send,
 * and gRPC's own fields but grpc-timeout, grpc-status, grpc-message and grpc-status-details-bin,
 * which each hop says for itself. */
bool gw_metadata_is_end_to_end(struct gw_slice name, struct gw_slice value);

/* grpc-timeout's value, "100m": at most 8 digits, rounded up. out has room for 16 bytes. */
size_t gw_grpc_timeout_format(char out[16], uint64_t timeout_ms);
/* -1 where malformed; saturates. */
int gw_grpc_timeout_parse(struct gw_slice text, uint64_t *ret_timeout_ns);

#endif
