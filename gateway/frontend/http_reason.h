/* Reason phrases of HTTP/1.1. */
#ifndef GW_FRONTEND_HTTP_REASON_H
#define GW_FRONTEND_HTTP_REASON_H

/* Of the errors that the gateway sends; another one's is that of 500. Static. */
const char *gw_http_reason(int http_status);

#endif
