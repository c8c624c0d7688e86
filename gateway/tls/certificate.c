#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"
#include "tls/internal.h"

/* Largest file of certificates or with a key: the authorities of the whole web are 220 KB. */
#define FILE_MAX_BYTES ((size_t)4 << 20)

void gw_tls_report(struct gw_tls_report *report, enum gw_tls_part part, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    report->any = true;
    report->on_fault(report->arg, part, report->index, message);
}

const char *gw_tls_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char *reason = ERR_reason_error_string(code);
    return reason != NULL ? reason : "for an unknown reason";
}

/* Instead of asking on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

BIO *gw_tls_open(const char *path, enum gw_tls_part part, struct gw_tls_report *report)
{
    struct gw_buf text = GW_BUF_HEAP;
    struct gw_error error;
    BIO *file = NULL;
    if (gw_file_read(path, GW_FILE_REGULAR, FILE_MAX_BYTES, &text, &error) != 0) {
        gw_tls_report(report, part, "\"%s\" cannot be read: %s", path, error.message);
    } else {
        file = BIO_new(BIO_s_secmem());
        BIO_set_mem_eof_return(file, 0);
        BIO_write(file, text.base, (int)text.len);
    }
    if (text.base != NULL)
        OPENSSL_cleanse(text.base, text.capacity);
    gw_buf_dispose(&text);
    ERR_clear_error();
    return file;
}

bool gw_tls_is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (end)
        ERR_clear_error();
    return end;
}

static int read_chain(SSL_CTX *ssl_ctx, BIO *file, const char *path, struct gw_tls_report *report)
{
    X509 *leaf = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    if (leaf == NULL) {
        if (gw_tls_is_at_end())
            gw_tls_report(report, GW_TLS_CERTIFICATE, "\"%s\" has no certificate in PEM form",
                          path);
        else
            gw_tls_report(report, GW_TLS_CERTIFICATE, "\"%s\" cannot be used: %s", path,
                          gw_tls_reason());
        return -1;
    }
    int used = SSL_CTX_use_certificate(ssl_ctx, leaf);
    X509_free(leaf);
    X509 *issuer = NULL;
    while (used == 1 && (issuer = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        used = SSL_CTX_add0_chain_cert(ssl_ctx, issuer);
        if (used != 1)
            X509_free(issuer);
    }
    if (used == 1 && gw_tls_is_at_end())
        return 0;
    gw_tls_report(report, GW_TLS_CERTIFICATE, "\"%s\" cannot be used: %s", path, gw_tls_reason());
    return -1;
}

static int load_chain(SSL_CTX *ssl_ctx, const char *path, struct gw_tls_report *report)
{
    BIO *file = gw_tls_open(path, GW_TLS_CERTIFICATE, report);
    int result = file != NULL ? read_chain(ssl_ctx, file, path, report) : -1;
    BIO_free(file);
    return result;
}

static EVP_PKEY *load_key(const char *path, struct gw_tls_report *report)
{
    BIO *file = gw_tls_open(path, GW_TLS_KEY, report);
    if (file == NULL)
        return NULL;
    bool needs_passphrase = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &needs_passphrase);
    if (key == NULL && needs_passphrase)
        gw_tls_report(report, GW_TLS_KEY, "\"%s\" needs a passphrase, expected a key without one",
                      path);
    else if (key == NULL)
        gw_tls_report(report, GW_TLS_KEY, "\"%s\" has no private key in PEM form", path);
    ERR_clear_error();
    BIO_free(file);
    return key;
}

int gw_tls_certificate_load(SSL_CTX *ssl_ctx, const struct gw_tls_files *files,
                            struct gw_tls_report *report)
{
    int result = load_chain(ssl_ctx, files->certificate, report);
    EVP_PKEY *key = load_key(files->key, report);
    if (result == 0 && key != NULL) {
        if (X509_check_private_key(SSL_CTX_get0_certificate(ssl_ctx), key) != 1) {
            gw_tls_report(report, GW_TLS_KEY, "\"%s\" is not the key of certificate \"%s\"",
                          files->key, files->certificate);
            result = -1;
        } else if (SSL_CTX_use_PrivateKey(ssl_ctx, key) != 1) {
            gw_tls_report(report, GW_TLS_KEY, "\"%s\" cannot be used: %s", files->key,
                          gw_tls_reason());
            result = -1;
        }
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    return key != NULL ? result : -1;
}

void gw_tls_certificate_names(const X509 *certificate,
                              void (*on_name)(void *arg, struct gw_slice name), void *arg)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            on_name(arg, gw_slice(ASN1_STRING_get0_data(name->d.dNSName),
                                  (size_t)ASN1_STRING_length(name->d.dNSName)));
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}
