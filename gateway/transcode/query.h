/* Query parameters: `a.b=1&c=x+y` to fields and their texts. */
#ifndef GW_TRANSCODE_QUERY_H
#define GW_TRANSCODE_QUERY_H

#include "transcode/assignment.h"

/* What a request may have. */
#define GW_QUERY_PARAMETERS_MAX 256

/* How many parameters there are; empty ones (`a=1&&b=2`) do not count. */
size_t gw_query_count(struct gw_slice query);

/* Fills `items`, which has room for gw_query_count(query), in the order of the query; their `order`
 * is left to the caller. As in HTML forms, '+' is a space; without '=' the text is empty. -1
 * (GW_INVALID_ARGUMENT) for a parameter that is no field, a field of a kind that cannot be given as
 * text, broken percent-encoding, and what is not UTF-8. */
int gw_query_parse(const struct gw_message_type *type, struct gw_slice query, gw_pool *pool,
                   struct gw_assignment *items, struct gw_error *error);

#endif
