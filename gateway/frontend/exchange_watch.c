#include "frontend/exchange_internal.h"

#include "frontend/exchange.h"
#include "frontend/hooked.h"
#include "frontend/stream.h"

static bool is_under_way(const struct gw_exchange *x)
{
    return x->call != NULL || gw_hooked_is_waiting(x) || gw_exchange_is_translating(x);
}

static void abandon(struct gw_exchange *x)
{
    if (!is_under_way(x))
        return;
    gw_hooked_drop(x);
    gw_exchange_cancel_call(x);
    gw_exchange_drop_translation(x);
    if (x->stream != NULL && gw_stream_abandon(x->stream))
        return;
    x->req->http1_is_persistent = 0;
    gw_exchange_answer_error(x, 499, GW_CANCELLED, GW_SLICE("the client has left"),
                             (struct gw_slice){0});
    x->req->res.status = 499; /* whatever the form: nobody reads it but our log */
}

void gw_exchange_on_leave(struct gw_task *task)
{
    abandon(H2O_STRUCT_FROM_MEMBER(struct gw_exchange, leave, task));
}

static void on_client_readable(h2o_socket_t *sock, const char *error)
{
    (void)error;
    h2o_socket_read_stop(sock);
    struct gw_connection *connection = sock->on_close.data;
    if (connection->http1.exchange != NULL && gw_connection_has_left(sock))
        abandon(connection->http1.exchange);
}

/* libh2o has stopped reading this connection, and would start again after the answer: two epoll_ctl
 * a request. To go on reading, without taking anything, saves both and shows when the client
 * leaves. */
void gw_exchange_watch_client(struct gw_exchange *x)
{
    if (!gw_exchange_is_http1(x) || x->watching)
        return;
    h2o_socket_t *sock = x->req->conn->callbacks->get_socket(x->req->conn);
    x->watching = true;
    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_client_readable);
}

void gw_exchange_unwatch_client(struct gw_exchange *x)
{
    if (!x->watching)
        return;
    h2o_socket_t *sock = x->req->conn->callbacks->get_socket(x->req->conn);
    x->watching = false;
    h2o_socket_read_stop(sock);
    h2o_socket_dont_read(sock, 0);
}

static int sweep_request(h2o_req_t *req, void *arg)
{
    (void)arg;
    struct gw_exchange *x = gw_connection_of(req->conn)->http1.exchange;
    if (x != NULL && is_under_way(x) && gw_connection_has_left(x->connection->sock))
        gw_loop_defer(x->worker->loop, &x->leave); /* it may free what libh2o stands on here */
    return 0;
}

void gw_exchange_sweep(h2o_context_t *context)
{
    context->globalconf->http1.callbacks.foreach_request(context, sweep_request, NULL);
}
