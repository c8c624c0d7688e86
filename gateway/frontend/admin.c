#include "frontend/admin.h"

#include <errno.h>
#include <h2o/http1.h>
#include <stdlib.h>

#include "base/connect.h"
#include "base/mem.h"

struct gw_admin {
    struct gw_frontend *frontend;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_socket_t *listener; /* NULL: closed */
    uint32_t connections;
    struct gw_timer pause; /* of accepting, after the process ran out of files */
};

struct page {
    const char *path;
    const char *type;
    /* Returns the HTTP status. */
    int (*show)(struct gw_admin *admin, struct gw_buf *out);
};

struct handler {
    h2o_handler_t super;
    struct gw_admin *admin;
};

static int show_metrics(struct gw_admin *admin, struct gw_buf *out)
{
    gw_metrics_expose(admin->frontend->metrics, out);
    return 200;
}

static int show_stats(struct gw_admin *admin, struct gw_buf *out)
{
    gw_buf_append(out, GW_SLICE("{\"methods\":"));
    gw_http_metrics_stats(admin->frontend->http_metrics, out);
    gw_buf_append(out, GW_SLICE(",\"upstreams\":"));
    gw_upstream_set_stats(admin->frontend->upstream_set, out);
    gw_buf_append(out, GW_SLICE("}\n"));
    return 200;
}

static int show_health(struct gw_admin *admin, struct gw_buf *out)
{
    (void)admin;
    gw_buf_append(out, GW_SLICE("{\"status\":\"healthy\"}\n"));
    return 200;
}

static int show_ready(struct gw_admin *admin, struct gw_buf *out)
{
    bool is_ready = __atomic_load_n(&admin->frontend->is_ready, __ATOMIC_ACQUIRE);
    gw_buf_append(out, is_ready ? GW_SLICE("{\"status\":\"ready\"}\n")
                                : GW_SLICE("{\"status\":\"not ready\"}\n"));
    return is_ready ? 200 : 503;
}

static const struct page pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", show_metrics},
    {"/stats", "application/json", show_stats},
    {"/health", "application/json", show_health},
    {"/ready", "application/json", show_ready},
};

static const struct page *find_page(struct gw_slice path)
{
    const char *query = memchr(path.base, '?', path.len);
    if (query != NULL)
        path.len = (size_t)(query - path.base);
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        if (gw_slice_eq(path, gw_slice_str(pages[i].path)))
            return &pages[i];
    }
    return NULL;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    default:
        return "Service Unavailable";
    }
}

static void answer(h2o_req_t *req, int status, const char *type, const struct gw_buf *body)
{
    static h2o_generator_t generator;
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = body->len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_start_response(req, &generator);
    h2o_iovec_t vec = h2o_iovec_init(body->base, body->len);
    bool is_head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    h2o_send(req, &vec, is_head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct gw_admin *admin = ((struct handler *)self)->admin;
    struct gw_slice method = gw_slice(req->method.base, req->method.len);
    const struct page *page = find_page(gw_slice(req->path.base, req->path.len));
    struct gw_buf body = gw_buf_in_pool(&req->pool);
    if (page == NULL) {
        gw_buf_append(&body, GW_SLICE("{\"code\":5,\"message\":\"no such page, expected /metrics, "
                                      "/stats, /health or /ready\",\"details\":[]}"));
        answer(req, 404, "application/json", &body);
    } else if (!gw_slice_eq(method, GW_SLICE("GET")) && !gw_slice_eq(method, GW_SLICE("HEAD"))) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL,
                       H2O_STRLIT("GET, HEAD"));
        gw_buf_append(&body,
                      GW_SLICE("{\"code\":12,\"message\":\"the method is not allowed for this "
                               "page, expected GET\",\"details\":[]}"));
        answer(req, 405, "application/json", &body);
    } else {
        int status = page->show(admin, &body);
        answer(req, status, page->type, &body);
    }
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error);

static bool is_full(const struct gw_admin *admin)
{
    return admin->connections >= admin->frontend->descriptors.admin;
}

static void resume_accepting(struct gw_admin *admin)
{
    if (admin->listener != NULL && !is_full(admin) && !gw_timer_is_running(&admin->pause) &&
        !h2o_socket_is_reading(admin->listener))
        h2o_socket_read_start(admin->listener, on_accept);
}

static void on_close(void *data)
{
    struct gw_admin *admin = data;
    admin->connections--;
    resume_accepting(admin);
}

static void pause_accepting(struct gw_admin *admin, int error)
{
    struct gw_frontend *frontend = admin->frontend;
    gw_shortage_tell(frontend, gw_metrics_shard(frontend->metrics, frontend->control_shard),
                     GW_SHORTAGE_ADMIN, error);
    h2o_socket_read_stop(admin->listener);
    gw_timer_start(frontend->control_loop, &admin->pause,
                   gw_loop_now_ms(frontend->control_loop) + GW_ACCEPT_PAUSE_MS);
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct gw_admin *admin = listener->data;
    if (error != NULL)
        return;
    h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
    if (sock == NULL) {
        int failed = errno;
        if (gw_accept_failure_of(failed) == GW_ACCEPT_PAUSE)
            pause_accepting(admin, failed);
        return;
    }
    admin->connections++;
    if (is_full(admin))
        h2o_socket_read_stop(listener); /* until one is gone */
    sock->on_close.cb = on_close;
    sock->on_close.data = admin;
    h2o_accept_ctx_t accept = {.ctx = &admin->context, .hosts = admin->config.hosts};
    h2o_http1_accept(&accept, sock, *h2o_get_timestamp(&admin->context, NULL, NULL));
}

static void on_pause_end(struct gw_timer *timer)
{
    resume_accepting(H2O_STRUCT_FROM_MEMBER(struct gw_admin, pause, timer));
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
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = on_req;
    handler->admin = admin;
    h2o_context_init(&admin->context, gw_loop_h2o(loop), &admin->config);
    admin->listener = h2o_evloop_socket_create(gw_loop_h2o(loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    admin->listener->data = admin;
    admin->pause.fn = on_pause_end;
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
    gw_timer_stop(admin->frontend->control_loop, &admin->pause);
    h2o_socket_close(admin->listener);
    admin->listener = NULL;
    admin->config.http1.callbacks.foreach_request(&admin->context, close_request, NULL);
    for (int i = 0; i < 100 && !h2o_linklist_is_empty(&admin->context.http1._conns); i++)
        gw_loop_turn(admin->frontend->control_loop, 1);
    h2o_multithread_queue_t *queue = admin->context.queue;
    h2o_context_dispose(&admin->context);
    free(queue); /* libh2o leaves it behind */
    h2o_config_dispose(&admin->config);
    free(admin);
}
