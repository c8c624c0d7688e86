#include "upstream/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "upstream/upstream.h"

/* Addresses of a host name that one attempt goes through. */
#define ADDRESSES_MAX 8

/* Of a connection, until one was ready and has told. */
#define FIRST_CALL_LIMIT 100

struct connection {
    struct gw_endpoint *endpoint;
    struct gw_grpc_client *client; /* NULL: the name is being looked up */
    struct gw_resolve *resolve;
    struct gw_timer resolve_timeout;
    struct gw_timer idle;
    uint64_t ready_ms, last_used_ms;
    bool was_ready, draining;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    socklen_t address_lengths[ADDRESSES_MAX];
    size_t address_count, next_address;
    h2o_linklist_t link;
};

/* What one waiter wants of a connection, in parts of the whole. */
#define WHOLE (1 << 20)

struct gw_endpoint {
    struct gw_endpoint_options options;
    h2o_linklist_t connections; /* of struct connection */
    uint32_t connection_count;  /* without the draining ones */
    uint32_t connecting_count;
    /* Calls that were given back go first. */
    h2o_linklist_t given_back, waiters;
    uint64_t given_back_want; /* sum of their wants */
    uint32_t waiter_count;
    uint32_t call_limit; /* of the connection that was ready last; at least 1 */
    struct gw_timer retry;
    double backoff_ms; /* the last one; 0: connections were made and lasted */
    bool failing, closing;
    char last_error[GW_ENDPOINT_REASON_BYTES];
    int last_status;
};

static void connect_next_address(struct connection *c);
static void open_connection(struct gw_endpoint *endpoint);

static struct connection *connection_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct connection, link, link);
}

static void set_failing(struct gw_endpoint *endpoint, bool failing)
{
    if (endpoint->failing == failing)
        return;
    endpoint->failing = failing;
    gw_gauge_set(endpoint->options.shard, endpoint->options.metrics->up, !failing);
    endpoint->options.on_change(endpoint->options.arg, endpoint);
}

static struct gw_waiter *waiter_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_waiter, link, link);
}

/* --- room and who waits for it --- */

static void join(struct gw_endpoint *endpoint, struct gw_waiter *waiter)
{
    waiter->endpoint = endpoint;
    if (waiter->within > 0) {
        h2o_linklist_insert(&endpoint->given_back, &waiter->link);
        endpoint->given_back_want += WHOLE / waiter->within;
    } else {
        h2o_linklist_insert(&endpoint->waiters, &waiter->link);
        endpoint->waiter_count++;
    }
}

void gw_waiter_cancel(struct gw_waiter *waiter)
{
    struct gw_endpoint *endpoint = waiter->endpoint;
    if (h2o_linklist_is_linked(&waiter->link))
        h2o_linklist_unlink(&waiter->link);
    if (endpoint == NULL)
        return;
    waiter->endpoint = NULL;
    if (waiter->within > 0)
        endpoint->given_back_want -= WHOLE / waiter->within;
    else
        endpoint->waiter_count--;
}

static void tell(struct gw_waiter *waiter, struct gw_grpc_client *client, const char *reason)
{
    gw_waiter_cancel(waiter);
    waiter->ready(waiter, client, reason);
}

/* Those that join while we tell wait for the next attempt. */
static void tell_all(h2o_linklist_t *waiters, const char *reason)
{
    h2o_linklist_t list;
    h2o_linklist_init_anchor(&list);
    h2o_linklist_insert_list(&list, waiters);
    while (!h2o_linklist_is_empty(&list))
        tell(waiter_of(list.next), NULL, reason);
}

/* There is no connection for them, for this reason; NULL: the endpoint is full. */
static void send_away(struct gw_endpoint *endpoint, const char *reason)
{
    tell_all(&endpoint->given_back, reason);
    tell_all(&endpoint->waiters, reason);
}

static bool suits(const struct gw_grpc_client *client, const struct gw_waiter *waiter)
{
    if (waiter->within == 0 || gw_grpc_client_started(client) < waiter->within)
        return true;
    return waiter->was_refused ? gw_grpc_client_refuses_early(client)
                               : gw_grpc_client_answered(client) > waiter->within;
}

/* The ready connection with the fewest calls, if any has room; for want of a better one is
 * *ret_tight. */
static struct connection *find_room(struct gw_endpoint *endpoint, const struct gw_waiter *waiter,
                                    struct connection **ret_tight)
{
    struct connection *best = NULL;
    uint32_t best_calls = UINT32_MAX;
    *ret_tight = NULL;
    for (h2o_linklist_t *l = endpoint->connections.next; l != &endpoint->connections; l = l->next) {
        struct connection *c = connection_of(l);
        if (c->client == NULL || gw_grpc_client_room(c->client) == 0 || !suits(c->client, waiter))
            continue;
        uint32_t calls = gw_grpc_client_call_count(c->client);
        if (gw_grpc_client_is_tight(c->client)) {
            *ret_tight = c;
        } else if (calls < best_calls) {
            best = c;
            best_calls = calls;
        }
    }
    return best;
}

/* Connections that may be opened now. */
static uint32_t can_open(const struct gw_endpoint *endpoint)
{
    uint32_t most = endpoint->options.pool->max_size;
    if (endpoint->closing || gw_timer_is_running(&endpoint->retry) ||
        endpoint->connection_count >= most)
        return 0;
    return most - endpoint->connection_count;
}

/* Connections that those who wait would fill. */
static uint64_t wanted(const struct gw_endpoint *endpoint)
{
    uint64_t limit = endpoint->call_limit;
    return (endpoint->waiter_count + limit - 1) / limit +
           (endpoint->given_back_want + WHOLE - 1) / WHOLE;
}

/* For those who wait, and to keep the number that the configuration wants. While the endpoint is
 * failing one attempt at a time is enough to learn of its return. */
static void open_wanted(struct gw_endpoint *endpoint)
{
    if (endpoint->failing)
        return;
    while (can_open(endpoint) > 0 &&
           (endpoint->connecting_count < wanted(endpoint) ||
            endpoint->connection_count < endpoint->options.pool->initial_size))
        open_connection(endpoint);
}

static struct connection *find_room_for_first(struct gw_endpoint *endpoint, h2o_linklist_t *waiters)
{
    struct connection *tight;
    if (h2o_linklist_is_empty(waiters))
        return NULL;
    struct connection *c = find_room(endpoint, waiter_of(waiters->next), &tight);
    return c == NULL && endpoint->connecting_count == 0 && can_open(endpoint) == 0 ? tight : c;
}

static void serve_list(struct gw_endpoint *endpoint, h2o_linklist_t *waiters)
{
    struct connection *c;
    while ((c = find_room_for_first(endpoint, waiters)) != NULL) {
        c->last_used_ms = gw_loop_now_ms(endpoint->options.loop);
        tell(waiter_of(waiters->next), c->client, NULL);
    }
}

static bool has_waiters(const struct gw_endpoint *endpoint)
{
    return endpoint->waiter_count > 0 || endpoint->given_back_want > 0;
}

/* After anything that may have made room, or taken the hope of it. */
static void serve(struct gw_endpoint *endpoint)
{
    if (endpoint->closing)
        return;
    serve_list(endpoint, &endpoint->given_back);
    serve_list(endpoint, &endpoint->waiters);
    open_wanted(endpoint);
    if (endpoint->connecting_count == 0)
        send_away(endpoint, NULL);
    if (!has_waiters(endpoint) && !endpoint->failing)
        endpoint->options.on_room(endpoint->options.arg, endpoint);
}

/* --- one connection --- */

static void connection_free(struct connection *c)
{
    struct gw_endpoint *endpoint = c->endpoint;
    if (c->resolve != NULL)
        gw_resolve_cancel(c->resolve);
    gw_timer_stop(endpoint->options.loop, &c->resolve_timeout);
    gw_timer_stop(endpoint->options.loop, &c->idle);
    if (c->was_ready)
        gw_gauge_add(endpoint->options.shard, endpoint->options.metrics->connections, -1);
    h2o_linklist_unlink(&c->link);
    struct gw_grpc_client *client = c->client;
    free(c);
    gw_grpc_client_destroy(client);
}

static void schedule_retry(struct gw_endpoint *endpoint)
{
    if (endpoint->closing || gw_timer_is_running(&endpoint->retry))
        return;
    endpoint->backoff_ms =
        endpoint->backoff_ms == 0 ? GW_BACKOFF_FIRST_MS : endpoint->backoff_ms * GW_BACKOFF_FACTOR;
    if (endpoint->backoff_ms > GW_BACKOFF_MOST_MS)
        endpoint->backoff_ms = GW_BACKOFF_MOST_MS;
    double spread = 0.8 + 0.4 * gw_random_below(1001) / 1000.0;
    gw_timer_start(endpoint->options.loop, &endpoint->retry,
                   gw_loop_now_ms(endpoint->options.loop) +
                       (uint64_t)(endpoint->backoff_ms * spread));
}

static void note_error(struct gw_endpoint *endpoint, const char *reason, int http_status)
{
    endpoint->last_status = http_status;
    snprintf(endpoint->last_error, sizeof(endpoint->last_error), "%s", reason);
}

/* An attempt has run out of addresses; the reason was noted. */
static void attempt_failed(struct connection *c)
{
    struct gw_endpoint *endpoint = c->endpoint;
    endpoint->connecting_count--;
    endpoint->connection_count--;
    connection_free(c);
    if (endpoint->closing)
        return;
    schedule_retry(endpoint);
    if (endpoint->connection_count > endpoint->connecting_count) {
        serve(endpoint); /* one is ready, if full */
        return;
    }
    set_failing(endpoint, true);
    send_away(endpoint, endpoint->last_error);
}

/* A connection that was ready is going, or gone. One that has served calls did what it was for, and
 * one that our clients have worn out was not ended by its peer: both are replaced at once. A peer
 * that ends each as soon as it is made must not keep us busy. */
static void note_end(struct connection *c)
{
    struct gw_endpoint *endpoint = c->endpoint;
    endpoint->connection_count--;
    if (gw_grpc_client_has_served(c->client) || gw_grpc_client_is_worn(c->client) ||
        gw_loop_now_ms(endpoint->options.loop) - c->ready_ms >= GW_SETTLED_MS)
        endpoint->backoff_ms = 0;
    else
        schedule_retry(endpoint);
}

static void on_client_change(void *arg, struct gw_grpc_client *client, const char *reason)
{
    struct connection *c = arg;
    struct gw_endpoint *endpoint = c->endpoint;
    if (c->client == NULL)
        return; /* is being replaced or freed */
    switch (gw_grpc_client_state(client)) {
    case GW_CLIENT_CONNECTING:
        break;
    case GW_CLIENT_READY:
        if (!c->was_ready) {
            c->was_ready = true;
            c->ready_ms = c->last_used_ms = gw_loop_now_ms(endpoint->options.loop);
            gw_timer_start(endpoint->options.loop, &c->idle,
                           c->last_used_ms + endpoint->options.pool->idle_timeout_ms);
            gw_gauge_add(endpoint->options.shard, endpoint->options.metrics->connections, 1);
            endpoint->connecting_count--;
            endpoint->last_error[0] = '\0';
            set_failing(endpoint, false);
        }
        if (gw_grpc_client_call_limit(client) > 0)
            endpoint->call_limit = gw_grpc_client_call_limit(client);
        serve(endpoint);
        break;
    case GW_CLIENT_DRAINING:
        if (c->was_ready && !c->draining) {
            c->draining = true;
            gw_timer_stop(endpoint->options.loop, &c->idle);
            note_end(c);
            serve(endpoint);
        }
        break;
    case GW_CLIENT_CLOSED:
        note_error(endpoint, reason, gw_grpc_client_closed_status(client));
        if (!c->was_ready) {
            connect_next_address(c);
            break;
        }
        if (!c->draining)
            note_end(c);
        connection_free(c);
        serve(endpoint);
        break;
    }
}

static void connect_next_address(struct connection *c)
{
    struct gw_endpoint *endpoint = c->endpoint;
    struct gw_grpc_client *old = c->client;
    c->client = NULL;
    gw_grpc_client_destroy(old);
    if (c->next_address == c->address_count) {
        attempt_failed(c);
        return;
    }
    size_t i = c->next_address++;
    struct gw_grpc_client_options options = {
        .connect_timeout_ms = endpoint->options.pool->connect_timeout_ms,
        .on_change = on_client_change,
        .arg = c,
    };
    c->client =
        gw_grpc_client_create(endpoint->options.loop, (const struct sockaddr *)&c->addresses[i],
                              c->address_lengths[i], &options);
}

static void on_resolved(void *arg, const char *error, const struct addrinfo *addresses)
{
    struct connection *c = arg;
    c->resolve = NULL;
    gw_timer_stop(c->endpoint->options.loop, &c->resolve_timeout);
    for (const struct addrinfo *a = addresses; a != NULL && c->address_count < ADDRESSES_MAX;
         a = a->ai_next) {
        memcpy(&c->addresses[c->address_count], a->ai_addr, a->ai_addrlen);
        c->address_lengths[c->address_count++] = a->ai_addrlen;
    }
    if (c->address_count == 0)
        note_error(c->endpoint, error != NULL ? error : "the name has no address", 503);
    connect_next_address(c);
}

static void on_resolve_timeout(struct gw_timer *timer)
{
    struct connection *c = H2O_STRUCT_FROM_MEMBER(struct connection, resolve_timeout, timer);
    note_error(c->endpoint, "looking up the host name timed out", 503);
    attempt_failed(c);
}

static bool parse_numeric(struct connection *c, const struct gw_config_endpoint *config)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&c->addresses[0];
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&c->addresses[0];
    if (inet_pton(AF_INET, config->host.base, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(config->port);
        c->address_lengths[0] = sizeof(*v4);
    } else if (inet_pton(AF_INET6, config->host.base, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(config->port);
        c->address_lengths[0] = sizeof(*v6);
    } else {
        return false;
    }
    c->address_count = 1;
    return true;
}

static void on_idle(struct gw_timer *timer)
{
    struct connection *c = H2O_STRUCT_FROM_MEMBER(struct connection, idle, timer);
    struct gw_endpoint *endpoint = c->endpoint;
    uint64_t now = gw_loop_now_ms(endpoint->options.loop);
    if (gw_grpc_client_call_count(c->client) > 0)
        c->last_used_ms = now;
    uint64_t due = c->last_used_ms + endpoint->options.pool->idle_timeout_ms;
    /* Those that the configuration wants from the start are kept. */
    if (due <= now && endpoint->connection_count <= endpoint->options.pool->initial_size)
        due = now + endpoint->options.pool->idle_timeout_ms;
    if (due > now) {
        gw_timer_start(endpoint->options.loop, timer, due);
        return;
    }
    endpoint->connection_count--;
    connection_free(c);
}

static void open_connection(struct gw_endpoint *endpoint)
{
    const struct gw_config_endpoint *config = endpoint->options.config;
    struct connection *c = gw_alloc(sizeof(*c));
    c->endpoint = endpoint;
    c->resolve_timeout.fn = on_resolve_timeout;
    c->idle.fn = on_idle;
    h2o_linklist_insert(&endpoint->connections, &c->link);
    endpoint->connection_count++;
    endpoint->connecting_count++;
    if (parse_numeric(c, config)) {
        connect_next_address(c);
    } else {
        char port[8];
        int n = snprintf(port, sizeof(port), "%u", config->port);
        c->resolve = gw_resolve_start(endpoint->options.loop, config->host,
                                      gw_slice(port, (size_t)n), on_resolved, c);
        gw_timer_start(endpoint->options.loop, &c->resolve_timeout,
                       gw_clock_ms() + endpoint->options.pool->connect_timeout_ms);
    }
}

/* --- the endpoint --- */

static void on_retry(struct gw_timer *timer)
{
    struct gw_endpoint *endpoint = H2O_STRUCT_FROM_MEMBER(struct gw_endpoint, retry, timer);
    if (endpoint->failing && endpoint->connecting_count == 0)
        open_connection(endpoint);
    serve(endpoint);
}

struct gw_endpoint *gw_endpoint_create(const struct gw_endpoint_options *options)
{
    struct gw_endpoint *endpoint = gw_alloc(sizeof(*endpoint));
    endpoint->options = *options;
    endpoint->retry.fn = on_retry;
    h2o_linklist_init_anchor(&endpoint->connections);
    h2o_linklist_init_anchor(&endpoint->given_back);
    h2o_linklist_init_anchor(&endpoint->waiters);
    endpoint->call_limit = FIRST_CALL_LIMIT;
    gw_gauge_set(options->shard, options->metrics->up, 1);
    for (uint32_t i = 0; i < options->pool->initial_size; i++)
        open_connection(endpoint);
    return endpoint;
}

void gw_endpoint_destroy(struct gw_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    endpoint->closing = true;
    gw_timer_stop(endpoint->options.loop, &endpoint->retry);
    send_away(endpoint, "shutting down");
    while (!h2o_linklist_is_empty(&endpoint->connections))
        connection_free(connection_of(endpoint->connections.next));
    free(endpoint);
}

bool gw_endpoint_is_failing(const struct gw_endpoint *endpoint)
{
    return endpoint->failing;
}

const char *gw_endpoint_last_error(const struct gw_endpoint *endpoint)
{
    return endpoint->last_error;
}

int gw_endpoint_last_status(const struct gw_endpoint *endpoint)
{
    return endpoint->last_status;
}

enum gw_room gw_endpoint_acquire(struct gw_endpoint *endpoint, struct gw_waiter *waiter,
                                 struct gw_grpc_client **ret_client)
{
    struct connection *tight, *c = find_room(endpoint, waiter, &tight);
    if (c == NULL) {
        join(endpoint, waiter);
        if (wanted(endpoint) <= (uint64_t)endpoint->connecting_count + can_open(endpoint)) {
            open_wanted(endpoint);
            return GW_ROOM_SOON;
        }
        gw_waiter_cancel(waiter);
        c = tight;
    }
    if (c == NULL)
        return GW_ROOM_NONE;
    c->last_used_ms = gw_loop_now_ms(endpoint->options.loop);
    *ret_client = c->client;
    return GW_ROOM_NOW;
}

void gw_endpoint_release(struct gw_endpoint *endpoint)
{
    if (has_waiters(endpoint))
        serve(endpoint);
}
