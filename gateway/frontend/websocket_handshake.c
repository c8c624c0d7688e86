#include "frontend/websocket_handshake.h"

#include "base/encoding.h"
#include "frontend/cors.h"
#include "frontend/request_headers.h"
#include "tls/sha1.h"

#define VERSION "13"

/* --- pure --- */

bool gw_websocket_is_key(struct gw_slice key)
{
    struct gw_buf bytes = GW_BUF_HEAP;
    bool is_one =
        key.len == GW_WEBSOCKET_KEY_LENGTH && gw_base64_decode(&bytes, key) == 0 && bytes.len == 16;
    gw_buf_dispose(&bytes);
    return is_one;
}

void gw_websocket_accept(struct gw_slice key, struct gw_buf *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[GW_WEBSOCKET_KEY_LENGTH + sizeof(guid)];
    unsigned char digest[GW_SHA1_BYTES];
    memcpy(text, key.base, GW_WEBSOCKET_KEY_LENGTH);
    memcpy(text + GW_WEBSOCKET_KEY_LENGTH, guid, sizeof(guid));
    gw_sha1(gw_slice_str(text), digest);
    gw_base64_encode(out, gw_slice(digest, sizeof(digest)));
}

bool gw_websocket_is_same_host(struct gw_slice origin, struct gw_slice host)
{
    const char *mark = memmem(origin.base, origin.len, "://", 3);
    return mark != NULL && host.len > 0 &&
           gw_slice_eq_nocase(gw_slice_from(origin, (size_t)(mark + 3 - origin.base)), host);
}

/* --- requests --- */

bool gw_websocket_is_asked_for(const h2o_req_t *req)
{
    return req->upgrade.base != NULL && req->version == 0x101 &&
           h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("GET")) &&
           h2o_contains_token(req->upgrade.base, req->upgrade.len, H2O_STRLIT("websocket"), ',');
}

static struct gw_slice key_of(const h2o_req_t *req)
{
    return gw_request_header(req, H2O_STRLIT("sec-websocket-key"));
}

/* Who sends no Origin is no browser. */
static bool may_connect(const h2o_req_t *req, const struct gw_config_cors *cors)
{
    struct gw_slice origin = gw_request_header(req, H2O_STRLIT("origin"));
    struct gw_slice host = gw_slice(req->input.authority.base, req->input.authority.len);
    return origin.len == 0 || gw_websocket_is_same_host(origin, host) ||
           (cors != NULL && gw_cors_allows_origin(cors, origin));
}

struct gw_request_fault gw_websocket_fault(const h2o_req_t *req, const struct gw_config_cors *cors)
{
    if (!gw_slice_eq(gw_request_header(req, H2O_STRLIT("sec-websocket-version")),
                     GW_SLICE(VERSION)))
        return (struct gw_request_fault){426, "sec-websocket-version: expected " VERSION};
    if (!gw_websocket_is_key(key_of(req)))
        return (struct gw_request_fault){400, "sec-websocket-key: expected 16 bytes in base64"};
    if (!may_connect(req, cors))
        return (struct gw_request_fault){403, "origin: pages from there may not connect"};
    return (struct gw_request_fault){0};
}

static void add(h2o_req_t *req, const char *name, size_t length, struct gw_slice value)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, length, 1, NULL, value.base,
                          value.len);
}

void gw_websocket_add_headers(h2o_req_t *req)
{
    struct gw_buf accept = gw_buf_in_pool(&req->pool);
    gw_websocket_accept(key_of(req), &accept);
    add(req, H2O_STRLIT("upgrade"), GW_SLICE("websocket"));
    add(req, H2O_STRLIT("sec-websocket-accept"), gw_buf_slice(&accept));
}

void gw_websocket_add_version(h2o_req_t *req)
{
    add(req, H2O_STRLIT("upgrade"), GW_SLICE("websocket"));
    add(req, H2O_STRLIT("sec-websocket-version"), GW_SLICE(VERSION));
}
