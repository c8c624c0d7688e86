#include "base/status.h"

static const struct {
    const char *name;
    int http;
} table[GW_STATUS_COUNT] = {
    [GW_OK] = {"OK", 200},
    [GW_CANCELLED] = {"CANCELLED", 499},
    [GW_UNKNOWN] = {"UNKNOWN", 500},
    [GW_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", 400},
    [GW_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", 504},
    [GW_NOT_FOUND] = {"NOT_FOUND", 404},
    [GW_ALREADY_EXISTS] = {"ALREADY_EXISTS", 409},
    [GW_PERMISSION_DENIED] = {"PERMISSION_DENIED", 403},
    [GW_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", 429},
    [GW_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", 400},
    [GW_ABORTED] = {"ABORTED", 409},
    [GW_OUT_OF_RANGE] = {"OUT_OF_RANGE", 400},
    [GW_UNIMPLEMENTED] = {"UNIMPLEMENTED", 501},
    [GW_INTERNAL] = {"INTERNAL", 500},
    [GW_UNAVAILABLE] = {"UNAVAILABLE", 503},
    [GW_DATA_LOSS] = {"DATA_LOSS", 500},
    [GW_UNAUTHENTICATED] = {"UNAUTHENTICATED", 401},
};

const char *gw_status_name(int status)
{
    return status >= 0 && status < GW_STATUS_COUNT ? table[status].name : table[GW_UNKNOWN].name;
}

int gw_status_from_name(struct gw_slice name)
{
    for (int i = 0; i < GW_STATUS_COUNT; i++) {
        if (gw_slice_eq(name, gw_slice_str(table[i].name)))
            return i;
    }
    return -1;
}

int gw_status_to_http(int status)
{
    return status >= 0 && status < GW_STATUS_COUNT ? table[status].http : 500;
}

enum gw_status gw_status_from_http(int http_status)
{
    switch (http_status) {
    case 400:
        return GW_INTERNAL;
    case 401:
        return GW_UNAUTHENTICATED;
    case 403:
        return GW_PERMISSION_DENIED;
    case 404:
        return GW_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GW_UNAVAILABLE;
    default:
        return GW_UNKNOWN;
    }
}

enum gw_status gw_status_of_http_error(int http_status)
{
    switch (http_status) {
    case 400:
    case 406:
    case 415:
    case 417:
    case 426:
        return GW_INVALID_ARGUMENT;
    case 401:
        return GW_UNAUTHENTICATED;
    case 403:
        return GW_PERMISSION_DENIED;
    case 404:
        return GW_NOT_FOUND;
    case 405:
    case 501:
        return GW_UNIMPLEMENTED;
    case 408:
    case 504:
        return GW_DEADLINE_EXCEEDED;
    case 409:
        return GW_ALREADY_EXISTS;
    case 413:
    case 429:
    case 431:
        return GW_RESOURCE_EXHAUSTED;
    case 416:
        return GW_OUT_OF_RANGE;
    case 499:
        return GW_CANCELLED;
    case 500:
    case 502:
        return GW_INTERNAL;
    case 503:
        return GW_UNAVAILABLE;
    default:
        return GW_UNKNOWN;
    }
}
