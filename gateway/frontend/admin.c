#include "frontend/admin.h"

#include <h2o/http1.h>
#include <stdlib.h>

#include "base/mem.h"

struct gw_admin {
    struct gw_frontend *frontend;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_socket_t *listener;
};

struct page {
    h2o_handler_t super;
    struct gw_admin *admin;
    void (*show)(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out);
};

static void show_metrics(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out)
{
    (void)req;
    gw_metrics_expose(admin->frontend->metrics, out);
}

static void show_stats(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out)
{
    (void)req;
    gw_buf_append(out, GW_SLICE("{\"methods\":"));
    gw_http_metrics_stats(admin->frontend->http_metrics, out);
    gw_buf_append(out, GW_SLICE(",\"upstreams\":"));
    gw_upstream_set_stats(admin->frontend->upstream_set, out);
    gw_buf_append(out, GW_SLICE("}\n"));
}

static void show_health(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out)
{
    (void)admin;
    (void)req;
    gw_buf_append(out, GW_SLICE("{\"status\":\"healthy\"}\n"));
}

static void show_ready(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out)
{
    bool is_ready = __atomic_load_n(&admin->frontend->is_ready, __ATOMIC_ACQUIRE);
    if (!is_ready) {
        req->res.status = 503;
        req->res.reason = "Service Unavailable";
    }
    gw_buf_append(out, is_ready ? GW_SLICE("{\"status\":\"ready\"}\n")
                                : GW_SLICE("{\"status\":\"not ready\"}\n"));
}

static int on_page(h2o_handler_t *self, h2o_req_t *req)
{
    struct page *page = (struct page *)self;
    bool is_head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    if (!is_head && !h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET"))) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL,
                       H2O_STRLIT("GET, HEAD"));
        h2o_send_error_405(req, "Method Not Allowed", "method not allowed\n",
                           H2O_SEND_ERROR_KEEP_HEADERS);
        return 0;
    }
    static h2o_generator_t generator;
    struct gw_buf out = gw_buf_in_pool(&req->pool);
    req->res.status = 200;
    page->show(page->admin, req, &out);
    req->res.content_length = out.len;
    h2o_iovec_t type = page->show == show_metrics
                           ? h2o_iovec_init(H2O_STRLIT("text/plain; version=0.0.4; charset=utf-8"))
                           : h2o_iovec_init(H2O_STRLIT("application/json"));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type.base,
                   type.len);
    h2o_start_response(req, &generator);
    h2o_iovec_t body = h2o_iovec_init(out.base, out.len);
    h2o_send(req, &body, is_head ? 0 : 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static const struct {
    const char *path;
    void (*show)(struct gw_admin *admin, h2o_req_t *req, struct gw_buf *out);
} pages[] = {
    {"/metrics", show_metrics},
    {"/stats", show_stats},
    {"/health", show_health},
    {"/ready", show_ready},
};

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct gw_admin *admin = listener->data;
    h2o_socket_t *sock;
    if (error != NULL || (sock = h2o_evloop_socket_accept(listener)) == NULL)
        return;
    h2o_accept_ctx_t accept = {.ctx = &admin->context, .hosts = admin->config.hosts};
    h2o_http1_accept(&accept, sock, *h2o_get_timestamp(&admin->context, NULL, NULL));
}

struct gw_admin *gw_admin_create(struct gw_frontend *frontend, struct gw_loop *loop, int fd)
{
    struct gw_admin *admin = gw_alloc(sizeof(*admin));
    admin->frontend = frontend;
    h2o_config_init(&admin->config);
    admin->config.server_name = h2o_iovec_init(H2O_STRLIT("sluice"));
    admin->config.http1.upgrade_to_http2 = 0;
    admin->config.max_request_entity_size = 1024;
    h2o_hostconf_t *host =
        h2o_config_register_host(&admin->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        h2o_pathconf_t *path = h2o_config_register_path(host, pages[i].path, 0);
        struct page *page = (struct page *)h2o_create_handler(path, sizeof(*page));
        page->super.on_req = on_page;
        page->admin = admin;
        page->show = pages[i].show;
    }
    h2o_context_init(&admin->context, gw_loop_h2o(loop), &admin->config);
    admin->listener = h2o_evloop_socket_create(gw_loop_h2o(loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    admin->listener->data = admin;
    h2o_socket_read_start(admin->listener, on_accept);
    return admin;
}

static int close_request(h2o_req_t *req, void *arg)
{
    (void)arg;
    shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
    return 0;
}

void gw_admin_destroy(struct gw_admin *admin)
{
    if (admin == NULL)
        return;
    h2o_socket_close(admin->listener);
    admin->config.http1.callbacks.foreach_request(&admin->context, close_request, NULL);
    for (int i = 0; i < 100 && !h2o_linklist_is_empty(&admin->context.http1._conns); i++)
        gw_loop_turn(admin->frontend->control_loop, 1);
    h2o_multithread_queue_t *queue = admin->context.queue;
    h2o_context_dispose(&admin->context);
    free(queue); /* libh2o leaves it behind */
    h2o_config_dispose(&admin->config);
    free(admin);
}
