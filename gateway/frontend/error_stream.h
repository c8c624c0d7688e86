/* Errors that libh2o answers by itself, in the form that all others have. */
#ifndef GW_FRONTEND_ERROR_STREAM_H
#define GW_FRONTEND_ERROR_STREAM_H

#include "frontend/exchange_internal.h"

/* From within on_setup_ostream, for an answer with an error status: replaces its headers, and its
 * body as it goes through. Gives the slot of what comes next. */
h2o_ostream_t **gw_error_stream_put(struct gw_exchange *x, struct gw_slice message,
                                    h2o_ostream_t **slot);

#endif
