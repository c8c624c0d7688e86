#include "frontend/cors.h"

#include "frontend/exchange_internal.h"
#include "frontend/hop_headers.h"
#include "frontend/http1_head.h"
#include "frontend/request_headers.h"

/* --- pure --- */

/* `text` is `pattern` with one label in place of its `*`. */
static bool matches_wildcard(struct gw_slice pattern, const char *star, struct gw_slice text)
{
    struct gw_slice before = gw_slice(pattern.base, (size_t)(star - pattern.base));
    struct gw_slice after = gw_slice_from(pattern, before.len + 1);
    if (text.len <= before.len + after.len || !gw_slice_starts_with(text, before) ||
        !gw_slice_ends_with(text, after))
        return false;
    for (size_t i = before.len; i < text.len - after.len; i++) {
        char c = text.base[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool gw_cors_allows_origin(const struct gw_config_cors *cors, struct gw_slice origin)
{
    if (cors->any_origin)
        return true;
    for (size_t i = 0; i < cors->origins.count; i++) {
        struct gw_slice pattern = gw_slice_str(cors->origins.items[i].text);
        const char *star = memchr(pattern.base, '*', pattern.len);
        if (star != NULL ? matches_wildcard(pattern, star, origin) : gw_slice_eq(pattern, origin))
            return true;
    }
    return false;
}

bool gw_cors_allows_method(const struct gw_config_cors *cors, struct gw_slice method)
{
    for (size_t i = 0; i < cors->methods.count; i++) {
        if (gw_slice_eq(gw_slice_str(cors->methods.items[i].text), method))
            return true;
    }
    return cors->methods.count == 0;
}

static bool allows_header(const struct gw_config_cors *cors, struct gw_slice name)
{
    if (cors->any_header)
        return gw_http_is_token(name);
    for (size_t i = 0; i < cors->headers.count; i++) {
        if (gw_slice_eq_nocase(gw_slice_str(cors->headers.items[i].text), name))
            return true;
    }
    return false;
}

bool gw_cors_allows_headers(const struct gw_config_cors *cors, struct gw_slice names)
{
    struct gw_slice name;
    while (gw_http_list_next(&names, &name)) {
        if (!allows_header(cors, name))
            return false;
    }
    return true;
}

/* --- answers --- */

static void add(h2o_req_t *req, const char *name, size_t length, struct gw_slice value)
{
    if (value.len > 0)
        h2o_add_header_by_str(&req->pool, &req->res.headers, name, length, 1, NULL, value.base,
                              value.len);
}

/* Whether the origin is allowed. */
static bool add_origin(h2o_req_t *req, const struct gw_config_cors *cors)
{
    struct gw_slice origin =
        cors->any_origin ? GW_SLICE("*") : gw_request_header(req, H2O_STRLIT("origin"));
    if (!cors->any_origin)
        add(req, H2O_STRLIT("vary"), GW_SLICE("origin"));
    if (!gw_cors_allows_origin(cors, origin))
        return false;
    add(req, H2O_STRLIT("access-control-allow-origin"), origin);
    if (cors->credentials)
        add(req, H2O_STRLIT("access-control-allow-credentials"), GW_SLICE("true"));
    return true;
}

/* What the backend says of other origins, as metadata of gRPC, or a hook. Browsers refuse what is
 * said twice, and the configuration may be stricter. */
static void remove_others(h2o_headers_t *headers)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_iovec_t *name = headers->entries[i].name;
        if (!gw_slice_starts_with(gw_slice(name->base, name->len), GW_SLICE("access-control-")))
            headers->entries[kept++] = headers->entries[i];
    }
    headers->size = kept;
}

void gw_cors_add_headers(struct gw_exchange *x)
{
    if (x->cors != NULL)
        remove_others(&x->req->res.headers);
    if (x->cors != NULL && add_origin(x->req, x->cors))
        add(x->req, H2O_STRLIT("access-control-expose-headers"), x->cors->exposed_text);
}

struct preflight {
    struct gw_slice path, origin, method, headers;
};

static bool read_preflight(const h2o_req_t *req, struct preflight *p)
{
    if (!h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("OPTIONS")))
        return false;
    p->origin = gw_request_header(req, H2O_STRLIT("origin"));
    p->method = gw_request_header(req, H2O_STRLIT("access-control-request-method"));
    p->headers = gw_request_header(req, H2O_STRLIT("access-control-request-headers"));
    return p->origin.len > 0 && p->method.len > 0;
}

/* By the route that the request itself would take, or else by any that the path has. */
static const struct gw_config_cors *policy_of(const struct gw_snapshot *snapshot,
                                              const struct preflight *p, bool *ret_has_method)
{
    struct gw_route_match match, other;
    *ret_has_method = gw_snapshot_match(snapshot, p->method, p->path, &match);
    if (*ret_has_method)
        return ((const struct gw_route *)match.value)->cors;
    const struct gw_config_cors *cors = NULL;
    for (size_t i = 0; i < match.allowed_count && cors == NULL; i++) {
        if (gw_snapshot_match(snapshot, match.allowed[i], p->path, &other))
            cors = ((const struct gw_route *)other.value)->cors;
    }
    return cors;
}

/* The method asked for, and others of the path to which the same applies: the browser need not ask
 * again for them. */
static struct gw_slice methods_of(const struct gw_snapshot *snapshot, const struct preflight *p,
                                  const struct gw_config_cors *cors, gw_pool *pool)
{
    if (cors->methods.count > 0)
        return cors->methods_text;
    struct gw_buf out = gw_buf_in_pool(pool);
    struct gw_route_match all, one;
    gw_buf_append(&out, p->method);
    gw_snapshot_match(snapshot, GW_SLICE(""), p->path, &all);
    for (size_t i = 0; i < all.allowed_count; i++) {
        if (!gw_slice_eq(all.allowed[i], p->method) &&
            gw_snapshot_match(snapshot, all.allowed[i], p->path, &one) &&
            ((const struct gw_route *)one.value)->cors == cors)
            gw_buf_printf(&out, ", %.*s", GW_SLICE_ARG(all.allowed[i]));
    }
    return gw_buf_slice(&out);
}

static void allow(struct gw_exchange *x, const struct preflight *p,
                  const struct gw_config_cors *cors)
{
    h2o_req_t *req = x->req;
    add_origin(req, cors);
    add(req, H2O_STRLIT("access-control-allow-methods"),
        methods_of(x->worker->frontend->snapshot, p, cors, &req->pool));
    add(req, H2O_STRLIT("access-control-allow-headers"),
        cors->any_header ? p->headers : cors->headers_text);
    add(req, H2O_STRLIT("access-control-max-age"),
        gw_pool_printf(&req->pool, "%llu", (unsigned long long)cors->max_age_ms / 1000));
}

bool gw_cors_serve_preflight(struct gw_exchange *x, struct gw_slice path)
{
    static h2o_generator_t generator;
    h2o_req_t *req = x->req;
    struct preflight p = {.path = path};
    bool has_method;
    if (!read_preflight(req, &p))
        return false;
    const struct gw_config_cors *cors = policy_of(x->worker->frontend->snapshot, &p, &has_method);
    if (cors == NULL)
        return false;
    if (has_method && gw_http_is_token(p.method) && gw_cors_allows_origin(cors, p.origin) &&
        gw_cors_allows_method(cors, p.method) && gw_cors_allows_headers(cors, p.headers))
        allow(x, &p, cors);
    x->cors = NULL; /* all is said */
    gw_exchange_await_taking(x);
    req->res.status = 204;
    req->res.reason = "No Content";
    gw_exchange_add_headers(x, (struct gw_slice){0});
    h2o_start_response(req, &generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
    return true;
}
