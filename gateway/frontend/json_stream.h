/* Answers of many messages over REST, in the form that the client chooses by Accept. */
#ifndef GW_FRONTEND_JSON_STREAM_H
#define GW_FRONTEND_JSON_STREAM_H

#include "frontend/exchange_internal.h"

/* Makes x->stream. -1: answered, because the client accepts none of the forms. */
int gw_json_stream_create(struct gw_exchange *x);

#endif
