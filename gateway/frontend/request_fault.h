/* What is wrong with a request, seen before it reaches a handler. */
#ifndef GW_FRONTEND_REQUEST_FAULT_H
#define GW_FRONTEND_REQUEST_FAULT_H

struct gw_request_fault {
    int http_status;     /* 0: nothing */
    const char *message; /* static */
};

#endif
