#include "frontend/request_headers.h"

#include "base/random.h"
#include "frontend/http_target.h"
#include "grpc/call.h"

/* Values of the table; never dereferenced as anything else. */
static const enum header_kind {
    FORWARD,
    TRACE,
    REQUEST_ID,
    CONTENT_TYPE,
    GRPC_TIMEOUT,
    ACCEPT_ENCODING,
    FORWARDED_FOR,
    FORWARDED_HOST,
    FORWARDED_PROTO,
    OURS, /* never the client's */
} kinds_of_header[] = {
    FORWARD,         TRACE,         REQUEST_ID,     CONTENT_TYPE,    GRPC_TIMEOUT,
    ACCEPT_ENCODING, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, OURS};

static const struct {
    const char *name;
    enum header_kind kind;
} fixed_headers[] = {
    {"authorization", FORWARD},
    {"content-type", CONTENT_TYPE},
    {"grpc-timeout", GRPC_TIMEOUT},
    {"grpc-accept-encoding", ACCEPT_ENCODING},
    {"x-request-id", REQUEST_ID},
    {"x-forwarded-for", FORWARDED_FOR},
    {"x-forwarded-host", FORWARDED_HOST},
    {"x-forwarded-proto", FORWARDED_PROTO},
    {"x-forwarded-client-cert", OURS},
    {"traceparent", TRACE},
    {"tracestate", TRACE},
    {"b3", TRACE},
    {"x-b3-traceid", TRACE},
    {"x-b3-spanid", TRACE},
    {"x-b3-parentspanid", TRACE},
    {"x-b3-sampled", TRACE},
    {"x-b3-flags", TRACE},
    {"x-trace-id", TRACE},
    {"x-span-id", TRACE},
    {"x-parent-id", TRACE},
};

/* Longest x-request-id that is taken from a client. */
#define REQUEST_ID_MAX 128

void gw_header_kinds_init(struct gw_strmap *kinds, const struct gw_config *config)
{
    *kinds = (struct gw_strmap){0};
    for (size_t i = 0; i < sizeof(fixed_headers) / sizeof(*fixed_headers); i++)
        gw_strmap_add(kinds, gw_slice_str(fixed_headers[i].name),
                      (void *)&kinds_of_header[fixed_headers[i].kind]);
    for (size_t i = 0; i < config->forward_headers.count; i++)
        gw_strmap_add(kinds, gw_slice_str(config->forward_headers.items[i].text),
                      (void *)&kinds_of_header[FORWARD]);
}

static bool is_visible(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.base[i] < 0x21 || s.base[i] > 0x7e)
            return false;
    }
    return true;
}

struct gw_slice gw_request_header(const h2o_req_t *req, const char *name, size_t length)
{
    ssize_t i = h2o_find_header_by_str(&req->headers, name, length, -1);
    if (i < 0)
        return (struct gw_slice){0};
    return gw_slice(req->headers.entries[i].value.base, req->headers.entries[i].value.len);
}

static struct gw_slice new_request_id(gw_pool *pool)
{
    char *id = h2o_mem_alloc_pool(pool, GW_UUID_LENGTH + 1);
    gw_random_uuid(id);
    return gw_slice(id, GW_UUID_LENGTH);
}

static void append_item(struct gw_buf *list, struct gw_slice item)
{
    if (list->len > 0)
        gw_buf_append(list, GW_SLICE(", "));
    gw_buf_append(list, item);
}

/* Metadata that stand beside the client's: request id, four of x-forwarded, trace. */
#define OWN_METADATA_MAX (5 + GW_TRACE_INJECT_MAX)

/* What is ours to say cannot be said by the client as grpc-metadata-NAME. */
static bool is_clients_own(const struct gw_strmap *kinds, struct gw_slice name)
{
    const enum header_kind *kind = gw_strmap_get(kinds, name);
    return kind == NULL || *kind == FORWARD;
}

static void read_protocol(const h2o_req_t *req, struct gw_request_headers *headers)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_CONTENT_TYPE, -1);
    headers->content_type = headers->codec = (struct gw_slice){0};
    if (at >= 0)
        headers->content_type =
            gw_slice(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
    headers->protocol = gw_protocol_of(headers->content_type, &headers->codec);
    headers->lacks_http2 = headers->protocol == GW_PROTOCOL_GRPC && req->version < 0x200;
    if (headers->lacks_http2)
        headers->protocol = GW_PROTOCOL_REST;
}

/* Of gRPC, "implementations must not error due to receiving an ASCII-Value that is a valid
 * field-value in HTTP [...] they may throw the value away" (PROTOCOL-HTTP2.md). */
static enum gw_metadata_fault without_odd_text(enum gw_protocol protocol,
                                               enum gw_metadata_fault fault)
{
    return fault == GW_METADATA_BAD_TEXT && protocol != GW_PROTOCOL_REST ? GW_METADATA_RESERVED
                                                                         : fault;
}

/* Whether a header that means nothing to us goes on, and by which name. */
static enum gw_metadata_fault goes_on(enum gw_protocol protocol, const struct gw_strmap *kinds,
                                      struct gw_slice *name, struct gw_slice value)
{
    static const struct gw_slice prefix = {"grpc-metadata-", 14};
    if (protocol != GW_PROTOCOL_REST)
        return without_odd_text(protocol, gw_metadata_check_end_to_end(*name, value));
    if (!gw_slice_starts_with(*name, prefix))
        return GW_METADATA_RESERVED;
    *name = gw_slice_from(*name, prefix.len);
    return is_clients_own(kinds, *name) ? gw_metadata_check(*name, value) : GW_METADATA_RESERVED;
}

enum gw_metadata_fault gw_request_header_goes_on(const struct gw_strmap *kinds,
                                                 enum gw_protocol protocol, struct gw_slice *name,
                                                 struct gw_slice value)
{
    const enum header_kind *kind = gw_strmap_get(kinds, *name);
    if (kind == NULL || (*kind == ACCEPT_ENCODING && protocol == GW_PROTOCOL_GRPC))
        return goes_on(protocol, kinds, name, value);
    return *kind == FORWARD ? without_odd_text(protocol, gw_metadata_check(*name, value))
                            : GW_METADATA_RESERVED;
}

/* The most of a name that is told. */
#define NAME_SHOWN_MAX 64

struct gw_slice gw_request_headers_fault_text(const struct gw_request_headers *headers,
                                              gw_pool *pool)
{
    struct gw_slice name = headers->faulty_name;
    if (name.len > NAME_SHOWN_MAX)
        name.len = NAME_SHOWN_MAX;
    return gw_pool_printf(pool, "metadata %.*s: %s", GW_SLICE_ARG(name),
                          gw_metadata_fault_text(headers->fault));
}

/* gRPC-Web has its own, because browsers let nobody set theirs. */
static void take_user_agent(struct gw_request_headers *headers, struct gw_slice name,
                            struct gw_slice value)
{
    if (gw_slice_eq(name, GW_SLICE("x-user-agent")) && gw_protocol_is_web(headers->protocol))
        headers->user_agent = value;
    else if (headers->user_agent.len == 0 && gw_slice_eq(name, GW_SLICE("user-agent")))
        headers->user_agent = value;
}

/* As RFC 9110 section 10.1.5 has it, what matters most comes first. */
static void finish_user_agent(struct gw_request_headers *headers, gw_pool *pool)
{
    struct gw_slice theirs = headers->user_agent, ours = gw_grpc_user_agent;
    headers->user_agent = (struct gw_slice){0};
    if (theirs.len == 0 || !gw_metadata_is_allowed(GW_SLICE("x"), theirs))
        return;
    char *both = h2o_mem_alloc_pool(pool, theirs.len + 1 + ours.len);
    memcpy(both, theirs.base, theirs.len);
    both[theirs.len] = ' ';
    memcpy(both + theirs.len + 1, ours.base, ours.len);
    headers->user_agent = gw_slice(both, theirs.len + 1 + ours.len);
}

/* Adds the field, or keeps its fault. */
static size_t put(struct gw_request_headers *headers, struct gw_metadatum *items, size_t count,
                  enum gw_metadata_fault fault, struct gw_slice name, struct gw_slice value)
{
    if (fault == GW_METADATA_SOUND) {
        items[count++] = (struct gw_metadatum){name, value, GW_INDEX_NEVER};
    } else if (fault != GW_METADATA_RESERVED && headers->fault == GW_METADATA_SOUND) {
        headers->fault = fault;
        headers->faulty_name = name;
    }
    return count;
}

void gw_request_headers_read(h2o_req_t *req, const struct gw_strmap *kinds,
                             const struct gw_config *config, const struct gw_peer *peer,
                             const struct gw_tls_client *tls_client,
                             struct gw_request_headers *headers)
{
    gw_pool *pool = &req->pool;
    struct gw_metadatum *items =
        h2o_mem_alloc_pool(pool, (req->headers.size + OWN_METADATA_MAX) * sizeof(*items));
    size_t count = 0;
    struct gw_trace_headers trace_headers = {{0}};
    bool keeps_for = peer->is_trusted_proxy || config->trusted_proxies.items == NULL;
    struct gw_buf forwarded_for = gw_buf_in_pool(pool);
    struct gw_slice host = gw_slice(req->input.authority.base, req->input.authority.len);
    struct gw_slice proto = gw_slice(req->input.scheme->name.base, req->input.scheme->name.len);

    read_protocol(req, headers);
    headers->request_id = headers->timeout = (struct gw_slice){0};
    headers->accepted_encodings = headers->user_agent = (struct gw_slice){0};
    headers->fault = GW_METADATA_SOUND;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *h = &req->headers.entries[i];
        struct gw_slice name = gw_slice(h->name->base, h->name->len);
        struct gw_slice value = gw_slice(h->value.base, h->value.len);
        const enum header_kind *kind = gw_strmap_get(kinds, name);
        if (headers->protocol != GW_PROTOCOL_REST)
            take_user_agent(headers, name, value);
        enum gw_metadata_fault fault;
        if (kind == NULL) {
            fault = goes_on(headers->protocol, kinds, &name, value);
            count = put(headers, items, count, fault, name, value);
            continue;
        }
        switch (*kind) {
        case FORWARD:
            fault = without_odd_text(headers->protocol, gw_metadata_check(name, value));
            count = put(headers, items, count, fault, name, value);
            break;
        case TRACE:
            gw_trace_headers_take(&trace_headers, pool, name, value);
            if (config->tracing.propagate == 0) {
                fault = goes_on(headers->protocol, kinds, &name, value);
                count = put(headers, items, count, fault, name, value);
            }
            break;
        case REQUEST_ID:
            if (value.len > 0 && value.len <= REQUEST_ID_MAX && is_visible(value))
                headers->request_id = value;
            break;
        case CONTENT_TYPE:
            break;
        case GRPC_TIMEOUT:
            /* Two of them are malformed, as one list would be. */
            headers->timeout =
                headers->timeout.base == NULL && value.len > 0 ? value : GW_SLICE("");
            break;
        case ACCEPT_ENCODING:
            headers->accepted_encodings = value;
            if (headers->protocol == GW_PROTOCOL_GRPC && gw_metadata_is_end_to_end(name, value))
                items[count++] = (struct gw_metadatum){name, value, GW_INDEX_NEVER};
            break;
        case FORWARDED_FOR:
            if (keeps_for && gw_metadata_is_allowed(name, value))
                append_item(&forwarded_for, value);
            break;
        case FORWARDED_HOST:
            if (peer->is_trusted_proxy && gw_http_is_authority(value))
                host = value;
            break;
        case FORWARDED_PROTO:
            if (peer->is_trusted_proxy && is_visible(value))
                proto = value;
            break;
        case OURS:
            break;
        }
    }

    if (headers->request_id.len == 0)
        headers->request_id = new_request_id(pool);
    items[count++] =
        (struct gw_metadatum){GW_SLICE("x-request-id"), headers->request_id, GW_INDEX_NOT};
    headers->client_address = gw_peer_client(peer, gw_buf_slice(&forwarded_for), config);
    if (forwarded_for.len > 0)
        append_item(&forwarded_for, gw_peer_text(peer));
    items[count++] = (struct gw_metadatum){
        GW_SLICE("x-forwarded-for"),
        forwarded_for.len > 0 ? gw_buf_slice(&forwarded_for) : gw_peer_text(peer), GW_INDEX_NOT};
    if (host.len > 0)
        items[count++] = (struct gw_metadatum){GW_SLICE("x-forwarded-host"), host, GW_INDEX_NOT};
    items[count++] = (struct gw_metadatum){GW_SLICE("x-forwarded-proto"), proto, GW_INDEX_FIELD};
    if (tls_client != NULL)
        items[count++] = (struct gw_metadatum){GW_SLICE("x-forwarded-client-cert"),
                                               tls_client->forwarded, GW_INDEX_NOT};

    size_t own = count;
    headers->trace.trace_id[0] = headers->trace.span_id[0] = '\0';
    headers->trace.x_trace_id = (struct gw_slice){0};
    if (config->tracing.propagate != 0) {
        struct gw_trace_header out[GW_TRACE_INJECT_MAX];
        gw_trace_begin(&headers->trace, &trace_headers, config->tracing.propagate,
                       config->tracing.sample);
        size_t n = gw_trace_inject(&headers->trace, config->tracing.propagate, pool, out);
        for (size_t i = 0; i < n; i++)
            items[count++] = (struct gw_metadatum){out[i].name, out[i].value, GW_INDEX_NOT};
    }
    headers->metadata = (struct gw_metadata){items, count};
    headers->trace_count = count - own;
    finish_user_agent(headers, pool);
}

void gw_response_headers_add(h2o_req_t *req, struct gw_slice prefix,
                             const struct gw_metadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        const struct gw_metadatum *m = &metadata->items[i];
        if (gw_slice_eq(m->name, GW_SLICE("content-type")) ||
            gw_slice_starts_with(m->name, GW_SLICE("grpc-")))
            continue;
        struct gw_buf name = gw_buf_in_pool(&req->pool);
        gw_buf_append(&name, prefix);
        gw_buf_append(&name, m->name);
        /* HTTP/2 clients refuse space around it (RFC 9113 section 8.2.1), which gRPC allows. */
        struct gw_slice value = gw_pool_dup(&req->pool, gw_slice_trim(m->value));
        h2o_add_header_by_str(&req->pool, &req->res.headers, name.base, name.len, 0, NULL,
                              value.base, value.len);
    }
}
