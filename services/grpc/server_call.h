/* One call inside the server: what its connection tells it, and what it has to send.
 * Worker-local; private to the server. */
#ifndef GW_SERVICES_GRPC_SERVER_CALL_H
#define GW_SERVICES_GRPC_SERVER_CALL_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "grpc/frame_reader.h"
#include "grpc/server.h"

struct gw_server_connection;

struct gw_server_call {
    struct gw_server_connection *connection;
    int32_t stream_id;
    TAILQ_ENTRY(gw_server_call) link;          /* in the connection's calls */
    TAILQ_ENTRY(gw_server_call) writable_link; /* in its writable */
    bool is_writable;                          /* linked there */
    gw_pool pool;
    const struct gw_server_method *method; /* NULL: not known yet, or answered without one */
    void *data;
    uint64_t started_ns;
    struct gw_timer deadline;

    struct {
        struct gw_slice path;
        struct gw_slice timeout;
        struct gw_slice encoding;
        struct gw_metadata_store metadata;
        uint64_t header_bytes; /* of all headers, RFC 9113 section 10.5.1 */
        uint32_t header_count;
        bool is_post, is_grpc, headers_too_large;
        struct gw_frame_reader reader;
        size_t unconsumed;       /* bytes received that still count against the stream's window */
        struct gw_slice message; /* the one of a method that does not stream requests */
        bool has_message;
        bool half_closed;   /* by the peer */
        bool all_delivered; /* and the handler knows it */
    } request;

    struct {
        struct gw_metadata_store headers, trailers;
        struct gw_buf queue; /* framed messages, on the heap */
        size_t sent;         /* of it */
        bool begun;          /* headers are submitted */
        bool any_sent;       /* part of a message has left */
        bool blocked;        /* the handler was told to wait */
        bool finished;       /* the status is known */
        bool ended;          /* and has left */
        int status;
        struct gw_slice message; /* encoded */
        struct gw_slice details; /* encoded */
    } response;

    bool closed; /* the handler has seen on_close, or never saw the call */
};

struct gw_server_call *gw_server_call_create(struct gw_server_connection *connection,
                                             int32_t stream_id);
/* Tells the handler, unless it knows; frees. NULL is allowed. */
void gw_server_call_destroy(struct gw_server_call *call);

/* --- what arrives, in this order --- */
void gw_server_call_receive_header(struct gw_server_call *call, struct gw_slice name,
                                   struct gw_slice value);
void gw_server_call_receive_headers_end(struct gw_server_call *call);
void gw_server_call_receive_data(struct gw_server_call *call, struct gw_slice chunk);
void gw_server_call_receive_end(struct gw_server_call *call);

/* Room in the queue: goes on with what back pressure held up. Not from within nghttp2. */
void gw_server_call_resume(struct gw_server_call *call);

/* --- what leaves --- */
/* nghttp2_data_source_read_callback, without copying; source->ptr is the call. */
ssize_t gw_server_call_read(nghttp2_session *session, int32_t stream_id, uint8_t *out,
                            size_t length, uint32_t *flags, nghttp2_data_source *source,
                            void *connection);
/* The next `length` bytes, which _read has announced. */
struct gw_slice gw_server_call_take(struct gw_server_call *call, size_t length);
/* END_STREAM has left. */
void gw_server_call_sent_end(struct gw_server_call *call);
void gw_server_call_reset(struct gw_server_call *call, uint32_t error_code);

#endif
