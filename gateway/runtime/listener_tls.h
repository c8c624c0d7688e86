/* From a listener's configuration to what it presents to TLS clients. */
#ifndef GW_RUNTIME_LISTENER_TLS_H
#define GW_RUNTIME_LISTENER_TLS_H

#include "config/config.h"
#include "tls/context.h"

/* Reads the files that the listener, one with TLS, names. `protocols` and `previous` are as in
 * gw_tls_context_create. NULL when something is wrong: every fault that was found is in `errors`
 * then, with its place. */
struct gw_tls_context *gw_listener_tls_create(const struct gw_config_listener *listener,
                                              const struct gw_slice *protocols,
                                              size_t protocol_count,
                                              const struct gw_tls_context *previous,
                                              struct gw_diagnostics *errors);

#endif
