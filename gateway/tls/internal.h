/* What the files of this folder share; nobody else includes it. */
#ifndef GW_TLS_INTERNAL_H
#define GW_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "base/strmap.h"
#include "base/vec.h"
#include "tls/context.h"
#include "tls/tickets.h"

#define GW_TLS_ID_BYTES 32

/* One certificate and all that goes with it. */
struct gw_tls_certificate {
    SSL_CTX *ssl_ctx;
    unsigned char
        id[GW_TLS_ID_BYTES]; /* of certificate, client_ca and what else a session is for */
    struct gw_tls_tickets tickets;
    int64_t expires_s;
};

/* OpenSSL calls back into it during handshakes only, each of which has a reference. The SSL_CTXs
 * live on for as long as connections need them. */
struct gw_tls_context {
    uint32_t references; /* atomic */
    struct gw_tls_certificate *certificates;
    size_t certificate_count;
    struct gw_strmap by_name; /* lower case, "*.example.com" for wildcards */
    GW_VEC(char *) names;     /* what by_name's keys stand in */
    const struct gw_slice *protocols;
    size_t protocol_count;
};

/* The certificate whose SSL_CTX it is. */
struct gw_tls_certificate *gw_tls_certificate_of(const SSL_CTX *ssl_ctx);

/* Where faults go. */
struct gw_tls_report {
    gw_tls_fault_fn on_fault;
    void *arg;
    size_t index;
    bool any;
};

void gw_tls_report(struct gw_tls_report *report, enum gw_tls_part part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What OpenSSL's last error was, in its own words; empties its queue. */
const char *gw_tls_reason(void);

/* NULL after reporting why not. */
BIO *gw_tls_open(const char *path, enum gw_tls_part part, struct gw_tls_report *report);
/* Whether what was read last in a PEM file failed only because nothing more was there. */
bool gw_tls_is_at_end(void);

/* Puts certificate, chain and key into ssl_ctx and gives the certificate's names to on_name.
 * Returns -1 after reporting what is wrong. */
int gw_tls_certificate_load(SSL_CTX *ssl_ctx, const struct gw_tls_files *files,
                            struct gw_tls_report *report);
/* Each DNS name of the certificate, as it stands there. */
void gw_tls_certificate_names(const X509 *certificate,
                              void (*on_name)(void *arg, struct gw_slice name), void *arg);

/* Has gw_tls_handshake_start told of what goes on in this SSL_CTX's connections. */
void gw_tls_handshake_install(SSL_CTX *ssl_ctx);

#endif
