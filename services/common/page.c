#include "common/page.h"

#include <errno.h>
#include <h2o.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/connect.h"
#include "base/mem.h"

enum {
    REQUEST_BODY_MAX_BYTES = 1024, /* nobody sends one */
    CLOSE_TURNS_MAX = 100,
};

struct gw_pages {
    struct gw_loop *loop;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    struct gw_timer resume;
    uint32_t connections;
    const struct gw_page *list;
    void *arg;
};

struct page_handler {
    h2o_handler_t super;
    struct gw_pages *pages;
};

static int answer(h2o_req_t *req, int status, const char *content_type, struct gw_slice body)
{
    /* One request a connection: there is nothing to wait for when the process ends. */
    req->http1_is_persistent = 0;
    req->res.status = status;
    req->res.reason = status == 200 ? "OK" : "Error";
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                   strlen(content_type));
    h2o_send_inline(req, body.base, body.len);
    return 0;
}

static bool is_read(const h2o_req_t *req)
{
    return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
           h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
}

static int on_req(h2o_handler_t *handler, h2o_req_t *req)
{
    struct gw_pages *pages = ((struct page_handler *)handler)->pages;
    struct gw_slice path = gw_slice(req->path_normalized.base, req->path_normalized.len);
    const struct gw_page *page = pages->list;
    while (page->path != NULL && !gw_slice_eq(path, gw_slice_str(page->path)))
        page++;
    if (page->path == NULL)
        return answer(req, 404, "text/plain", GW_SLICE("not found\n"));
    if (!is_read(req))
        return answer(req, 405, "text/plain", GW_SLICE("only GET and HEAD\n"));
    struct gw_buf body = gw_buf_in_pool(&req->pool);
    int status = page->write(pages->arg, &body);
    return answer(req, status, page->content_type, gw_buf_slice(&body));
}

static void on_connection_close(void *arg)
{
    struct gw_pages *pages = arg;
    pages->connections--;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct gw_pages *pages = listener->data;
    if (error != NULL)
        return;
    h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
    if (socket == NULL) {
        if (gw_accept_failure_of(errno) == GW_ACCEPT_PAUSE) {
            h2o_socket_read_stop(listener);
            gw_timer_start(pages->loop, &pages->resume,
                           gw_loop_now_ms(pages->loop) + GW_ACCEPT_PAUSE_MS);
        }
        return;
    }
    if (pages->connections == GW_PAGES_CONNECTIONS_MAX) {
        h2o_socket_close(socket);
        return;
    }
    pages->connections++;
    socket->on_close.cb = on_connection_close;
    socket->on_close.data = pages;
    h2o_accept(&pages->accept, socket);
}

static void on_resume(struct gw_timer *timer)
{
    struct gw_pages *pages = H2O_STRUCT_FROM_MEMBER(struct gw_pages, resume, timer);
    h2o_socket_read_start(pages->listener, on_accept);
}

struct gw_pages *gw_pages_create(struct gw_loop *loop, int fd, const struct gw_page *list,
                                 void *arg)
{
    struct gw_pages *pages = gw_alloc(sizeof(*pages));
    pages->loop = loop;
    pages->list = list;
    pages->arg = arg;
    pages->resume.fn = on_resume;

    h2o_config_init(&pages->config);
    pages->config.server_name = h2o_iovec_init(H2O_STRLIT("sluice"));
    pages->config.http1.upgrade_to_http2 = 0;
    pages->config.max_request_entity_size = REQUEST_BODY_MAX_BYTES;
    h2o_hostconf_t *host =
        h2o_config_register_host(&pages->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct page_handler *handler = (void *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = on_req;
    handler->pages = pages;
    h2o_context_init(&pages->context, gw_loop_h2o(loop), &pages->config);

    pages->accept.ctx = &pages->context;
    pages->accept.hosts = pages->config.hosts;
    pages->listener = h2o_evloop_socket_create(gw_loop_h2o(loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    pages->listener->data = pages;
    h2o_socket_read_start(pages->listener, on_accept);
    return pages;
}

static int close_request(h2o_req_t *req, void *arg)
{
    (void)arg;
    shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
    return 0;
}

void gw_pages_destroy(struct gw_pages *pages)
{
    if (pages == NULL)
        return;
    gw_timer_stop(pages->loop, &pages->resume);
    h2o_socket_close(pages->listener);
    pages->config.http1.callbacks.foreach_request(&pages->context, close_request, NULL);
    for (int turns = 0; turns < CLOSE_TURNS_MAX && pages->connections > 0; turns++)
        gw_loop_turn(pages->loop, 1);
    /* libh2o closes the queue's socket in the next turn, and leaves the queue itself behind. */
    h2o_multithread_queue_t *queue = pages->context.queue;
    h2o_context_dispose(&pages->context);
    gw_loop_turn(pages->loop, 0);
    free(queue);
    h2o_config_dispose(&pages->config);
    free(pages);
}
