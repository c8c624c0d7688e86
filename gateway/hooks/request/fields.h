/* Headers, metadata and trailers as objects of Ruby, which stand for the host's own. Internal to
 * hooks/. */
#ifndef GW_HOOKS_REQUEST_FIELDS_H
#define GW_HOOKS_REQUEST_FIELDS_H

#include "hooks/request/state.h"

void gw_hook_fields_define(mrb_state *mrb);

/* The Sluice::Fields of one kind. */
mrb_value gw_hook_fields_get(mrb_state *mrb, struct gw_hook_call *call, enum gw_hook_fields kind);

/* Copies a field to the host's pool: the name in lower case. Raises ArgumentError where they are no
 * name or value of a field, or hooks have set too many. */
void gw_hook_field_copy(mrb_state *mrb, struct gw_hook_call *call, struct gw_slice name,
                        struct gw_slice value, struct gw_metadatum *ret_field);
/* Adds it, or sets it in place of those of that name. Raises where the host says no. */
void gw_hook_field_put(mrb_state *mrb, struct gw_hook_call *call, enum gw_hook_fields kind,
                       struct gw_slice name, struct gw_slice value, bool is_added);

#endif
