#include "frontend/hook_host.h"

#include <netdb.h>

#include "frontend/grpc_request.h"

static struct gw_exchange_host *host_of(struct gw_hook_host *super)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_exchange_host, super, super);
}

static bool is_rest(const struct gw_exchange *x)
{
    return x->headers.protocol == GW_PROTOCOL_REST;
}

/* --- fields that are kept here --- */

static void add_kept(gw_pool *pool, struct gw_hook_host_fields *fields, struct gw_metadatum field)
{
    if (fields->count == fields->capacity) {
        fields->capacity = 2 * fields->capacity + 8;
        struct gw_metadatum *items =
            h2o_mem_alloc_pool(pool, fields->capacity * sizeof(*fields->items));
        h2o_memcpy(items, fields->items, fields->count * sizeof(*items));
        fields->items = items;
    }
    fields->items[fields->count++] = field;
}

static void remove_kept(struct gw_hook_host_fields *fields, struct gw_slice name)
{
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (!gw_slice_eq(fields->items[i].name, name))
            fields->items[kept++] = fields->items[i];
    }
    fields->count = kept;
}

/* A copy of what goes upstream, to be changed; its trace stays where it is, at the end. */
static struct gw_hook_host_fields *own_metadata(struct gw_exchange_host *host)
{
    const struct gw_request_headers *headers = &host->exchange->headers;
    if (host->has_metadata)
        return &host->metadata;
    host->has_metadata = true;
    for (size_t i = 0; i < headers->metadata.count - headers->trace_count; i++)
        add_kept(host->super.pool, &host->metadata, headers->metadata.items[i]);
    return &host->metadata;
}

static struct gw_metadata metadata_of(const struct gw_exchange_host *host)
{
    const struct gw_request_headers *headers = &host->exchange->headers;
    if (host->has_metadata)
        return gw_hook_host_metadata(&host->metadata);
    return (struct gw_metadata){headers->metadata.items,
                                headers->metadata.count - headers->trace_count};
}

/* --- fields of libh2o --- */

static void add_header(struct gw_exchange_host *host, h2o_headers_t *headers, struct gw_slice name,
                       struct gw_slice value)
{
    h2o_add_header_by_str(host->super.pool, headers, name.base, name.len, 1, NULL, value.base,
                          value.len);
}

static void remove_header(h2o_headers_t *headers, struct gw_slice name)
{
    ssize_t at = -1;
    while ((at = h2o_find_header_by_str(headers, name.base, name.len, at)) >= 0)
        at = h2o_delete_header(headers, at) - 1;
}

/* Framing is libh2o's; of a gRPC answer more is not a hook's to say. */
static const char *refuse_response_header(const struct gw_exchange *x, struct gw_slice name,
                                          struct gw_slice value)
{
    static const struct gw_slice names[] = {
        {"connection", 10},
        {"content-length", 14},
        {"date", 4},
        {"keep-alive", 10},
        {"te", 2},
        {"trailer", 7},
        {"transfer-encoding", 17},
        {"upgrade", 7},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (gw_slice_eq(name, names[i]))
            return "the gateway's own";
    }
    if (!is_rest(x) && !gw_metadata_is_allowed(name, value))
        return "not allowed in answers of gRPC";
    return NULL;
}

/* --- what the operations do, by kind --- */

static bool next_header(const h2o_headers_t *headers, size_t i, struct gw_slice *ret_name,
                        struct gw_slice *ret_value)
{
    if (i >= headers->size)
        return false;
    const h2o_header_t *h = &headers->entries[i];
    *ret_name = gw_slice(h->name->base, h->name->len);
    *ret_value = gw_slice(h->value.base, h->value.len);
    return true;
}

static bool next_kept(struct gw_metadata fields, size_t i, struct gw_slice *ret_name,
                      struct gw_slice *ret_value)
{
    if (i >= fields.count)
        return false;
    *ret_name = fields.items[i].name;
    *ret_value = fields.items[i].value;
    return true;
}

static bool next_field(struct gw_hook_host *super, enum gw_hook_fields kind, size_t *cursor,
                       struct gw_slice *ret_name, struct gw_slice *ret_value)
{
    struct gw_exchange_host *host = host_of(super);
    const h2o_req_t *req = host->exchange->req;
    size_t i = (*cursor)++;
    switch (kind) {
    case GW_HOOK_REQUEST_HEADERS:
        return next_header(&req->headers, i, ret_name, ret_value);
    case GW_HOOK_RESPONSE_HEADERS:
        return next_header(&req->res.headers, i, ret_name, ret_value);
    case GW_HOOK_METADATA:
        return next_kept(metadata_of(host), i, ret_name, ret_value);
    case GW_HOOK_TRAILERS:
        break;
    }
    return next_kept(gw_hook_host_metadata(&host->trailers), i, ret_name, ret_value);
}

static enum gw_metadata_fault header_goes_on(const struct gw_exchange *x, struct gw_slice *name,
                                             struct gw_slice value)
{
    return gw_request_header_goes_on(&x->worker->frontend->header_kinds, x->headers.protocol, name,
                                     value);
}

/* What goes upstream by itself follows the header that it comes from. */
static void remove_request_header(struct gw_exchange_host *host, struct gw_slice name)
{
    struct gw_exchange *x = host->exchange;
    remove_header(&x->req->headers, name);
    if (gw_slice_eq(name, GW_SLICE("content-type")) && is_rest(x))
        x->headers.content_type = (struct gw_slice){0};
    if (header_goes_on(x, &name, GW_SLICE("")) == GW_METADATA_SOUND)
        remove_kept(own_metadata(host), name);
}

static void add_request_header(struct gw_exchange_host *host, struct gw_slice name,
                               struct gw_slice value)
{
    struct gw_exchange *x = host->exchange;
    add_header(host, &x->req->headers, name, value);
    if (gw_slice_eq(name, GW_SLICE("content-type")) && is_rest(x))
        x->headers.content_type = value;
    if (header_goes_on(x, &name, value) == GW_METADATA_SOUND)
        add_kept(host->super.pool, own_metadata(host),
                 (struct gw_metadatum){name, value, GW_INDEX_NEVER});
}

static void remove_field(struct gw_hook_host *super, enum gw_hook_fields kind, struct gw_slice name)
{
    struct gw_exchange_host *host = host_of(super);
    switch (kind) {
    case GW_HOOK_REQUEST_HEADERS:
        remove_request_header(host, name);
        break;
    case GW_HOOK_METADATA:
        remove_kept(own_metadata(host), name);
        break;
    case GW_HOOK_RESPONSE_HEADERS:
        remove_header(&host->exchange->req->res.headers, name);
        break;
    case GW_HOOK_TRAILERS:
        remove_kept(&host->trailers, name);
        break;
    }
}

static const char *refuse_field(const struct gw_exchange *x, enum gw_hook_fields kind,
                                struct gw_slice name, struct gw_slice value)
{
    if (kind == GW_HOOK_RESPONSE_HEADERS)
        return refuse_response_header(x, name, value);
    enum gw_metadata_fault fault = kind == GW_HOOK_REQUEST_HEADERS ? header_goes_on(x, &name, value)
                                                                   : gw_metadata_check(name, value);
    if (kind == GW_HOOK_REQUEST_HEADERS && fault == GW_METADATA_RESERVED)
        return NULL;
    return fault == GW_METADATA_SOUND ? NULL : gw_metadata_fault_text(fault);
}

static const char *put_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value, bool replaces)
{
    struct gw_exchange_host *host = host_of(super);
    struct gw_exchange *x = host->exchange;
    const char *refusal = refuse_field(x, kind, name, value);
    if (refusal != NULL)
        return refusal;
    if (replaces)
        remove_field(super, kind, name);
    struct gw_metadatum field = {name, value, GW_INDEX_NEVER};
    switch (kind) {
    case GW_HOOK_REQUEST_HEADERS:
        add_request_header(host, name, value);
        break;
    case GW_HOOK_METADATA:
        add_kept(super->pool, own_metadata(host), field);
        break;
    case GW_HOOK_RESPONSE_HEADERS:
        add_header(host, &x->req->res.headers, name, value);
        break;
    case GW_HOOK_TRAILERS:
        add_kept(super->pool, &host->trailers, field);
        break;
    }
    return NULL;
}

static const char *set_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value)
{
    return put_field(super, kind, name, value, true);
}

static const char *add_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value)
{
    return put_field(super, kind, name, value, false);
}

/* --- the request message --- */

static int read_message(struct gw_exchange *x, struct gw_failure *ret_failure)
{
    struct gw_slice framed;
    if (is_rest(x)) {
        struct gw_translate_request request = gw_exchange_request_of(x);
        if (gw_route_translate(x->match, &request, &x->req->pool, &framed, ret_failure) != 0)
            return -1;
    } else {
        if (gw_grpc_request_message(x, &framed, ret_failure) != 0)
            return -1;
        if (framed.base[0] != 0) {
            *ret_failure = (struct gw_failure){
                .http_status = 415,
                .code = GW_UNIMPLEMENTED,
                .message = GW_SLICE("hooks look at this method's messages: send them "
                                    "uncompressed")};
            return -1;
        }
    }
    x->framed = framed;
    return 0;
}

static int get_message(struct gw_hook_host *super, struct gw_slice *ret_wire,
                       struct gw_failure *ret_failure)
{
    struct gw_exchange *x = host_of(super)->exchange;
    if (x->framed.base == NULL && read_message(x, ret_failure) != 0)
        return -1;
    *ret_wire = gw_slice_from(x->framed, GW_GRPC_PREFIX_BYTES);
    return 0;
}

struct gw_slice gw_hook_host_frame(gw_pool *pool, struct gw_slice message)
{
    char *framed = h2o_mem_alloc_pool(pool, GW_GRPC_PREFIX_BYTES + message.len);
    gw_grpc_prefix_write(framed, (uint32_t)message.len);
    h2o_memcpy(framed + GW_GRPC_PREFIX_BYTES, message.base, message.len);
    return gw_slice(framed, GW_GRPC_PREFIX_BYTES + message.len);
}

static void set_message(struct gw_hook_host *super, struct gw_slice wire)
{
    host_of(super)->exchange->framed = gw_hook_host_frame(super->pool, wire);
}

/* --- life --- */

static struct gw_slice protocol_of(const h2o_req_t *req)
{
    return req->version >= 0x200   ? GW_SLICE("HTTP/2")
           : req->version == 0x101 ? GW_SLICE("HTTP/1.1")
                                   : GW_SLICE("HTTP/1.0");
}

static struct gw_metadata trace_of(const struct gw_request_headers *headers)
{
    return (struct gw_metadata){headers->metadata.items + headers->metadata.count -
                                    headers->trace_count,
                                headers->trace_count};
}

static void find_ends(struct gw_connection_ends *ends, h2o_socket_t *sock)
{
    struct sockaddr_storage storage;
    struct sockaddr *address = (void *)&storage;
    char text[NI_MAXHOST];
    if (ends->is_known)
        return;
    ends->is_known = true;
    if (h2o_socket_getpeername(sock, address) > 0)
        ends->peer_port = (uint16_t)h2o_socket_getport(address);
    socklen_t length = h2o_socket_getsockname(sock, address);
    size_t text_length = length > 0 ? h2o_socket_getnumerichost(address, length, text) : SIZE_MAX;
    if (text_length >= sizeof(ends->address))
        return;
    memcpy(ends->address, text, text_length);
    ends->address_length = (uint8_t)text_length;
    ends->port = (uint16_t)h2o_socket_getport(address);
}

static void take_ends(struct gw_exchange_host *host)
{
    struct gw_connection_ends *ends = &host->exchange->connection->ends;
    find_ends(ends, host->exchange->connection->sock);
    host->super.server_addr = gw_slice(ends->address, ends->address_length);
    host->super.server_port = ends->port;
    host->super.remote_port = ends->peer_port;
}

static void resumed(struct gw_hook_host *super, enum gw_hook_outcome outcome)
{
    host_of(super)->resumed(host_of(super), outcome);
}

static const struct gw_hook_host_ops plain_ops = {
    .next_field = next_field,
    .set_field = set_field,
    .add_field = add_field,
    .remove_field = remove_field,
    .resumed = resumed,
};
static const struct gw_hook_host_ops message_ops = {
    .next_field = next_field,
    .set_field = set_field,
    .add_field = add_field,
    .remove_field = remove_field,
    .message = get_message,
    .set_message = set_message,
    .resumed = resumed,
};

void gw_exchange_host_init(struct gw_exchange_host *host, struct gw_exchange *x,
                           gw_exchange_host_fn resumed_fn)
{
    const h2o_req_t *req = x->req;
    const struct gw_method *method = x->route != NULL ? x->route->method : NULL;
    bool is_unary = method != NULL && !method->client_streaming && !method->server_streaming;
    struct gw_translate_request request = gw_exchange_request_of(x);
    *host = (struct gw_exchange_host){
        .super = {.ops = is_unary ? &message_ops : &plain_ops,
                  .pool = &x->req->pool,
                  .route = x->route,
                  .method = request.http_method,
                  .path = request.path,
                  .query = request.query,
                  .scheme = gw_slice(req->scheme->name.base, req->scheme->name.len),
                  .authority = gw_slice(req->authority.base, req->authority.len),
                  .protocol = protocol_of(req),
                  .remote_addr = x->headers.client_address,
                  .trace_id = gw_slice_str(x->headers.trace.trace_id),
                  .upstream = x->upstream},
        .exchange = x,
        .resumed = resumed_fn,
    };
    host->super.trace = trace_of(&x->headers);
    take_ends(host);
}

/* One of many messages goes as it is read. */
void gw_exchange_host_take_body(struct gw_exchange_host *host)
{
    const struct gw_exchange *x = host->exchange;
    if (x->route->method == NULL || !x->route->method->client_streaming)
        host->super.body = x->body->bytes;
}

void gw_exchange_host_take_trailers(struct gw_exchange_host *host,
                                    const struct gw_metadata *trailers)
{
    gw_pool *pool = host->super.pool;
    host->trailers.count = 0;
    for (size_t i = 0; i < trailers->count; i++)
        add_kept(pool, &host->trailers,
                 (struct gw_metadatum){gw_pool_dup(pool, trailers->items[i].name),
                                       gw_pool_dup(pool, trailers->items[i].value),
                                       GW_INDEX_NEVER});
}

void gw_exchange_host_apply(struct gw_exchange_host *host)
{
    struct gw_request_headers *headers = &host->exchange->headers;
    host->exchange->upstream = host->super.upstream;
    if (!host->has_metadata)
        return;
    /* The call borrows it: what hooks change later does not reach it. */
    struct gw_metadata trace = trace_of(headers);
    size_t count = host->metadata.count + trace.count;
    struct gw_metadatum *items = h2o_mem_alloc_pool(host->super.pool, count * sizeof(*items));
    h2o_memcpy(items, host->metadata.items, host->metadata.count * sizeof(*items));
    h2o_memcpy(items + host->metadata.count, trace.items, trace.count * sizeof(*items));
    headers->metadata = (struct gw_metadata){items, count};
}

void gw_exchange_host_take_encodings(struct gw_exchange_host *host)
{
    remove_kept(own_metadata(host), GW_SLICE("grpc-accept-encoding"));
}

void gw_exchange_host_add_headers(struct gw_exchange_host *host, const struct gw_metadata *headers)
{
    struct gw_exchange *x = host->exchange;
    for (size_t i = 0; i < headers->count; i++) {
        const struct gw_metadatum *h = &headers->items[i];
        if (refuse_response_header(x, h->name, h->value) == NULL)
            add_header(host, &x->req->res.headers, h->name, h->value);
    }
}
