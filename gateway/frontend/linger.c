#include "frontend/linger.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

struct lingering {
    struct gw_worker *worker;
    h2o_socket_t *sock;
    struct gw_timer timer;
    h2o_linklist_t link;
};

static void end(struct lingering *l)
{
    gw_timer_stop(l->worker->loop, &l->timer);
    h2o_linklist_unlink(&l->link);
    h2o_socket_close(l->sock);
    __atomic_fetch_sub(&l->worker->frontend->total_connections, 1, __ATOMIC_RELAXED);
    free(l);
}

static void on_bytes(h2o_socket_t *sock, const char *error)
{
    if (error != NULL)
        end(sock->data);
    else
        h2o_buffer_consume(&sock->input, sock->input->size);
}

static void on_timeout(struct gw_timer *timer)
{
    end(H2O_STRUCT_FROM_MEMBER(struct lingering, timer, timer));
}

void gw_linger_begin(struct gw_worker *worker, int fd)
{
    shutdown(fd, SHUT_WR);
    struct lingering *l = gw_alloc(sizeof(*l));
    l->worker = worker;
    l->sock = h2o_evloop_socket_create(gw_loop_h2o(worker->loop), fd, 0);
    l->sock->data = l;
    l->timer.fn = on_timeout;
    h2o_linklist_insert(&worker->lingering, &l->link);
    gw_timer_start(worker->loop, &l->timer, gw_loop_now_ms(worker->loop) + GW_LINGER_MS);
    h2o_socket_read_start(l->sock, on_bytes);
}

void gw_linger_close_all(struct gw_worker *worker)
{
    while (!h2o_linklist_is_empty(&worker->lingering))
        end(H2O_STRUCT_FROM_MEMBER(struct lingering, link, worker->lingering.next));
}
