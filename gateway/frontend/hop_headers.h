/* Headers that end at the next hop, because Connection names them (RFC 9110 section 7.6.1). */
#ifndef GW_FRONTEND_HOP_HEADERS_H
#define GW_FRONTEND_HOP_HEADERS_H

#include <h2o.h>

#include "base/slice.h"

/* Of one request. More would be work for nothing. */
#define GW_HOP_HEADERS_MAX 16

/* Takes the next element off a list of the form that header values have, without white space around
 * it; empty ones are passed over (RFC 9110 section 5.6.1). False: there is none left. */
bool gw_http_list_next(struct gw_slice *list, struct gw_slice *ret_element);

/* A value of Connection. Adds to *count the headers that it names, beside those that are about the
 * connection anyway. NULL, or what is wrong with it: an option that is no token, too many, or one
 * that is meant for all who handle the request. Such a header says who a request is from, whom it
 * is for or how it is to be read; without it the request is another one, and whoever stands before
 * us may have put it there. Pure. */
const char *gw_hop_check(struct gw_slice options, size_t *count);

/* Removes the headers that the request's Connection names, and gw_hop_check has counted. */
void gw_hop_headers_remove(h2o_req_t *req);

#endif
