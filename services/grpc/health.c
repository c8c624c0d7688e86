#include "grpc/health.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/service.h"

#define UNKNOWN_SERVICE GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct service {
    struct service *next;
    char *name;
    int status; /* enum gw_health_status: the numbers are the message's */
};

/* One Watch call, in its pool. */
struct watcher {
    TAILQ_ENTRY(watcher) link;
    struct gw_rpc *rpc;
    const char *name;
    int told;      /* the status last sent; -1: none */
    bool writable; /* else on_writable brings it up to date */
};

struct gw_health {
    struct service *services;
    TAILQ_HEAD(, watcher) watchers;
    bool stopped;
};

static struct service *find(struct gw_health *health, struct gw_slice name)
{
    for (struct service *s = health->services; s != NULL; s = s->next) {
        if (gw_slice_eq(gw_slice_str(s->name), name))
            return s;
    }
    return NULL;
}

static void check(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    struct service *s = find(gw_rpc_context(rpc), gw_slice_str(request->service));
    if (s == NULL) {
        gw_rpc_fail(rpc, GW_NOT_FOUND, "unknown service %.200s", request->service);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = s->status;
    gw_rpc_reply(rpc, &response.base);
}

static void tell(struct gw_health *health, struct watcher *w)
{
    struct service *s = find(health, gw_slice_str(w->name));
    int status = s != NULL ? s->status : UNKNOWN_SERVICE;
    if (status == w->told || !w->writable)
        return;
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = status;
    w->told = status;
    w->writable = gw_rpc_write(w->rpc, &response.base);
}

static void watch(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    struct gw_health *health = gw_rpc_context(rpc);
    struct watcher *w = h2o_mem_alloc_pool(gw_rpc_pool(rpc), sizeof(*w));
    *w = (struct watcher){.rpc = rpc, .name = request->service, .told = -1, .writable = true};
    *gw_rpc_data(rpc) = w;
    TAILQ_INSERT_TAIL(&health->watchers, w, link);
    tell(health, w);
    if (health->stopped)
        gw_rpc_fail(rpc, GW_UNAVAILABLE, "the server is stopping");
}

static void watch_writable(struct gw_rpc *rpc)
{
    struct watcher *w = *gw_rpc_data(rpc);
    w->writable = true;
    tell(gw_rpc_context(rpc), w);
}

static void watch_close(struct gw_rpc *rpc)
{
    struct gw_health *health = gw_rpc_context(rpc);
    struct watcher *w = *gw_rpc_data(rpc);
    TAILQ_REMOVE(&health->watchers, w, link);
}

static const struct gw_rpc_method methods[] = {
    {.name = "Check", .handler = check},
    {.name = "Watch",
     .server_streaming = true,
     .handler = watch,
     .on_writable = watch_writable,
     .on_close = watch_close},
    {0},
};

struct gw_health *gw_health_create(struct gw_grpc_server *server)
{
    struct gw_health *health = gw_alloc(sizeof(*health));
    TAILQ_INIT(&health->watchers);
    gw_health_set(health, GW_SLICE(""), GW_HEALTH_SERVING);
    gw_service_add(server, &grpc__health__v1__health__descriptor, methods, health);
    return health;
}

void gw_health_destroy(struct gw_health *health)
{
    if (health == NULL)
        return;
    for (struct service *s = health->services, *next; s != NULL; s = next) {
        next = s->next;
        free(s->name);
        free(s);
    }
    free(health);
}

void gw_health_set(struct gw_health *health, struct gw_slice name, enum gw_health_status status)
{
    struct service *s = find(health, name);
    if (s == NULL) {
        s = gw_alloc(sizeof(*s));
        s->name = gw_strdup(name);
        s->next = health->services;
        health->services = s;
    }
    s->status = (int)status;
    struct watcher *w;
    TAILQ_FOREACH (w, &health->watchers, link)
        tell(health, w);
}

void gw_health_stop(struct gw_health *health)
{
    for (struct service *s = health->services; s != NULL; s = s->next)
        gw_health_set(health, gw_slice_str(s->name), GW_HEALTH_NOT_SERVING);
    health->stopped = true;
    struct watcher *w;
    TAILQ_FOREACH (w, &health->watchers, link) {
        gw_rpc_fail(w->rpc, GW_UNAVAILABLE, "the server is stopping");
    }
}
