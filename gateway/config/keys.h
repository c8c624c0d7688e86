/* Every key of a configuration file, with its type, bounds and default: a table a block. */
#ifndef GW_CONFIG_KEYS_H
#define GW_CONFIG_KEYS_H

#include "config/reader.h"

/* The outermost mapping; read into a struct gw_config. */
extern const struct gw_block gw_config_keys;

/* The blocks that have files of their own, by the struct that each is read into. */
extern const struct gw_block gw_listener_keys; /* gw_config_listener */
extern const struct gw_block gw_limits_keys;   /* gw_config_limits */
extern const struct gw_block gw_upstream_keys; /* gw_config_upstream */
extern const struct gw_block gw_route_keys;    /* gw_config_route */
extern const struct gw_block gw_cors_keys;     /* gw_config_cors */
/* gw_config_json, without fallbacks: on a route, an absent key is the global one. */
extern const struct gw_block gw_json_keys;

#endif
