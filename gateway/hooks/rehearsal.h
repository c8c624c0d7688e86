/* One hook on a made-up call, for the command line. */
#ifndef GW_HOOKS_REHEARSAL_H
#define GW_HOOKS_REHEARSAL_H

#include "hooks/hooks.h"

struct gw_hook_rehearsal {
    const char *file;
    struct gw_slice request;    /* "GET /v1/users/7?x=1" */
    const char *const *headers; /* "NAME: VALUE" */
    size_t header_count;
    struct gw_slice content_type; /* empty: application/json */
    struct gw_slice body;
    struct gw_slice answer; /* the upstream's, as JSON; empty: {} */
};

/* Runs each phase that the hook has: on_request, on_response of `answer`, on_error of UNAVAILABLE;
 * not the others where it replies to the request, or fails. Calls go to the configuration's
 * upstreams. Appends one JSON object of several lines: what each phase changed, `ctx`, and what the
 * hook logged. Returns 0, or 1 where the hook failed, or the request cannot be translated. -1 and
 * an error (the request has no route), or what is wrong with the file in `errors`: nothing was run.
 */
int gw_hook_rehearse(const struct gw_snapshot *snapshot, const struct gw_hook_rehearsal *rehearsal,
                     struct gw_buf *out, struct gw_diagnostics *errors, struct gw_error *error);

#endif
