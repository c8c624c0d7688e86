/* Reason phrases of HTTP/1.1. */
#ifndef GW_FRONTEND_HTTP_REASON_H
#define GW_FRONTEND_HTTP_REASON_H

/* "Other" for a status that the gateway does not know. Static. */
const char *gw_http_reason(int http_status);

#endif
