/* The way of one request through its hooks, as others see it.
 *
 * What hooks see of the request they see through a struct gw_hook_host, which the caller fills and
 * keeps. A phase either is over when its function returns, or waits (for Sluice.call, Sluice.sleep)
 * and is over when the host's `resumed` is called, from the top of the loop. One phase at a time.
 */
#ifndef GW_HOOKS_REQUEST_CALL_H
#define GW_HOOKS_REQUEST_CALL_H

#include "grpc/metadata.h"
#include "hooks/engine/engine.h"

/* --- what a host shows --- */

/* Named fields of a request, with names in lower case. */
enum gw_hook_fields {
    GW_HOOK_REQUEST_HEADERS,  /* as the client sent them. A change of one that goes upstream by
                                 itself (authorization, forward_headers, grpc-metadata-*) changes the
                                 metadata likewise */
    GW_HOOK_METADATA,         /* what goes upstream, without the trace */
    GW_HOOK_RESPONSE_HEADERS, /* of the answer to the client, whatever that becomes */
    GW_HOOK_TRAILERS,         /* of the upstream's answer; empty before on_response */
};

struct gw_hook_host;

enum gw_hook_outcome {
    GW_HOOK_GO_ON,   /* with what the hooks left in the host, and the phase's struct */
    GW_HOOK_REPLIED, /* a hook gave the answer: gw_hook_call_reply */
    GW_HOOK_FAILED,  /* gw_hook_call_failure is the answer; on_error has not run */
    GW_HOOK_WAITING, /* `resumed` will be called */
};

/* Required, but where said otherwise. Called from within the phases only, but `resumed`. */
struct gw_hook_host_ops {
    /* The field at *cursor or behind it (from 0); false at the end. The cursor is the host's own
     * number, and starts at 0. Only reads: it may be left in the middle (library/library.h). */
    bool (*next_field)(struct gw_hook_host *host, enum gw_hook_fields kind, size_t *cursor,
                       struct gw_slice *ret_name, struct gw_slice *ret_value);
    /* In place of all of that name; name (lower case) and value (no control characters) are in the
     * host's pool. NULL, or why it cannot be set, as a static text. */
    const char *(*set_field)(struct gw_hook_host *host, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value);
    /* Beside those of that name; else like set_field. */
    const char *(*add_field)(struct gw_hook_host *host, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value);
    /* All of that name; harmless where there is none. */
    void (*remove_field)(struct gw_hook_host *host, enum gw_hook_fields kind, struct gw_slice name);
    /* The wire bytes (without prefix) of the one request message, translated when first asked for.
     * -1: it cannot be, and *ret_failure is the client's answer. Optional: where it is NULL,
     * req.message is nil. */
    int (*message)(struct gw_hook_host *host, struct gw_slice *ret_wire,
                   struct gw_failure *ret_failure);
    /* Other wire bytes, in the host's pool, in place of the message. Optional like `message`. */
    void (*set_message)(struct gw_hook_host *host, struct gw_slice wire);
    /* A phase that waited is over. The call may be destroyed, or go into its next phase. */
    void (*resumed)(struct gw_hook_host *host, enum gw_hook_outcome outcome);
};

/* All slices last as long as the call. */
struct gw_hook_host {
    const struct gw_hook_host_ops *ops;
    gw_pool *pool;
    const struct gw_route *route;    /* NULL: none matched */
    const struct gw_slice *captures; /* as in the route's template; raw */
    struct gw_slice method, path;    /* path raw, without query */
    struct gw_slice query;           /* raw, without '?' */
    struct gw_slice scheme, authority;
    struct gw_slice protocol;                 /* "HTTP/1.1", "HTTP/2" */
    struct gw_slice remote_addr, server_addr; /* without port */
    uint16_t remote_port, server_port;
    struct gw_slice body;     /* as received; empty where it is not awaited */
    struct gw_slice trace_id; /* empty: none */
    struct gw_metadata trace; /* what Sluice.call sends on, so that it is in the same trace */
    size_t upstream;          /* index in the configuration; hooks may change it */
    uint64_t deadline_ms;     /* which Sluice.call keeps to; 0: none. The caller may change it */
};

/* --- one request; worker-local --- */

struct gw_hook_call;

/* In the host's pool; the host is borrowed until the call is destroyed. */
struct gw_hook_call *gw_hook_call_create(struct gw_hook_vm *vm, struct gw_hook_host *host);
/* The request is over, or the client has left: cancels what its hooks wait for. NULL is allowed. */
void gw_hook_call_destroy(struct gw_hook_call *call);

/* Before the first pick. */
enum gw_hook_outcome gw_hook_call_on_request(struct gw_hook_call *call);

/* An answer of the upstream with status OK. */
struct gw_hook_response {
    int http_status; /* hooks may change it */
    /* Wire bytes of the method's output; base is NULL where there is no one message. Hooks may
     * change it. */
    struct gw_slice message;
    /* The text that goes to the client, where a hook gave one in place of the translated message;
     * base NULL otherwise. */
    struct gw_slice body;
};
/* After the last try. `response` is borrowed until the phase is over. GW_HOOK_REPLIED is possible
 * too. */
enum gw_hook_outcome gw_hook_call_on_response(struct gw_hook_call *call,
                                              struct gw_hook_response *response);

/* An error from upstream, from a hook or from the gateway itself. */
struct gw_hook_error {
    int http_status;
    int code;                /* of enum gw_status, or the peer's own number */
    struct gw_slice message; /* for people */
    struct gw_slice details; /* serialised google.rpc.Status, or empty */
};
/* Instead of on_response. What hooks change is in `error`, borrowed until the phase is over. Never
 * GW_HOOK_FAILED: where a hook fails, the error stays. */
enum gw_hook_outcome gw_hook_call_on_error(struct gw_hook_call *call, struct gw_hook_error *error);

/* After GW_HOOK_REPLIED; lasts as long as the call. */
struct gw_hook_reply {
    int http_status;
    struct gw_metadata headers; /* beside the response headers of the host; content-type among them
                                   where the hook named one */
    struct gw_slice body;
    bool has_message;        /* `message` stands for the body: wire bytes of the method's output */
    struct gw_slice message; /* to be translated as the upstream's own would be */
};
const struct gw_hook_reply *gw_hook_call_reply(const struct gw_hook_call *call);
/* After GW_HOOK_FAILED. */
const struct gw_failure *gw_hook_call_failure(const struct gw_hook_call *call);

/* Appends what hooks put into `ctx` and an access log shows, as a JSON object; nothing where there
 * is none. */
void gw_hook_call_append_ctx(const struct gw_hook_call *call, struct gw_buf *out);

#endif
