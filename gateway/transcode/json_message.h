/* What the parts of the JSON reader that call each other share. Each function reads the JSON value
 * at r->at and appends wire bytes to r->out; -1 with the error set. */
#ifndef GW_TRANSCODE_JSON_MESSAGE_H
#define GW_TRANSCODE_JSON_MESSAGE_H

#include "transcode/json_reader.h"

/* The contents of a message, neither key nor length. Counts its depth. */
int gw_json_read_message(struct gw_json_reader *r, const struct gw_message_type *type);
/* The same for an object whose brace is behind r->at. `is_any`: "@type" is there once, and is
 * passed over. */
int gw_json_read_members(struct gw_json_reader *r, const struct gw_message_type *type, bool is_any);
/* Key and value of a singular field, or of one element. 1: nothing, for the enum value's name is
 * unknown and options->ignore_unknown_fields. */
int gw_json_read_value(struct gw_json_reader *r, const struct gw_field *field);
/* The contents of a message whose well_known is not GW_WKT_NONE or GW_WKT_EMPTY. Does not count
 * the depth of the message itself. */
int gw_json_read_well_known(struct gw_json_reader *r, const struct gw_message_type *type);

#endif
