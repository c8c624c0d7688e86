/* Every key of a configuration file, with its type, bounds and default. */
#ifndef GW_CONFIG_KEYS_H
#define GW_CONFIG_KEYS_H

#include "config/reader.h"

/* The outermost mapping; read into a struct gw_config. */
extern const struct gw_block gw_config_keys;
/* Read into a struct gw_config_cors. */
extern const struct gw_block gw_cors_keys;

#endif
