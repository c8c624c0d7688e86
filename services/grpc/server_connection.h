/* One connection of the server: an nghttp2 session on a libh2o socket.
 * Worker-local; private to the server. */
#ifndef GW_SERVICES_GRPC_SERVER_CONNECTION_H
#define GW_SERVICES_GRPC_SERVER_CONNECTION_H

#include <sys/queue.h>

#include "base/budget.h"
#include "base/strmap.h"
#include "grpc/h2_output.h"
#include "grpc/server_call.h"

#define GW_SERVER_PEER_BYTES 64

struct gw_server_listener;
TAILQ_HEAD(gw_server_listeners, gw_server_listener);
TAILQ_HEAD(gw_server_connections, gw_server_connection);
TAILQ_HEAD(gw_server_calls, gw_server_call);

struct gw_grpc_server {
    struct gw_loop *loop;
    struct gw_grpc_server_options options; /* limits filled in */
    gw_pool pool;
    struct gw_strmap methods;  /* path -> struct gw_server_method */
    struct gw_strmap services; /* name -> any method of it */
    struct gw_server_listeners listeners;
    struct gw_server_connections connections;
    uint32_t connection_count;
    struct gw_timer sweep; /* closes connections whose time is up; runs while there are any */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *session_options;
    struct {
        bool begun;
        struct gw_timer timer;
        struct gw_task done;
        void (*on_done)(void *arg);
        void *arg;
    } shutdown;
};

struct gw_server_connection {
    struct gw_grpc_server *server;
    h2o_socket_t *socket;
    nghttp2_session *session; /* NULL: lingering */
    TAILQ_ENTRY(gw_server_connection) link;
    struct gw_server_calls calls;
    struct gw_server_calls writable; /* those that have room again, and are to be told so */
    struct gw_task flush;
    struct gw_h2_output output;
    uint64_t expires_ms;     /* when the sweep closes it; 0: not */
    bool greeted;            /* the peer's preface has come */
    bool draining, refuses;  /* refuses: the final GOAWAY is out */
    struct gw_timer notice;  /* how long the peer has to answer the first one */
    struct gw_budget resets; /* of young streams */
    size_t peer_length;
    char peer[GW_SERVER_PEER_BYTES];
};

/* Fills the server's nghttp2 callbacks and options; one set serves all connections. */
void gw_server_connection_setup(struct gw_grpc_server *server);

/* Takes the socket. */
struct gw_server_connection *gw_server_connection_create(struct gw_grpc_server *server,
                                                         h2o_socket_t *socket);
/* Ends its calls and closes at once. Not from within nghttp2. */
void gw_server_connection_destroy(struct gw_server_connection *connection);
/* GOAWAY; closes after the last call. */
void gw_server_connection_drain(struct gw_server_connection *connection);
/* "127.0.0.1:5555" or "[::1]:5555"; empty where there is none. */
struct gw_slice gw_server_connection_peer(struct gw_server_connection *connection);
/* Sends what is queued at the end of this turn. */
void gw_server_connection_flush_later(struct gw_server_connection *connection);

/* --- to the server, which counts them --- */
/* A connection that was accepted; takes the socket. */
void gw_grpc_server_adopt(struct gw_grpc_server *server, h2o_socket_t *socket);
void gw_grpc_server_connection_gone(struct gw_grpc_server *server);

#endif
