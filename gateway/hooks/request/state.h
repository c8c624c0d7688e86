/* What is kept of a request that has hooks. Internal to hooks/. */
#ifndef GW_HOOKS_REQUEST_STATE_H
#define GW_HOOKS_REQUEST_STATE_H

#include "hooks/engine/task.h"
#include "hooks/request/call.h"

/* What a request has in its seat: where Ruby's objects of it are kept alive. */
enum gw_hook_thing {
    GW_HOOK_THING_REQUEST,
    GW_HOOK_THING_FIELDS, /* four, by enum gw_hook_fields */
    GW_HOOK_THING_CTX = GW_HOOK_THING_FIELDS + 4,
    GW_HOOK_THING_PARAMS,
    GW_HOOK_THING_MESSAGE,
    GW_HOOK_THING_RESPONSE,
    GW_HOOK_THING_RESPONSE_MESSAGE,
    GW_HOOK_THING_ERROR,
    GW_HOOK_THING_COUNT
};

/* A message that hooks may have touched. */
struct gw_hook_message {
    const struct gw_message_type *type;
    struct gw_slice wire;
    bool is_known;    /* wire is set */
    bool is_touched;  /* since last settled */
    bool is_replaced; /* by another Hash */
};

struct gw_hook_view {
    struct gw_hook_call *call;
    enum gw_hook_fields kind;
};

struct gw_hook_call {
    struct gw_hook_guest guest;
    struct gw_hook_host *host;
    const struct gw_hook_chain *chain;
    uint32_t seat; /* while guest.ruby is not NULL; so is `things` */
    mrb_value things;
    bool is_lost; /* had a seat, and its Ruby is gone */

    unsigned phase;   /* 0: none; else of enum gw_hook_phase */
    size_t next;      /* in the chain's order of the phase */
    bool is_waiting;  /* the phase's function has returned so */
    bool is_starting; /* the hook's first part runs */
    uint64_t began_ms;
    struct gw_timer limit;
    struct gw_task failing; /* the Ruby was lost while this waited */
    struct gw_hook_task task;

    struct gw_hook_message request, response;
    struct gw_hook_response *response_out; /* during on_response */
    struct gw_hook_error *error_out;       /* during on_error */
    struct gw_hook_view views[4];
    size_t field_bytes;           /* that hooks have set */
    size_t kept_bytes;            /* in the host's pool for them */
    struct gw_metadata_store env; /* of Rack, by x-fallthru-set-* */

    bool has_replied, has_failed;
    struct gw_hook_reply reply;
    struct gw_failure failure;
};

void gw_hook_call_fail(struct gw_hook_call *call, int http_status, int code,
                       struct gw_slice message);

static inline mrb_value gw_hook_thing(const struct gw_hook_call *call, enum gw_hook_thing thing)
{
    return RARRAY_PTR(call->things)[thing];
}

#endif
