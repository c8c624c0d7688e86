#include "frontend/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "frontend/connection.h"
#include "frontend/internal.h"
#include "frontend/listener.h"
#include "runtime/listener_tls.h"

/* What tells one state of a file from another; zero where there is none. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* The files of one listener. */
struct watched {
    const struct gw_config_listener *listener;
    size_t listener_index;
    struct gw_tls_context *context;
    size_t stamp_count;
    struct stamp *read;          /* when they were read */
    struct stamp *seen, *before; /* at the last look, and at the one before */
    gw_metric *expiries;         /* as listener->tls.certificates */
};

struct gw_certificates {
    struct gw_frontend *frontend;
    struct gw_metrics_shard *shard; /* NULL: metrics are not there yet */
    struct watched *watched;
    size_t watched_count;
    struct gw_loop *loop; /* NULL: not watching */
    struct gw_timer poll;
    gw_metric reloads, failures;
};

static struct stamp stamp_of(const char *path)
{
    struct stat s;
    struct stamp stamp;
    memset(&stamp, 0, sizeof(stamp)); /* they are compared as bytes */
    if (path == NULL || stat(path, &s) != 0)
        return stamp;
    stamp.device = s.st_dev;
    stamp.inode = s.st_ino;
    stamp.size = s.st_size;
    stamp.changed = s.st_mtim;
    return stamp;
}

static void look(const struct watched *w, struct stamp *stamps)
{
    const struct gw_config_tls *tls = &w->listener->tls;
    for (size_t i = 0; i < tls->certificate_count; i++) {
        *stamps++ = stamp_of(tls->certificates[i].certificate.text);
        *stamps++ = stamp_of(tls->certificates[i].key.text);
    }
    *stamps = stamp_of(tls->client_ca.text);
}

static bool are_same(const struct watched *w, const struct stamp *a, const struct stamp *b)
{
    return memcmp(a, b, w->stamp_count * sizeof(*a)) == 0;
}

static void show_expiries(struct gw_certificates *certificates, const struct watched *w)
{
    for (size_t i = 0; i < w->listener->tls.certificate_count; i++)
        gw_gauge_set(certificates->shard, w->expiries[i], gw_tls_context_expires_s(w->context, i));
}

static struct gw_tls_context *read_files(const struct watched *w, struct gw_diagnostics *errors)
{
    size_t protocol_count;
    const struct gw_slice *protocols = gw_connection_protocols(&protocol_count);
    return gw_listener_tls_create(w->listener, protocols, protocol_count, w->context, errors);
}

/* --- to the workers --- */

struct change {
    struct gw_message message;
    struct gw_listener *listener;
    struct gw_tls_context *context;
};

static void on_change(struct gw_message *message)
{
    struct change *change = H2O_STRUCT_FROM_MEMBER(struct change, message, message);
    gw_tls_context_unref(change->listener->tls);
    change->listener->tls = change->context;
    free(change);
}

/* Takes the context. */
static void replace(struct gw_certificates *certificates, struct watched *w,
                    struct gw_tls_context *context)
{
    gw_tls_context_unref(w->context);
    w->context = context;
    for (uint32_t i = 0; i < certificates->frontend->worker_count; i++) {
        struct gw_worker *worker = &certificates->frontend->workers[i];
        struct change *change = gw_alloc(sizeof(*change));
        *change = (struct change){.message = {.fn = on_change},
                                  .listener = &worker->listeners[w->listener_index],
                                  .context = gw_tls_context_ref(context)};
        gw_loop_post(worker->loop, &change->message);
    }
    show_expiries(certificates, w);
}

/* --- watching --- */

static void reload(struct gw_certificates *certificates, struct watched *w)
{
    struct gw_diagnostics errors = {0};
    struct gw_tls_context *context = read_files(w, &errors);
    if (context != NULL) {
        replace(certificates, w, context);
        gw_count(certificates->shard, certificates->reloads, 1);
        fprintf(stderr, "sluice: %s: certificates were read again\n", w->listener->address.text);
    } else {
        gw_count(certificates->shard, certificates->failures, 1);
        gw_diagnostics_print(&errors, stderr);
        fprintf(stderr,
                "sluice: %s: certificates have changed and cannot be used; those read "
                "before stay\n",
                w->listener->address.text);
    }
    gw_diagnostics_dispose(&errors);
}

/* While the files cannot be used, the old keys stay, too. */
static void renew_ticket_keys(struct gw_certificates *certificates, struct watched *w)
{
    struct gw_diagnostics errors = {0};
    struct gw_tls_context *context = read_files(w, &errors);
    if (context != NULL)
        replace(certificates, w, context);
    gw_diagnostics_dispose(&errors);
}

static void look_after(struct gw_certificates *certificates, struct watched *w)
{
    struct stamp *swap = w->before;
    w->before = w->seen;
    w->seen = swap;
    look(w, w->seen);
    if (!are_same(w, w->seen, w->before))
        return; /* somebody is at it */
    if (!are_same(w, w->seen, w->read)) {
        memcpy(w->read, w->seen, w->stamp_count * sizeof(*w->read));
        reload(certificates, w);
    } else if (gw_tls_context_is_old(w->context, gw_loop_now_ms(certificates->loop))) {
        renew_ticket_keys(certificates, w);
    }
}

static void on_poll(struct gw_timer *timer)
{
    struct gw_certificates *certificates =
        H2O_STRUCT_FROM_MEMBER(struct gw_certificates, poll, timer);
    for (size_t i = 0; i < certificates->watched_count; i++)
        look_after(certificates, &certificates->watched[i]);
    gw_timer_start(certificates->loop, timer,
                   gw_loop_now_ms(certificates->loop) + GW_CERTIFICATES_POLL_MS);
}

void gw_certificates_watch(struct gw_certificates *certificates, struct gw_loop *loop)
{
    struct gw_frontend *frontend = certificates->frontend;
    if (certificates->watched_count == 0)
        return;
    certificates->shard = gw_metrics_shard(frontend->metrics, frontend->worker_count);
    for (size_t i = 0; i < certificates->watched_count; i++)
        show_expiries(certificates, &certificates->watched[i]);
    certificates->loop = loop;
    certificates->poll.fn = on_poll;
    gw_timer_start(loop, &certificates->poll, gw_loop_now_ms(loop) + GW_CERTIFICATES_POLL_MS);
}

void gw_certificates_unwatch(struct gw_certificates *certificates)
{
    if (certificates->loop != NULL)
        gw_timer_stop(certificates->loop, &certificates->poll);
}

/* --- beginning and end --- */

static void register_handshakes(struct gw_frontend *frontend)
{
    static const char *const results[GW_TLS_OUTCOMES + 1] = {
        [GW_TLS_DONE] = "done",
        [GW_TLS_CLOSED] = "closed",
        [GW_TLS_CLIENT_NOT_CERTIFIED] = "client_certificate",
        [GW_TLS_FAILED] = "failed",
        [GW_TLS_OUTCOMES] = "timeout",
    };
    for (int i = 0; i <= GW_TLS_OUTCOMES; i++) {
        const struct gw_metric_label labels[] = {{"result", gw_slice_str(results[i])}};
        frontend->handshakes[i] =
            gw_metrics_add(frontend->metrics, GW_COUNTER, "tls_handshakes_total",
                           "TLS handshakes by how they ended.", labels, 1);
    }
}

static gw_metric add_reloads(struct gw_metrics *metrics, struct gw_slice result)
{
    const struct gw_metric_label labels[] = {{"result", result}};
    return gw_metrics_add(metrics, GW_COUNTER, "tls_reloads_total",
                          "Times that changed certificates were read again.", labels, 1);
}

static void register_metrics(struct gw_certificates *certificates)
{
    struct gw_metrics *metrics = certificates->frontend->metrics;
    register_handshakes(certificates->frontend);
    for (size_t i = 0; i < certificates->watched_count; i++) {
        struct watched *w = &certificates->watched[i];
        for (size_t k = 0; k < w->listener->tls.certificate_count; k++) {
            const struct gw_metric_label labels[] = {
                {"listener", gw_slice_str(w->listener->address.text)},
                {"certificate", gw_slice_str(w->listener->tls.certificates[k].certificate.text)},
            };
            w->expiries[k] = gw_metrics_add(metrics, GW_GAUGE_MAX, "tls_certificate_expiry_seconds",
                                            "When the certificate in use becomes invalid, in "
                                            "seconds since 1970.",
                                            labels, 2);
        }
    }
    certificates->reloads = add_reloads(metrics, GW_SLICE("done"));
    certificates->failures = add_reloads(metrics, GW_SLICE("failed"));
}

static int open_watched(struct watched *w, const struct gw_config_listener *listener, size_t index,
                        struct gw_diagnostics *errors)
{
    w->listener = listener;
    w->listener_index = index;
    w->stamp_count = 2 * listener->tls.certificate_count + 1;
    w->expiries = gw_alloc(listener->tls.certificate_count * sizeof(*w->expiries));
    w->read = gw_alloc(w->stamp_count * sizeof(*w->read));
    w->seen = gw_alloc(w->stamp_count * sizeof(*w->seen));
    w->before = gw_alloc(w->stamp_count * sizeof(*w->before));
    /* A change from here on is seen as one. */
    look(w, w->read);
    memcpy(w->seen, w->read, w->stamp_count * sizeof(*w->seen));
    w->context = read_files(w, errors);
    return w->context != NULL ? 0 : -1;
}

struct gw_certificates *gw_certificates_open(struct gw_frontend *frontend, struct gw_error *error)
{
    const struct gw_config *config = frontend->config;
    struct gw_certificates *certificates = gw_alloc(sizeof(*certificates));
    certificates->frontend = frontend;
    certificates->watched = gw_alloc(config->listener_count * sizeof(*certificates->watched));
    struct gw_diagnostics errors = {0};
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < config->listener_count; i++) {
        if (config->listeners[i].tls.certificate_count > 0)
            failed = open_watched(&certificates->watched[certificates->watched_count++],
                                  &config->listeners[i], i, &errors);
    }
    if (failed != 0) {
        /* They were good a moment ago, or there would be no snapshot. */
        gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot listen on %s: %s",
                     certificates->watched[certificates->watched_count - 1].listener->address.text,
                     errors.items[0].message);
        gw_certificates_close(certificates);
        certificates = NULL;
    } else if (certificates->watched_count > 0) {
        register_metrics(certificates);
    }
    gw_diagnostics_dispose(&errors);
    return certificates;
}

void gw_certificates_close(struct gw_certificates *certificates)
{
    if (certificates == NULL)
        return;
    for (size_t i = 0; i < certificates->watched_count; i++) {
        struct watched *w = &certificates->watched[i];
        gw_tls_context_unref(w->context);
        free(w->expiries);
        free(w->read);
        free(w->seen);
        free(w->before);
    }
    free(certificates->watched);
    free(certificates);
}

struct gw_tls_context *gw_certificates_take(struct gw_certificates *certificates, size_t listener)
{
    for (size_t i = 0; i < certificates->watched_count; i++) {
        if (certificates->watched[i].listener_index == listener)
            return gw_tls_context_ref(certificates->watched[i].context);
    }
    return NULL;
}
