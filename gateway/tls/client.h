/* Who a client is, by the certificate that it has shown and that was found good. */
#ifndef GW_TLS_CLIENT_H
#define GW_TLS_CLIENT_H

#include "base/slice.h"

/* One piece of memory, for free(). */
struct gw_tls_client {
    struct gw_slice subject; /* RFC 2253: "CN=alice,O=Example" */
    struct gw_slice names;   /* URI and DNS subject alternative names: "URI=spiffe://a;DNS=b" */
    /* All of it in Envoy's form, which x-forwarded-client-cert has:
     * "Hash=HEX;Subject=\"CN=alice\";URI=spiffe://a;DNS=b". */
    struct gw_slice forwarded;
};

/* Most bytes of a subject, and of all names. A longer subject is left empty; names that do not fit,
 * or have bytes that are not visible ASCII, are left out. */
#define GW_TLS_SUBJECT_MAX 1024
#define GW_TLS_NAMES_MAX 2048

/* From an X509 of OpenSSL's. */
struct x509_st;
struct gw_tls_client *gw_tls_client_create(const struct x509_st *certificate);

#endif
