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
    enum gw_indexing indexing; /* only for what is sent; GW_INDEX_NEVER: checked before that */
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

/* What is wrong with a field that somebody wants to send as metadata. gRPC's C core ends the whole
 * connection for some of it, and with it the calls of others. */
enum gw_metadata_fault {
    GW_METADATA_SOUND,
    GW_METADATA_RESERVED,  /* the transport's or gRPC's own, or of one hop */
    GW_METADATA_BAD_NAME,  /* not of a-z 0-9 _ - . */
    GW_METADATA_BAD_TEXT,  /* not printable ASCII, or with space around it. gRPC's document: whoever
                              receives such metadata throws it away, or takes it, and fails no call
                            */
    GW_METADATA_BAD_BINARY /* of a name in -bin, and not a list of base64 as RFC 4648 writes it */
};
/* Of what an application says: none of gRPC's own names. */
enum gw_metadata_fault gw_metadata_check(struct gw_slice name, struct gw_slice value);
/* Of what a proxy hands on from one end of a call to the other: what an application may send, and
 * gRPC's own fields but grpc-timeout, grpc-status, grpc-message and grpc-status-details-bin, which
 * each hop says for itself. */
enum gw_metadata_fault gw_metadata_check_end_to_end(struct gw_slice name, struct gw_slice value);
/* What people are told. Static. */
const char *gw_metadata_fault_text(enum gw_metadata_fault fault);

static inline bool gw_metadata_is_allowed(struct gw_slice name, struct gw_slice value)
{
    return gw_metadata_check(name, value) == GW_METADATA_SOUND;
}
static inline bool gw_metadata_is_end_to_end(struct gw_slice name, struct gw_slice value)
{
    return gw_metadata_check_end_to_end(name, value) == GW_METADATA_SOUND;
}

/* The name ends in -bin: the value is base64, or several such with commas between them, of which
 * each is to be sent by itself, because the C core does not know such lists. */
bool gw_metadata_is_binary(struct gw_slice name);
/* Takes the first value off such a list, without white space around it. An empty list has one, an
 * empty one; afterwards, and where base is NULL, there is none: false. */
bool gw_metadata_next_value(struct gw_slice *rest, struct gw_slice *ret_value);

/* grpc-timeout's value, "100m": at most 8 digits, rounded up. out has room for 16 bytes. */
size_t gw_grpc_timeout_format(char out[16], uint64_t timeout_ms);
/* -1 where malformed; saturates. */
int gw_grpc_timeout_parse(struct gw_slice text, uint64_t *ret_timeout_ns);

#endif
