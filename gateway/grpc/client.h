/* One client connection: HTTP/2 (RFC 9113, by nghttp2) on a libh2o socket, carrying many calls.
 *
 *     CONNECTING -> READY -> DRAINING -> CLOSED
 *
 * Frames of one loop turn leave in one write. Calls above the peer's MAX_CONCURRENT_STREAMS wait in
 * the connection. DRAINING after the peer's GOAWAY or gw_grpc_client_drain: calls in it go on, new
 * ones are refused. Worker-local. */
#ifndef GW_GRPC_CLIENT_H
#define GW_GRPC_CLIENT_H

#include <sys/socket.h>

#include "base/loop.h"
#include "grpc/call.h"

struct gw_grpc_client;

enum gw_grpc_client_state {
    GW_CLIENT_CONNECTING,
    GW_CLIENT_READY,
    GW_CLIENT_DRAINING,
    GW_CLIENT_CLOSED
};

struct gw_grpc_client_options {
    uint64_t connect_timeout_ms;
    /* State changed, or room for calls did. `reason` (for CLOSED; static or valid during the call)
     * says why. After CLOSED, all calls have ended and the owner may destroy the client, also from
     * within. */
    void (*on_change)(void *arg, struct gw_grpc_client *client, const char *reason);
    void *arg;
};

/* Begins to connect; never calls back from within. READY after the peer's SETTINGS frame: a peer
 * that does not speak HTTP/2 never becomes ready. Calls may be started at once; they wait. */
struct gw_grpc_client *gw_grpc_client_create(struct gw_loop *loop, const struct sockaddr *address,
                                             socklen_t address_length,
                                             const struct gw_grpc_client_options *options);
/* Ends the calls that are left with UNAVAILABLE (their on_end runs), closes, frees. NULL is
 * allowed. */
void gw_grpc_client_destroy(struct gw_grpc_client *client);

enum gw_grpc_client_state gw_grpc_client_state(const struct gw_grpc_client *client);
/* Of one that is CLOSED, the HTTP status that tells best why: 502 where the peer does not speak
 * HTTP/2, else 503. */
int gw_grpc_client_closed_status(const struct gw_grpc_client *client);
/* Calls in it, waiting ones too; and how many the peer allows at once. */
uint32_t gw_grpc_client_call_count(const struct gw_grpc_client *client);
uint32_t gw_grpc_client_call_limit(const struct gw_grpc_client *client);
/* How many more it may be given now: 0 where it is not READY, is full, or could send nothing of
 * them because streams that the peer does not read have used up its window for the connection. */
uint32_t gw_grpc_client_room(const struct gw_grpc_client *client);
/* Little of that window is left: another connection is better. */
bool gw_grpc_client_is_tight(const struct gw_grpc_client *client);
/* Calls that it was given, and those that the peer began to answer, in its whole life. */
uint32_t gw_grpc_client_started(const struct gw_grpc_client *client);
uint32_t gw_grpc_client_answered(const struct gw_grpc_client *client);
/* The peer has answered a call, or says that it took one before it retired the connection: when
 * that ends, it has not failed. */
bool gw_grpc_client_has_served(const struct gw_grpc_client *client);
/* The peer has refused a call within the limit that it announced. From then on a stream's place is
 * free only some milliseconds after its end. */
bool gw_grpc_client_refuses_early(const struct gw_grpc_client *client);
/* It drains by itself: so many of its calls were cancelled that the peer might take us for an
 * attacker, and end those of others too. */
bool gw_grpc_client_is_worn(const struct gw_grpc_client *client);
/* Takes no new calls; closes when the last has ended. */
void gw_grpc_client_drain(struct gw_grpc_client *client);

/* NULL when DRAINING or CLOSED. */
struct gw_call *gw_grpc_client_start(struct gw_grpc_client *client,
                                     const struct gw_call_params *params);

#endif
