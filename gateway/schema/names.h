/* Names in .proto files. */
#ifndef GW_SCHEMA_NAMES_H
#define GW_SCHEMA_NAMES_H

#include "base/mem.h"

/* Of one identifier, and of a full name with its dots. */
#define GW_NAME_MAX_BYTES 255
#define GW_FULL_NAME_MAX_BYTES 1023

/* A letter or '_', then letters, digits and '_'; at most GW_NAME_MAX_BYTES. NULL is not one. */
bool gw_name_is_valid(const char *name);
/* Such names joined by dots; at most GW_FULL_NAME_MAX_BYTES. NULL and "" are not one. */
bool gw_full_name_is_valid(const char *name);
/* UTF-8 without control characters, so that it can stand in a message. NULL and "" are not. */
bool gw_text_is_printable(const char *text);

/* The JSON name of a field that does not choose one: "user_id" is "userId". */
struct gw_slice gw_json_name(gw_pool *pool, struct gw_slice name);

#endif
