/* Sluice.call. Internal to hooks/. */
#ifndef GW_HOOKS_REQUEST_RPC_H
#define GW_HOOKS_REQUEST_RPC_H

#include "hooks/request/state.h"

void gw_hook_rpc_define(mrb_state *mrb);

/* Index of the upstream; raises where there is none of that name. */
size_t gw_hook_upstream_find(mrb_state *mrb, const struct gw_config *config, struct gw_slice name);

#endif
