/* A request's body as it arrives, whatever the protocol. Worker-local; part of its request.
 *
 * On HTTP/1.1 all of it is there when the handler runs. On HTTP/2 the handler runs when the headers
 * are in, and the body comes afterwards; what has come and is not consumed holds the client back. A
 * handler reads it as it comes, or collects it. Where it finds no room in memory, a body that is
 * collected fails, and of one that is read the stream is reset. A request that is cancelled before
 * its body's end is disposed of, without a word from here. */
#ifndef GW_FRONTEND_REQUEST_BODY_H
#define GW_FRONTEND_REQUEST_BODY_H

#include <h2o.h>

#include "base/buf.h"
#include "frontend/http_metrics.h"
#include "frontend/request_memory.h"

struct gw_request_body;
typedef void (*gw_request_body_fn)(void *arg);
/* Whether a body that begins with these bytes announces more than is allowed. */
typedef bool (*gw_request_body_check)(const void *arg, struct gw_slice bytes);

/* What the protocol does; all slots are required. */
struct gw_request_body_ops {
    /* The client may send n bytes more. */
    void (*grant)(struct gw_request_body *body, size_t n);
};

enum gw_request_body_fault {
    GW_BODY_SOUND,
    GW_BODY_TOO_LARGE,              /* over limits.request_body, or announced to be */
    GW_BODY_TOO_SLOW,               /* not there within limits.body_timeout */
    GW_BODY_OVER_CONNECTION_MEMORY, /* over limits.request_memory_per_connection */
    GW_BODY_OVER_MEMORY             /* over limits.request_memory */
};

/* Read by all, written by request_body.c. */
struct gw_request_body {
    struct gw_slice bytes; /* what has come and is not consumed; moves when more comes */
    bool is_complete;      /* nothing comes behind `bytes` */
    bool collects;
    enum gw_request_body_fault fault;
    uint64_t received;                     /* bytes, consumed ones too */
    uint64_t limit_bytes;                  /* of collecting */
    uint64_t announced;                    /* by the request's headers; 0: unknown */
    const struct gw_request_body_ops *ops; /* NULL: all of it was there at once */
    struct gw_buf buffer;
    struct gw_request_memory_account *memory;
    size_t kept_bytes; /* by the reader */
    size_t held_bytes; /* of `memory` */
    gw_request_body_fn fn;
    void *arg;
    gw_request_body_check check;
    const void *check_arg;
};

/* Of a request that reached a handler; once for each. */
struct gw_request_body *gw_request_body_of(h2o_req_t *req);

/* Calls on_more when there is more in body->bytes, and when it is complete; never from within, and
 * not for what is there already. NULL ends the calls. */
void gw_request_body_read(struct gw_request_body *body, gw_request_body_fn on_more, void *arg);
/* The first n of body->bytes have moved on: the client may send as many. */
void gw_request_body_consume(struct gw_request_body *body, size_t n);
/* Moves all of body->bytes to the end of `out`, which is on the heap. The client may send no more
 * for that: gw_request_body_grant says when. */
void gw_request_body_move(struct gw_request_body *body, struct gw_buf *out);
void gw_request_body_grant(struct gw_request_body *body, size_t n);
/* The reader keeps so many bytes for what it has consumed. False: there is no room for them, and
 * the body has failed. Fewer bytes always fit. */
bool gw_request_body_keep(struct gw_request_body *body, size_t bytes);
/* Waits for all of it, which the client may send meanwhile. True where there is nothing to wait
 * for; else on_end is called, once: it is complete, or body->fault says why it will not be. */
bool gw_request_body_collect(struct gw_request_body *body, gw_request_body_fn on_end, void *arg);

/* Of a body that is to be collected, and has its sizes in it: it fails as too large as soon as
 * `check` says so of what has come. */
void gw_request_body_watch(struct gw_request_body *body, gw_request_body_check check,
                           const void *arg);

/* What a client has met that caused the fault. */
enum gw_limit gw_request_body_limit(enum gw_request_body_fault fault);

/* --- the protocol's side --- */

void gw_request_body_init(struct gw_request_body *body, const struct gw_request_body_ops *ops,
                          uint64_t limit_bytes, struct gw_request_memory_account *memory);
void gw_request_body_dispose(struct gw_request_body *body);
/* Nobody is called before gw_request_body_tell. */
void gw_request_body_receive(struct gw_request_body *body, struct gw_slice chunk);
void gw_request_body_end(struct gw_request_body *body);
/* The handler waits for all of it. */
bool gw_request_body_is_awaited(const struct gw_request_body *body);
void gw_request_body_fail(struct gw_request_body *body, enum gw_request_body_fault fault);
/* Lets the handler know what is new, if it asked to. */
void gw_request_body_tell(struct gw_request_body *body);

#endif
