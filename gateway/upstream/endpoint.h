/* One worker's side of one endpoint: its connections, and the calls that wait for one.
 *
 * A call waits here only for a connection that is being made or may be made. An endpoint whose
 * connections are full, and which may have no more, is full: it keeps nobody waiting.
 *
 * An endpoint is failing from the moment a connection to it could not be made until one is ready
 * again. It is then not eligible for picks, and tries by itself to connect, with exponential
 * backoff and jitter. Worker-local. */
#ifndef GW_UPSTREAM_ENDPOINT_H
#define GW_UPSTREAM_ENDPOINT_H

#include <h2o/linklist.h>

#include "base/loop.h"
#include "config/config.h"
#include "grpc/client.h"
#include "metrics/metrics.h"

/* Time to the first new attempt after one that failed; grows by the factor up to the most. Each is
 * spread by up to a fifth either way. A backend that came back is found within the most. */
#define GW_BACKOFF_FIRST_MS 100
#define GW_BACKOFF_FACTOR 1.6
#define GW_BACKOFF_MOST_MS 1000
/* A connection that has served no call and ends sooner after it was ready is no reason to connect
 * again at once. */
#define GW_SETTLED_MS 1000

/* Series of one endpoint; the same in all workers. */
struct gw_endpoint_metrics {
    gw_metric picks, up, connections, in_flight;
};

/* gw_waiter.within, at most. */
#define GW_WITHIN_MOST (1 << 16)

/* A call that waits for a connection; embedded in it. Zero is "not waiting". */
struct gw_waiter {
    h2o_linklist_t link;
    struct gw_endpoint *endpoint; /* NULL: waits for none */
    /* A call that a peer gave back goes where that does not happen to it again: on a connection
     * that has had fewer calls than this, 0 for any; or on one that has outlived that number. */
    uint32_t within;
    /* It was refused, not retired: instead of the latter, one that gives places late. */
    bool was_refused;
    /* A connection with room is there: start on it. Or NULL: a connection could not be made, and
     * `reason` (valid during the call) says why; or the endpoint is full, and it is NULL. The
     * waiter has been taken off the list. */
    void (*ready)(struct gw_waiter *waiter, struct gw_grpc_client *client, const char *reason);
};

struct gw_endpoint;

struct gw_endpoint_options {
    struct gw_loop *loop;
    const struct gw_config_endpoint *config;
    const struct gw_config_pool *pool;
    struct gw_metrics_shard *shard;
    const struct gw_endpoint_metrics *metrics;
    /* is_failing changed. */
    void (*on_change)(void *arg, struct gw_endpoint *endpoint);
    /* There may be room for calls, and nobody waits here. */
    void (*on_room)(void *arg, struct gw_endpoint *endpoint);
    void *arg;
};

/* Opens pool.initial_size connections. `options` and what it points to is borrowed for life. */
struct gw_endpoint *gw_endpoint_create(const struct gw_endpoint_options *options);
/* Ends the calls on its connections and the waiters. NULL is allowed. */
void gw_endpoint_destroy(struct gw_endpoint *endpoint);

bool gw_endpoint_is_failing(const struct gw_endpoint *endpoint);
/* Why the last connection was lost or not made; "" where none was. */
const char *gw_endpoint_last_error(const struct gw_endpoint *endpoint);
/* The HTTP status that tells it best: 502 where the peer does not speak HTTP/2, else 503. */
int gw_endpoint_last_status(const struct gw_endpoint *endpoint);

enum gw_room {
    GW_ROOM_NOW,  /* *ret_client is a ready connection with room for the call */
    GW_ROOM_SOON, /* the waiter has been put on the list, to be told later (never from within) */
    GW_ROOM_NONE, /* the endpoint is full */
};
enum gw_room gw_endpoint_acquire(struct gw_endpoint *endpoint, struct gw_waiter *waiter,
                                 struct gw_grpc_client **ret_client);
/* Takes the waiter off the list; harmless when it is on none. */
void gw_waiter_cancel(struct gw_waiter *waiter);
/* A call on one of its connections has ended: room for a waiter. */
void gw_endpoint_release(struct gw_endpoint *endpoint);

#endif
