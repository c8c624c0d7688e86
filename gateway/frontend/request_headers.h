/* What a request's headers mean to the gateway: what goes on as metadata, the trace, the request
 * id. */
#ifndef GW_FRONTEND_REQUEST_HEADERS_H
#define GW_FRONTEND_REQUEST_HEADERS_H

#include <h2o.h>

#include "base/strmap.h"
#include "config/config.h"
#include "frontend/peer.h"
#include "frontend/protocol.h"
#include "grpc/metadata.h"
#include "tls/client.h"
#include "trace/trace.h"

/* Fills the table of header names that mean something: the fixed ones and config->forward_headers.
 */
void gw_header_kinds_init(struct gw_strmap *kinds, const struct gw_config *config);

struct gw_request_headers {
    enum gw_protocol protocol;
    bool lacks_http2; /* it would be gRPC, but came over HTTP/1.1: `protocol` is REST then */
    struct gw_slice content_type;
    struct gw_slice codec;              /* of gRPC: "+proto", or empty */
    struct gw_slice timeout;            /* grpc-timeout; base NULL: none */
    struct gw_slice accepted_encodings; /* grpc-accept-encoding; goes on with native gRPC only */
    struct gw_slice request_id;         /* the client's, or a new one */
    struct gw_slice client_address;     /* see gw_peer_client */
    struct gw_trace trace;              /* empty where tracing is off */
    struct gw_metadata metadata;        /* what goes upstream; in the pool */
    size_t trace_count;                 /* of which so many, the last, are the trace's */
    /* The first header that was to go on as metadata and cannot: by its name there. */
    enum gw_metadata_fault fault;
    struct gw_slice faulty_name;
    /* Of clients that speak gRPC: what they call themselves, and behind it what we do; else empty.
     */
    struct gw_slice user_agent;
};

/* Reads the headers of `req` in one pass. `headers` must not move afterwards. tls_client: who
 * the peer is by its certificate, or NULL. x-forwarded-host and -proto are the peer's to say when
 * it is a trusted proxy, and else ours; so is what stands in x-forwarded-for before the peer
 * itself, except that without config->trusted_proxies anybody may say that. */
void gw_request_headers_read(h2o_req_t *req, const struct gw_strmap *kinds,
                             const struct gw_config *config, const struct gw_peer *peer,
                             const struct gw_tls_client *tls_client,
                             struct gw_request_headers *headers);

/* The first header of that name, which libh2o has no token for; empty: there is none. */
struct gw_slice gw_request_header(const h2o_req_t *req, const char *name, size_t length);

/* Whether a header that the client might send goes upstream by itself; *name becomes its name
 * there. Not (RESERVED) the trace, and nothing that the gateway says itself. Text that gRPC does
 * not know stays here where the client speaks gRPC, as gRPC's document wants it, and is a fault
 * where it does not. */
enum gw_metadata_fault gw_request_header_goes_on(const struct gw_strmap *kinds,
                                                 enum gw_protocol protocol, struct gw_slice *name,
                                                 struct gw_slice value);

/* What a client is told of headers->fault: 400, INVALID_ARGUMENT. In the pool. */
struct gw_slice gw_request_headers_fault_text(const struct gw_request_headers *headers,
                                              gw_pool *pool);

/* Adds an answer's metadata to the response's headers, as grpc-metadata-NAME or grpc-trailer-NAME
 * (`prefix`). */
void gw_response_headers_add(h2o_req_t *req, struct gw_slice prefix,
                             const struct gw_metadata *metadata);

#endif
