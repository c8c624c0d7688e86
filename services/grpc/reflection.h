/* grpc.reflection.v1.ServerReflection and v1alpha, so that grpcurl works without .proto files. */
#ifndef GW_SERVICES_GRPC_REFLECTION_H
#define GW_SERVICES_GRPC_REFLECTION_H

#include "base/error.h"
#include "grpc/server.h"

struct gw_reflection;

/* Adds the services of both versions. descriptor_set: a serialised FileDescriptorSet with all
 * imports; copied. services: what list_services answers, ending with NULL; copied. NULL with an
 * error where the set is broken. */
struct gw_reflection *gw_reflection_create(struct gw_grpc_server *server,
                                           struct gw_slice descriptor_set,
                                           const char *const *services, struct gw_error *error);
/* After the server. */
void gw_reflection_destroy(struct gw_reflection *reflection);

#endif
