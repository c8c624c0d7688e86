/* Services on protobuf-c messages: unary and server-streaming handlers by method of a protobuf-c
 * service.
 *
 *     static void get_user(struct gw_rpc *rpc, const ProtobufCMessage *request) {
 *         User__V1__GetUserResponse response = USER__V1__GET_USER_RESPONSE__INIT;
 *         ...
 *         gw_rpc_reply(rpc, &response.base);
 *         or  gw_rpc_fail(rpc, GW_NOT_FOUND, "user not found");
 *     }
 *
 * Requests are checked first (grpc/request.h): a handler's strings are UTF-8 and whole. */
#ifndef GW_SERVICES_GRPC_SERVICE_H
#define GW_SERVICES_GRPC_SERVICE_H

#include <protobuf-c/protobuf-c.h>

#include "grpc/server.h"

struct gw_rpc; /* one call of a registered method */

/* The request lives as long as the call. */
typedef void (*gw_rpc_handler)(struct gw_rpc *rpc, const ProtobufCMessage *request);

struct gw_rpc_method {
    const char *name; /* as in the .proto: "GetUser" */
    bool server_streaming;
    gw_rpc_handler handler; /* answers at once or later */
    /* For server streaming: room for more. Optional. */
    void (*on_writable)(struct gw_rpc *rpc);
    /* The call is over, whoever ended it; rpc is gone afterwards. Optional. */
    void (*on_close)(struct gw_rpc *rpc);
};

/* Registers every method of `descriptor`; those absent from `methods` (which ends with a NULL name)
 * answer UNIMPLEMENTED. `context` is what gw_rpc_context gives. */
void gw_service_add(struct gw_grpc_server *server, const ProtobufCServiceDescriptor *descriptor,
                    const struct gw_rpc_method *methods, void *context);

void *gw_rpc_context(const struct gw_rpc *rpc);
gw_pool *gw_rpc_pool(struct gw_rpc *rpc);
void **gw_rpc_data(struct gw_rpc *rpc);

/* Unary: the answer and OK. */
void gw_rpc_reply(struct gw_rpc *rpc, const ProtobufCMessage *response);
/* Streaming: one message; false is back pressure, as for gw_server_call_write. Then gw_rpc_end. */
bool gw_rpc_write(struct gw_rpc *rpc, const ProtobufCMessage *response);
void gw_rpc_end(struct gw_rpc *rpc);
void gw_rpc_fail(struct gw_rpc *rpc, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With one detail (google.rpc.Status.details), e.g. a google.rpc.BadRequest. */
void gw_rpc_fail_with(struct gw_rpc *rpc, int status, const char *message,
                      const ProtobufCMessage *detail);

#endif
