/* What a client speaks, by the Content-Type of its request. Pure. */
#ifndef GW_FRONTEND_PROTOCOL_H
#define GW_FRONTEND_PROTOCOL_H

#include "base/slice.h"

enum gw_protocol {
    GW_PROTOCOL_REST,
    GW_PROTOCOL_GRPC,          /* grpc/doc/PROTOCOL-HTTP2.md */
    GW_PROTOCOL_GRPC_WEB,      /* grpc/doc/PROTOCOL-WEB.md */
    GW_PROTOCOL_GRPC_WEB_TEXT, /* the same in base64 */
};

/* A Content-Type or a media range of Accept. *ret_codec, unless REST: what names the form of
 * messages, "+proto", or empty. */
enum gw_protocol gw_protocol_of(struct gw_slice media_type, struct gw_slice *ret_codec);
/* The first form of gRPC-Web that the values of an Accept header name; `otherwise` where they name
 * none. */
enum gw_protocol gw_protocol_accepted(struct gw_slice accept, enum gw_protocol otherwise);
/* "application/grpc-web-text"; not of REST. */
struct gw_slice gw_protocol_media_type(enum gw_protocol protocol);

static inline bool gw_protocol_is_web(enum gw_protocol protocol)
{
    return protocol == GW_PROTOCOL_GRPC_WEB || protocol == GW_PROTOCOL_GRPC_WEB_TEXT;
}

#endif
