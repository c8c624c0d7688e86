#include "frontend/hop_headers.h"

#include "frontend/http1_head.h"

bool gw_http_list_next(struct gw_slice *list, struct gw_slice *ret_element)
{
    while (list->len > 0) {
        const char *comma = memchr(list->base, ',', list->len);
        size_t length = comma != NULL ? (size_t)(comma - list->base) : list->len;
        struct gw_slice element = gw_slice_trim(gw_slice(list->base, length));
        *list = gw_slice_from(*list, comma != NULL ? length + 1 : length);
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

static const struct gw_slice of_the_connection[] = {
    GW_SLICE_INIT("close"),
    GW_SLICE_INIT("keep-alive"),
    GW_SLICE_INIT("upgrade"),
    GW_SLICE_INIT("te"),
    GW_SLICE_INIT("trailer"),
    GW_SLICE_INIT("trailers"),
    GW_SLICE_INIT("http2-settings"),
    GW_SLICE_INIT("connection"),
    GW_SLICE_INIT("proxy-connection"),
};

static const struct gw_slice for_all[] = {
    GW_SLICE_INIT("host"),
    GW_SLICE_INIT("content-length"),
    GW_SLICE_INIT("transfer-encoding"),
    GW_SLICE_INIT("content-type"),
    GW_SLICE_INIT("content-encoding"),
    GW_SLICE_INIT("expect"),
    GW_SLICE_INIT("authorization"),
    GW_SLICE_INIT("cookie"),
    GW_SLICE_INIT("origin"),
    GW_SLICE_INIT("referer"),
    GW_SLICE_INIT("user-agent"),
    GW_SLICE_INIT("forwarded"),
    GW_SLICE_INIT("via"),
    GW_SLICE_INIT("range"),
    GW_SLICE_INIT("cache-control"),
    GW_SLICE_INIT("x-real-ip"),
    GW_SLICE_INIT("x-api-key"),
    GW_SLICE_INIT("x-request-id"),
    GW_SLICE_INIT("traceparent"),
    GW_SLICE_INIT("tracestate"),
    GW_SLICE_INIT("b3"),
    GW_SLICE_INIT("x-trace-id"),
    GW_SLICE_INIT("x-span-id"),
    GW_SLICE_INIT("x-parent-id"),
};

/* Beginnings of such names. */
static const struct gw_slice families_for_all[] = {
    GW_SLICE_INIT("x-forwarded-"), GW_SLICE_INIT("x-b3-"),           GW_SLICE_INIT("sec-"),
    GW_SLICE_INIT("grpc-"),        GW_SLICE_INIT("access-control-"), GW_SLICE_INIT("if-"),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool is_one_of(struct gw_slice name, const struct gw_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_slice_eq_nocase(name, names[i]))
            return true;
    }
    return false;
}

static bool is_for_all(struct gw_slice name)
{
    for (size_t i = 0; i < COUNT(families_for_all); i++) {
        size_t length = families_for_all[i].len;
        if (name.len >= length &&
            gw_slice_eq_nocase(gw_slice(name.base, length), families_for_all[i]))
            return true;
    }
    return is_one_of(name, for_all, COUNT(for_all));
}

const char *gw_hop_check(struct gw_slice options, size_t *count)
{
    struct gw_slice option;
    while (gw_http_list_next(&options, &option)) {
        if (is_one_of(option, of_the_connection, COUNT(of_the_connection)))
            continue;
        if (!gw_http_is_token(option))
            return "a Connection option that is no token";
        if (is_for_all(option))
            return "Connection names a header that is meant for all";
        if (++*count > GW_HOP_HEADERS_MAX)
            return "Connection names too many headers";
    }
    return NULL;
}

static void remove_named(h2o_headers_t *headers, struct gw_slice name)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_iovec_t *own = headers->entries[i].name;
        if (!gw_slice_eq_nocase(gw_slice(own->base, own->len), name))
            headers->entries[kept++] = headers->entries[i];
    }
    headers->size = kept;
}

void gw_hop_headers_remove(h2o_req_t *req)
{
    struct gw_slice named[GW_HOP_HEADERS_MAX], option;
    size_t count = 0;
    for (ssize_t at = -1; (at = h2o_find_header(&req->headers, H2O_TOKEN_CONNECTION, at)) >= 0;) {
        const h2o_iovec_t *value = &req->headers.entries[at].value;
        struct gw_slice options = gw_slice(value->base, value->len);
        while (count < GW_HOP_HEADERS_MAX && gw_http_list_next(&options, &option)) {
            if (!is_one_of(option, of_the_connection, COUNT(of_the_connection)))
                named[count++] = option;
        }
    }
    for (size_t i = 0; i < count; i++)
        remove_named(&req->headers, named[i]);
}
