#include "common/options.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/print.h"

/* How far the health page's port is from gRPC's. */
#define HEALTH_PORT_OFFSET 1000

static void print_help(const char *name, uint16_t default_port)
{
    printf("Usage: %s [OPTION]...\n"
           "\n"
           "  --port N         gRPC (default %u)\n"
           "  --health-port N  /health and /metrics over HTTP (default: port + %u)\n"
           "  --address A      listen on this address (default 127.0.0.1)\n"
           "  --db FILE        the data, shared by all instances (default var/%s.db)\n"
           "  --version V      the version to report (default v1.0)\n"
           "  --help           this text\n",
           name, default_port, HEALTH_PORT_OFFSET, name);
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    char *end;
    long port = strtol(text, &end, 10);
    if (end == text || *end != '\0' || port < 1 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static int refuse_port(const char *name, const char *option, const char *text)
{
    gw_print_line(stderr, "%s: --%s: expected a port from 1 to 65535, found \"%s\"", name, option,
                  text);
    return -1;
}

/* Where --health-port is absent. */
static int derive_health_port(const char *name, struct gw_options *options)
{
    if (options->port > UINT16_MAX - HEALTH_PORT_OFFSET) {
        fprintf(stderr, "%s: --port %u leaves no room for port + %u: give --health-port\n", name,
                options->port, HEALTH_PORT_OFFSET);
        return -1;
    }
    options->health_port = options->port + HEALTH_PORT_OFFSET;
    return 0;
}

/* Lives as long as the process, as argv does. */
static const char *default_db(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "var/%s.db", name);
    return path;
}

int gw_options_parse(int argc, char **argv, const char *name, uint16_t default_port,
                     struct gw_options *ret_options)
{
    static const struct option long_options[] = {
        {"port", required_argument, NULL, 'p'},
        {"health-port", required_argument, NULL, 'H'},
        {"address", required_argument, NULL, 'a'},
        {"db", required_argument, NULL, 'd'},
        {"version", required_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct gw_options options = {"127.0.0.1", default_port, 0, default_db(name), "v1.0"};
    optind = 0; /* glibc: begin anew, in tests */
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (c) {
        case 'p':
            if (!parse_port(optarg, &options.port))
                return refuse_port(name, "port", optarg);
            break;
        case 'H':
            if (!parse_port(optarg, &options.health_port))
                return refuse_port(name, "health-port", optarg);
            break;
        case 'a':
            options.address = optarg;
            break;
        case 'd':
            options.db = optarg;
            break;
        case 'v':
            options.version = optarg;
            break;
        case 'h':
            print_help(name, default_port);
            return GW_OPTIONS_HELP;
        default: /* getopt has said what is wrong */
            return -1;
        }
    }
    if (optind < argc) {
        gw_print_line(stderr, "%s: unexpected argument \"%s\"", name, argv[optind]);
        return -1;
    }
    if (options.health_port == 0 && derive_health_port(name, &options) != 0)
        return -1;
    *ret_options = options;
    return GW_OPTIONS_RUN;
}
