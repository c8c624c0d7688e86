/* gRPC status codes, their names, and their HTTP counterparts.
 * Sources: grpc/doc/statuscodes.md, grpc/doc/http-grpc-status-mapping.md, google/rpc/code.proto. */
#ifndef GW_BASE_STATUS_H
#define GW_BASE_STATUS_H

#include "base/slice.h"

enum gw_status {
    GW_OK = 0,
    GW_CANCELLED = 1,
    GW_UNKNOWN = 2,
    GW_INVALID_ARGUMENT = 3,
    GW_DEADLINE_EXCEEDED = 4,
    GW_NOT_FOUND = 5,
    GW_ALREADY_EXISTS = 6,
    GW_PERMISSION_DENIED = 7,
    GW_RESOURCE_EXHAUSTED = 8,
    GW_FAILED_PRECONDITION = 9,
    GW_ABORTED = 10,
    GW_OUT_OF_RANGE = 11,
    GW_UNIMPLEMENTED = 12,
    GW_INTERNAL = 13,
    GW_UNAVAILABLE = 14,
    GW_DATA_LOSS = 15,
    GW_UNAUTHENTICATED = 16,
    GW_STATUS_COUNT = 17
};

/* "NOT_FOUND"; "UNKNOWN" for a number outside the table. Static. */
const char *gw_status_name(int status);

/* The number of a name such as "UNAVAILABLE", or -1. */
int gw_status_from_name(struct gw_slice name);

/* The HTTP status a client sees for a gRPC status; 500 for one outside the table. */
int gw_status_to_http(int status);

/* The gRPC status of an answer that came without grpc-status, by its HTTP status. */
enum gw_status gw_status_from_http(int http_status);

/* The gRPC status of an error that is first of all one of HTTP: what the gateway itself refuses, or
 * a hook answers. GW_UNKNOWN for one outside the table. */
enum gw_status gw_status_of_http_error(int http_status);

#endif
