/* What a listener presents to TLS clients: its certificates, the protocols behind it, and whose
 * client certificates it takes. A context never changes; files that do are read into another one.
 * Counted; any thread. */
#ifndef GW_TLS_CONTEXT_H
#define GW_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct gw_tls_context;

struct gw_tls_files {
    const char *certificate; /* PEM: the certificate, then those that lead to its authority */
    const char *key;         /* PEM, without a passphrase */
};

enum gw_tls_version { GW_TLS_1_2, GW_TLS_1_3 };

struct gw_tls_options {
    /* At least one. A client gets the first whose subject alternative names have the name that it
     * asks for; who asks for none of them gets the first. */
    const struct gw_tls_files *certificates;
    size_t certificate_count;
    const char *client_ca;     /* PEM; NULL: clients are not asked for a certificate */
    bool client_may_have_none; /* with client_ca: a client may come without */
    enum gw_tls_version min_version;
    /* ALPN (RFC 7301), the most wanted first; outlives the context. A client that offers only
     * others is refused; one that offers nothing is not. */
    const struct gw_slice *protocols;
    size_t protocol_count;
};

/* Which file of the options is at fault. */
enum gw_tls_part { GW_TLS_CERTIFICATE, GW_TLS_KEY, GW_TLS_CLIENT_CA };

/* `index` is that of the certificate; 0 for GW_TLS_CLIENT_CA. */
typedef void (*gw_tls_fault_fn)(void *arg, enum gw_tls_part part, size_t index,
                                const char *message);

/* Reads the files. NULL when one cannot be used: every fault that was found has gone to on_fault.
 * `previous` (may be NULL) is what this one replaces: tickets that it gave out stay valid where
 * certificate and client_ca are the same. */
struct gw_tls_context *gw_tls_context_create(const struct gw_tls_options *options,
                                             const struct gw_tls_context *previous,
                                             gw_tls_fault_fn on_fault, void *arg);
struct gw_tls_context *gw_tls_context_ref(struct gw_tls_context *context);
/* NULL is allowed. */
void gw_tls_context_unref(struct gw_tls_context *context);

/* When the certificate becomes invalid, in seconds since 1970. */
int64_t gw_tls_context_expires_s(const struct gw_tls_context *context, size_t certificate);
/* Whether its ticket keys are so old that it should be replaced by one made from the same files. */
bool gw_tls_context_is_old(const struct gw_tls_context *context, uint64_t now_ms);

#endif
