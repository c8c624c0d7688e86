/* What every service is but for its methods: a command line, a database, a gRPC server with health
 * and reflection, pages for people and Prometheus, and a graceful end. A service's main is a table
 * and one call. */
#ifndef COMMON_APP_H
#define COMMON_APP_H

#include "common/db.h"
#include "grpc/service.h"

struct gw_app {
    const char *name;        /* "user-service" */
    const char *server_name; /* "user-server"; an instance's id is this, "-" and its port */
    const char *count_name;  /* "user_count": what /health calls the number of things kept */
    uint16_t port;           /* the first of its ports */
    const ProtobufCServiceDescriptor *service;
    const struct gw_rpc_method *methods; /* get the struct gw_db as their context */
    const struct gw_db_schema *schema;
};

/* Serves until SIGTERM, SIGINT or SIGQUIT; then reports NOT_SERVING, lets calls finish and returns.
 * The exit status: 0, 1 where it cannot start (standard error says why), 2 for a wrong command
 * line. */
int gw_app_main(const struct gw_app *app, int argc, char **argv);

#endif
