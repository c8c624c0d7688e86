#include "frontend/http2.h"

#include <stdlib.h>

#include "base/mem.h"
#include "frontend/connection.h"
#include "frontend/http2_session.h"
#include "frontend/notice.h"

struct gw_http2 {
    struct gw_worker *worker;
    struct gw_notice_pace parting_lines;
    struct gw_http2_shared shared;
    h2o_linklist_t sessions;
};

enum gw_http2_preface gw_http2_preface_check(struct gw_slice bytes)
{
    static const struct gw_slice preface = GW_SLICE_INIT(NGHTTP2_CLIENT_MAGIC);
    if (gw_slice_starts_with(bytes, preface))
        return GW_HTTP2_PREFACE_PRESENT;
    return gw_slice_starts_with(preface, bytes) ? GW_HTTP2_PREFACE_INCOMPLETE
                                                : GW_HTTP2_PREFACE_ABSENT;
}

struct gw_http2 *gw_http2_create(struct gw_worker *worker)
{
    struct gw_http2 *http2 = gw_alloc(sizeof(*http2));
    http2->worker = worker;
    h2o_linklist_init_anchor(&http2->sessions);
    gw_http2_shared_init(&http2->shared);
    return http2;
}

void gw_http2_destroy(struct gw_http2 *http2)
{
    gw_http2_shared_dispose(&http2->shared);
    free(http2);
}

void gw_http2_accept(struct gw_connection *connection)
{
    gw_connection_await(connection, GW_WAIT_NOTHING);
    struct gw_worker *worker = connection->worker;
    struct gw_http2_session *session =
        gw_http2_session_create(worker, connection->sock, &worker->http2->shared);
    h2o_linklist_insert(&worker->http2->sessions, &session->link);
    if (worker->draining)
        gw_http2_session_drain(session);
    gw_http2_session_start(session);
}

void gw_http2_tell_parting(struct gw_http2 *http2, const struct gw_connection *connection)
{
    uint64_t untold;
    if (!gw_notice_is_due(&http2->parting_lines, gw_loop_now_ms(http2->worker->loop), &untold))
        return;
    gw_notice(http2->worker->frontend,
              "sluice: an HTTP/2 connection of %.*s ends: most of its requests are cancelled early "
              "(limits.early_resets; %llu such connections before were not told of)",
              GW_SLICE_ARG(gw_peer_text(&connection->peer)), (unsigned long long)untold);
}

static struct gw_http2_session *session_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_http2_session, link, link);
}

void gw_http2_sweep(struct gw_http2 *http2)
{
    uint64_t now_ms = gw_loop_now_ms(http2->worker->loop);
    for (h2o_linklist_t *at = http2->sessions.next, *next; at != &http2->sessions; at = next) {
        next = at->next;
        gw_http2_session_sweep(session_of(at), now_ms);
    }
}

void gw_http2_drain(struct gw_http2 *http2)
{
    for (h2o_linklist_t *at = http2->sessions.next; at != &http2->sessions; at = at->next)
        gw_http2_session_drain(session_of(at));
}

void gw_http2_close(struct gw_http2 *http2)
{
    while (!h2o_linklist_is_empty(&http2->sessions))
        gw_http2_session_close(session_of(http2->sessions.next));
}
