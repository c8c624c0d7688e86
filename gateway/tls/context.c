#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "tls/internal.h"
#include "tls/server_name.h"

/* Of TLS 1.2: forward secrecy and authenticated encryption, as Mozilla's "intermediate" asks for.
 * Those of TLS 1.3 are OpenSSL's, all of which are sound. */
#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

#define SESSION_LIFE_S (2 * 3600)

/* --- what hangs on an SSL_CTX --- */

static int certificate_index;
static pthread_once_t certificate_index_once = PTHREAD_ONCE_INIT;

static void make_certificate_index(void)
{
    certificate_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

struct gw_tls_certificate *gw_tls_certificate_of(const SSL_CTX *ssl_ctx)
{
    return SSL_CTX_get_ex_data(ssl_ctx, certificate_index);
}

/* --- which certificate --- */

/* For a connection that has just said what it wants. */
static struct gw_tls_certificate *choose(const struct gw_tls_context *context, SSL *ssl)
{
    const unsigned char *extension;
    size_t length;
    char name[GW_TLS_NAME_MAX + 1];
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &length) != 1 ||
        gw_tls_server_name_parse(gw_slice(extension, length), name) != 0)
        return NULL;
    struct gw_tls_certificate *found = gw_strmap_get(&context->by_name, gw_slice_str(name));
    char *dot = strchr(name, '.');
    if (found != NULL || dot == NULL || dot == name)
        return found;
    dot[-1] = '*';
    return gw_strmap_get(&context->by_name, gw_slice_str(dot - 1));
}

/* Before OpenSSL looks at tickets: one that belongs to another certificate is then none. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    const struct gw_tls_certificate *certificate = choose(arg, ssl);
    if (certificate == NULL || SSL_set_SSL_CTX(ssl, certificate->ssl_ctx) != NULL)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK; /* on_client_hello has seen to it; this tells the client so */
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                   const unsigned char *in, unsigned in_length, void *arg)
{
    (void)ssl;
    const struct gw_tls_context *context = arg;
    for (size_t i = 0; i < context->protocol_count; i++) {
        struct gw_slice wanted = context->protocols[i];
        /* OpenSSL has checked that the lengths are right. */
        for (unsigned at = 0; at < in_length; at += 1u + in[at]) {
            if (!gw_slice_eq(gw_slice(in + at + 1, in[at]), wanted))
                continue;
            *out = (const unsigned char *)wanted.base;
            *out_length = (unsigned char)wanted.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 section 3.2 */
}

/* --- making one --- */

static SSL_CTX *new_ssl_ctx(const struct gw_tls_options *options)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());
    if (ssl_ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ssl_ctx, options->min_version == GW_TLS_1_3 ? TLS1_3_VERSION
                                                                              : TLS1_2_VERSION);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS); /* 34 KB less for an idle connection */
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF); /* tickets only */
    SSL_CTX_set_timeout(ssl_ctx, SESSION_LIFE_S);
    SSL_CTX_set_max_early_data(ssl_ctx, 0); /* could be replayed */
    if (SSL_CTX_set_cipher_list(ssl_ctx, CIPHERS_1_2) != 1 ||
        SSL_CTX_set1_groups_list(ssl_ctx, GROUPS) != 1) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    return ssl_ctx;
}

/* The authorities of client certificates; NULL where none are wanted or the file is at fault. */
static STACK_OF(X509) *
    load_client_ca(const struct gw_tls_options *options, struct gw_tls_report *report)
{
    if (options->client_ca == NULL)
        return NULL;
    BIO *file = gw_tls_open(options->client_ca, GW_TLS_CLIENT_CA, report);
    if (file == NULL)
        return NULL;
    STACK_OF(X509) *authorities = sk_X509_new_null();
    X509 *authority;
    while ((authority = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL)) != NULL)
        sk_X509_push(authorities, authority);
    BIO_free(file);
    bool whole = gw_tls_is_at_end();
    if (whole && sk_X509_num(authorities) > 0)
        return authorities;
    if (whole)
        gw_tls_report(report, GW_TLS_CLIENT_CA, "\"%s\" has no certificate in PEM form",
                      options->client_ca);
    else
        gw_tls_report(report, GW_TLS_CLIENT_CA, "\"%s\" cannot be used: %s", options->client_ca,
                      gw_tls_reason());
    sk_X509_pop_free(authorities, X509_free);
    return NULL;
}

static void want_client_certificates(SSL_CTX *ssl_ctx, const struct gw_tls_options *options,
                                     const STACK_OF(X509) * authorities)
{
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx), authority);
        SSL_CTX_add_client_CA(ssl_ctx, authority);
    }
    if (authorities != NULL)
        SSL_CTX_set_verify(
            ssl_ctx,
            SSL_VERIFY_PEER | (options->client_may_have_none ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
            NULL);
}

/* A session is resumed only under the certificate and the rules for clients that it began with. */
static void set_id(struct gw_tls_certificate *certificate, const struct gw_tls_options *options,
                   const STACK_OF(X509) * authorities)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    X509_digest(SSL_CTX_get0_certificate(certificate->ssl_ctx), EVP_sha256(), digest, &length);
    EVP_DigestUpdate(md, digest, length);
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        X509_digest(sk_X509_value(authorities, i), EVP_sha256(), digest, &length);
        EVP_DigestUpdate(md, digest, length);
    }
    EVP_DigestUpdate(md, options->client_may_have_none ? "o" : "r", 1);
    EVP_DigestFinal_ex(md, certificate->id, NULL);
    EVP_MD_CTX_free(md);
    SSL_CTX_set_session_id_context(certificate->ssl_ctx, certificate->id, sizeof(certificate->id));
}

static const struct gw_tls_tickets *tickets_before(const struct gw_tls_context *previous,
                                                   const struct gw_tls_certificate *certificate)
{
    for (size_t i = 0; previous != NULL && i < previous->certificate_count; i++) {
        if (memcmp(previous->certificates[i].id, certificate->id, sizeof(certificate->id)) == 0)
            return &previous->certificates[i].tickets;
    }
    return NULL;
}

struct named {
    struct gw_tls_context *context;
    struct gw_tls_certificate *certificate;
};

static void add_name(void *arg, struct gw_slice name)
{
    const struct named *named = arg;
    char normal[GW_TLS_NAME_MAX + 1];
    if (gw_tls_server_name_normalize(name, normal) != 0)
        return; /* nobody can ask for it */
    char *copy = gw_strdup(gw_slice_str(normal));
    *gw_vec_push(&named->context->names) = copy;
    gw_strmap_add(&named->context->by_name, gw_slice_str(copy), named->certificate);
}

static int make_certificate(struct gw_tls_context *context, size_t index,
                            const struct gw_tls_options *options,
                            const STACK_OF(X509) * authorities,
                            const struct gw_tls_context *previous, struct gw_tls_report *report)
{
    struct gw_tls_certificate *certificate = &context->certificates[index];
    SSL_CTX *ssl_ctx = certificate->ssl_ctx = new_ssl_ctx(options);
    report->index = index;
    if (ssl_ctx == NULL) {
        gw_tls_report(report, GW_TLS_CERTIFICATE, "TLS is not available: %s", gw_tls_reason());
        return -1;
    }
    SSL_CTX_set_ex_data(ssl_ctx, certificate_index, certificate);
    if (gw_tls_certificate_load(ssl_ctx, &options->certificates[index], report) != 0)
        return -1;
    want_client_certificates(ssl_ctx, options, authorities);
    set_id(certificate, options, authorities);
    if (gw_tls_tickets_init(&certificate->tickets, tickets_before(previous, certificate),
                            gw_clock_ms()) != 0) {
        gw_tls_report(report, GW_TLS_CERTIFICATE, "no keys for tickets: %s", gw_tls_reason());
        return -1;
    }
    gw_tls_tickets_install(ssl_ctx);
    SSL_CTX_set_client_hello_cb(ssl_ctx, on_client_hello, context);
    SSL_CTX_set_tlsext_servername_callback(ssl_ctx, on_server_name);
    if (context->protocol_count > 0)
        SSL_CTX_set_alpn_select_cb(ssl_ctx, on_alpn, context);
    gw_tls_handshake_install(ssl_ctx);

    X509 *leaf = SSL_CTX_get0_certificate(ssl_ctx);
    struct tm expires = {0};
    ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &expires);
    certificate->expires_s = timegm(&expires);
    gw_tls_certificate_names(leaf, add_name, &(struct named){context, certificate});
    return 0;
}

struct gw_tls_context *gw_tls_context_create(const struct gw_tls_options *options,
                                             const struct gw_tls_context *previous,
                                             gw_tls_fault_fn on_fault, void *arg)
{
    pthread_once(&certificate_index_once, make_certificate_index);
    struct gw_tls_report report = {.on_fault = on_fault, .arg = arg};
    STACK_OF(X509) *authorities = load_client_ca(options, &report);
    struct gw_tls_context *context = gw_alloc(sizeof(*context));
    context->certificates = gw_alloc(options->certificate_count * sizeof(*context->certificates));
    context->certificate_count = options->certificate_count;
    context->protocols = options->protocols;
    context->protocol_count = options->protocol_count;
    for (size_t i = 0; i < options->certificate_count; i++)
        make_certificate(context, i, options, authorities, previous, &report);
    sk_X509_pop_free(authorities, X509_free);
    context->references = 1;
    if (!report.any)
        return context;
    gw_tls_context_unref(context);
    return NULL;
}

struct gw_tls_context *gw_tls_context_ref(struct gw_tls_context *context)
{
    __atomic_fetch_add(&context->references, 1, __ATOMIC_RELAXED);
    return context;
}

void gw_tls_context_unref(struct gw_tls_context *context)
{
    if (context == NULL || __atomic_sub_fetch(&context->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < context->certificate_count; i++) {
        SSL_CTX_free(context->certificates[i].ssl_ctx);
        gw_tls_tickets_dispose(&context->certificates[i].tickets);
    }
    for (size_t i = 0; i < context->names.count; i++)
        free(context->names.items[i]);
    gw_vec_dispose(&context->names);
    gw_strmap_dispose(&context->by_name);
    free(context->certificates);
    free(context);
}

int64_t gw_tls_context_expires_s(const struct gw_tls_context *context, size_t certificate)
{
    return context->certificates[certificate].expires_s;
}

bool gw_tls_context_is_old(const struct gw_tls_context *context, uint64_t now_ms)
{
    for (size_t i = 0; i < context->certificate_count; i++) {
        if (gw_tls_tickets_are_old(&context->certificates[i].tickets, now_ms))
            return true;
    }
    return false;
}
