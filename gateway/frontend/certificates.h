/* What the listeners present to TLS clients: read at start, and again when files change. Workers
 * get another context by message; connections keep the one that they began with. Of the control
 * thread. */
#ifndef GW_FRONTEND_CERTIFICATES_H
#define GW_FRONTEND_CERTIFICATES_H

#include "base/error.h"
#include "base/loop.h"
#include "tls/context.h"

struct gw_certificates;
struct gw_frontend;

/* A change is acted on when the files have been still for this long, so that a certificate and its
 * key are not taken one without the other. */
#define GW_CERTIFICATES_POLL_MS 1000

/* Reads the files of every listener with TLS and registers metrics. NULL with an error. */
struct gw_certificates *gw_certificates_open(struct gw_frontend *frontend, struct gw_error *error);
/* NULL is allowed. */
void gw_certificates_close(struct gw_certificates *certificates);

/* What a listener has now, for the caller to unref; NULL: plain text. */
struct gw_tls_context *gw_certificates_take(struct gw_certificates *certificates, size_t listener);

/* From here on, looks after the files and tells the workers, which have been started. */
void gw_certificates_watch(struct gw_certificates *certificates, struct gw_loop *loop);
/* No worker is told anything any more. Harmless twice. */
void gw_certificates_unwatch(struct gw_certificates *certificates);

#endif
