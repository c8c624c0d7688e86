/* grpc.health.v1.Health (Check, Watch) for a server. */
#ifndef GW_SERVICES_GRPC_HEALTH_H
#define GW_SERVICES_GRPC_HEALTH_H

#include "grpc/server.h"

struct gw_health;

enum gw_health_status { GW_HEALTH_UNKNOWN = 0, GW_HEALTH_SERVING = 1, GW_HEALTH_NOT_SERVING = 2 };

/* Adds the service. "" (the server as a whole) begins as SERVING. */
struct gw_health *gw_health_create(struct gw_grpc_server *server);
/* After the server. */
void gw_health_destroy(struct gw_health *health);
/* Watchers are told. `service` is copied. */
void gw_health_set(struct gw_health *health, struct gw_slice service, enum gw_health_status status);
/* Before gw_grpc_server_shutdown, which would wait for the watchers: every service becomes
 * NOT_SERVING, and Watch calls end with UNAVAILABLE. */
void gw_health_stop(struct gw_health *health);

#endif
