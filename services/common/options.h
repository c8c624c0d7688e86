/* The command line of a service. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdint.h>

struct gw_options {
    const char *address; /* an IPv4 or IPv6 address to listen on */
    uint16_t port;       /* gRPC */
    uint16_t health_port;
    const char *db;      /* file */
    const char *version; /* what the service says of itself */
};

enum gw_options_outcome { GW_OPTIONS_RUN, GW_OPTIONS_HELP };

/* Reads the command line; what it leaves out has the defaults of --help. `name` is the service's,
 * default_port its first port. Returns an outcome (help has been printed), or -1 after having told
 * standard error what is wrong. Texts in *ret_options live as long as argv. */
int gw_options_parse(int argc, char **argv, const char *name, uint16_t default_port,
                     struct gw_options *ret_options);

#endif
