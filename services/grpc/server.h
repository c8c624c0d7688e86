/* A gRPC server: HTTP/2 (RFC 9113, by nghttp2) on libh2o sockets; methods are registered by path.
 *
 * Handlers are written on bytes (struct gw_server_call) or, in services, on protobuf-c messages
 * (grpc/service.h). One server per thread; several threads share a port by sharing the listening
 * socket. Worker-local. */
#ifndef GW_SERVICES_GRPC_SERVER_H
#define GW_SERVICES_GRPC_SERVER_H

#include "base/loop.h"
#include "grpc/call.h"
#include "grpc/metadata.h"

struct gw_grpc_server;
struct gw_server_call;

struct gw_server_limits {
    uint64_t max_message_bytes;      /* 0: 4 MiB; of a request message */
    uint32_t max_concurrent_streams; /* 0: 1000; each connection */
    uint32_t max_header_bytes;       /* 0: 64 KiB; names, values and 32 for each header */
    uint32_t max_header_count;       /* 0: 200 */
    uint32_t max_connections;        /* 0: 10000; more wait in the listening socket's queue */
};

struct gw_grpc_server_options {
    struct gw_server_limits limits;
    /* Called when a call of a registered method has ended, for metrics; optional. */
    void (*on_call_end)(void *arg, const struct gw_server_call *call, int status,
                        uint64_t duration_ns);
    void *arg;
};

struct gw_grpc_server *gw_grpc_server_create(struct gw_loop *loop,
                                             const struct gw_grpc_server_options *options);
/* Resets what is left. NULL is allowed. */
void gw_grpc_server_destroy(struct gw_grpc_server *server);

/* Accepts on a bound, listening, non-blocking socket; takes it. */
void gw_grpc_server_listen(struct gw_grpc_server *server, int fd);

/* Stops accepting, sends GOAWAY, lets calls finish for at most timeout_ms, then resets them;
 * on_done once, never from within. */
void gw_grpc_server_shutdown(struct gw_grpc_server *server, uint64_t timeout_ms,
                             void (*on_done)(void *arg), void *arg);

/* How a method is served, on bytes. All callbacks get the `arg` of registration; none runs from
 * within a gw_server_call_ function. While more than 64 KiB of answers wait, no further request
 * message is delivered and the client's window is not given back. */
struct gw_server_method {
    struct gw_slice path; /* "/user.v1.UserService/GetUser"; borrowed for the server's life */
    bool client_streaming, server_streaming;
    /* Headers are in. Optional. */
    void (*on_start)(void *arg, struct gw_server_call *call);
    /* One whole request message; valid during the call. Required. For a method that does not stream
     * requests it is delivered once the client has half-closed. */
    void (*on_message)(void *arg, struct gw_server_call *call, struct gw_slice message);
    /* The client has half-closed; no message follows. Optional. */
    void (*on_half_close)(void *arg, struct gw_server_call *call);
    /* Room for more after gw_server_call_write gave back pressure. Optional. */
    void (*on_writable)(void *arg, struct gw_server_call *call);
    /* The call is over: finished and sent, cancelled, late or lost; `call` is gone afterwards.
     * Optional. */
    void (*on_close)(void *arg, struct gw_server_call *call);
    void *arg;
};
/* false where the path is taken. `method` is copied. */
bool gw_grpc_server_add(struct gw_grpc_server *server, const struct gw_server_method *method);
/* Lives as long as the server; for what registered methods point at. */
gw_pool *gw_grpc_server_pool(struct gw_grpc_server *server);

struct gw_slice gw_server_call_path(const struct gw_server_call *call);
struct gw_metadata gw_server_call_metadata(const struct gw_server_call *call);
struct gw_slice gw_server_call_peer(const struct gw_server_call *call); /* "127.0.0.1:5555" */
/* Lives as long as the call. */
gw_pool *gw_server_call_pool(struct gw_server_call *call);
void **gw_server_call_data(struct gw_server_call *call); /* the handler's own pointer */

/* Copied. Ignored after the first write or finish, and where gw_metadata_is_allowed says no. */
void gw_server_call_add_header(struct gw_server_call *call, struct gw_slice name,
                               struct gw_slice value);
void gw_server_call_add_trailer(struct gw_server_call *call, struct gw_slice name,
                                struct gw_slice value);
/* A message without prefix; copied. Returns false once more than 64 KiB wait: write on after
 * on_writable. */
bool gw_server_call_write(struct gw_server_call *call, struct gw_slice message);
/* The same for a message of `length` bytes that the caller writes, at once, to where this points;
 * NULL when nothing can be written any more. gw_server_call_is_writable is then what
 * gw_server_call_write returns. */
char *gw_server_call_queue(struct gw_server_call *call, size_t length);
bool gw_server_call_is_writable(const struct gw_server_call *call);
/* Status and trailers; nothing can be written after. `details`: a serialised google.rpc.Status, or
 * empty. */
void gw_server_call_finish(struct gw_server_call *call, int status, struct gw_slice message,
                           struct gw_slice details);

#endif
