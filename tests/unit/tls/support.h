/* Certificates made on the spot, and handshakes with OpenSSL as the client. */
#ifndef TESTS_UNIT_TLS_SUPPORT_H
#define TESTS_UNIT_TLS_SUPPORT_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "tls/internal.h"

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static inline void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `names` as in OpenSSL's subjectAltName, or NULL. Signed by issuer; NULL: an authority, by itself.
 */
static inline struct identity issue_key(EVP_PKEY *key, const char *common_name, const char *names,
                                        const struct identity *issuer)
{
    static long serial = 1;
    struct identity made = {X509_new(), key};
    X509 *c = made.certificate;
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c), 24 * 3600);
    X509_set_pubkey(c, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "O", MBSTRING_UTF8,
                               (const unsigned char *)"Example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate : c));
    if (issuer == NULL)
        add_extension(c, NID_basic_constraints, "critical,CA:TRUE");
    if (names != NULL)
        add_extension(c, NID_subject_alt_name, names);
    assert_true(X509_sign(c, issuer ? issuer->key : key, EVP_sha256()) > 0);
    return made;
}

static inline struct identity issue(const char *common_name, const char *names,
                                    const struct identity *issuer)
{
    return issue_key(EVP_EC_gen("P-256"), common_name, names, issuer);
}

static inline void forget(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

/* --- files --- */

struct files {
    char folder[64];
    char *paths[16];
    size_t count;
};

static inline void open_files(struct files *files)
{
    *files = (struct files){.folder = "/tmp/tls_test_XXXXXX"};
    assert_non_null(mkdtemp(files->folder));
}

static inline void remove_files(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        unlink(files->paths[i]);
        free(files->paths[i]);
    }
    rmdir(files->folder);
}

static inline FILE *create_file(struct files *files, const char *name, const char **ret_path)
{
    char **path = &files->paths[files->count++];
    assert_true(asprintf(path, "%s/%s", files->folder, name) > 0);
    *ret_path = *path;
    FILE *f = fopen(*path, "w");
    assert_non_null(f);
    return f;
}

static inline const char *write_text(struct files *files, const char *name, const char *text)
{
    const char *path;
    FILE *f = create_file(files, name, &path);
    fputs(text, f);
    fclose(f);
    return path;
}

static inline const char *write_certificate(struct files *files, const char *name,
                                            const struct identity *identity)
{
    const char *path;
    FILE *f = create_file(files, name, &path);
    PEM_write_X509(f, identity->certificate);
    fclose(f);
    return path;
}

static inline const char *write_key(struct files *files, const char *name,
                                    const struct identity *identity)
{
    const char *path;
    FILE *f = create_file(files, name, &path);
    PEM_write_PrivateKey(f, identity->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    return path;
}

/* --- contexts --- */

/* Faults as "PART INDEX message\n", without the folder. */
struct faults {
    const struct files *files;
    struct gw_buf text;
};

static inline void on_fault(void *arg, enum gw_tls_part part, size_t index, const char *message)
{
    static const char *const parts[] = {"certificate", "key", "client_ca"};
    struct faults *faults = arg;
    char shown[1024];
    size_t length = 0, folder = strlen(faults->files->folder);
    for (const char *at = message; *at != '\0';) {
        if (strncmp(at, faults->files->folder, folder) == 0)
            at += folder + 1;
        else
            shown[length++] = *at++;
    }
    gw_buf_printf(&faults->text, "%s %zu %.*s\n", parts[part], index, (int)length, shown);
}

/* NULL with the faults in *ret_faults, which the caller frees; or without any. */
static inline struct gw_tls_context *try_context(const struct files *files,
                                                 const struct gw_tls_options *options,
                                                 const struct gw_tls_context *previous,
                                                 char **ret_faults)
{
    struct faults faults = {files, GW_BUF_HEAP};
    struct gw_tls_context *context = gw_tls_context_create(options, previous, on_fault, &faults);
    gw_buf_terminate(&faults.text);
    *ret_faults = faults.text.base;
    return context;
}

static inline struct gw_tls_context *make_context(const struct files *files,
                                                  const struct gw_tls_options *options,
                                                  const struct gw_tls_context *previous)
{
    char *faults;
    struct gw_tls_context *context = try_context(files, options, previous, &faults);
    assert_string_equal(faults, "");
    free(faults);
    assert_non_null(context);
    return context;
}

/* A client that takes any certificate, with its own where `identity` is not NULL. */
static inline SSL_CTX *make_client(const struct identity *identity)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_security_level(ctx, 0);
    if (identity != NULL) {
        SSL_CTX_use_certificate(ctx, identity->certificate);
        SSL_CTX_use_PrivateKey(ctx, identity->key);
    }
    return ctx;
}

#endif
