#include "tls/client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/encoding.h"

static bool is_visible(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.base[i] < 0x21 || s.base[i] > 0x7e)
            return false;
    }
    return s.len > 0;
}

/* Quoted where the form's own signs are in it. */
static void append_name(struct gw_buf *out, const char *kind, struct gw_slice value)
{
    bool quoted = false;
    for (size_t i = 0; i < value.len; i++)
        quoted |= strchr(",;=\"\\", value.base[i]) != NULL;
    gw_buf_printf(out, "%s%s=", out->len > 0 ? ";" : "", kind);
    if (quoted)
        gw_buf_append_byte(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.base[i] == '"' || value.base[i] == '\\')
            gw_buf_append_byte(out, '\\');
        gw_buf_append_byte(out, value.base[i]);
    }
    if (quoted)
        gw_buf_append_byte(out, '"');
}

static void append_names(struct gw_buf *out, const X509 *certificate, int type, const char *kind)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != type)
            continue;
        struct gw_slice text =
            gw_slice(ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5));
        size_t before = out->len;
        if (text.len <= GW_TLS_NAMES_MAX && is_visible(text))
            append_name(out, kind, text);
        if (out->len > GW_TLS_NAMES_MAX)
            out->len = before;
    }
    GENERAL_NAMES_free(names);
}

/* RFC 2253 escapes what is not visible ASCII, and quotation marks. */
static void append_subject(struct gw_buf *out, const X509 *certificate)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *bytes;
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    long length = BIO_get_mem_data(text, &bytes);
    if (length > 0 && length <= GW_TLS_SUBJECT_MAX)
        gw_buf_append(out, gw_slice(bytes, (size_t)length));
    BIO_free(text);
}

static void append_hash(struct gw_buf *out, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(certificate, EVP_sha256(), digest, &length);
    gw_hex_encode(gw_buf_reserve(out, 2 * (size_t)length), digest, length);
    out->len += 2 * (size_t)length;
}

static struct gw_slice put(char **at, struct gw_slice s)
{
    struct gw_slice copy = gw_slice(*at, s.len);
    if (s.len > 0)
        memcpy(*at, s.base, s.len);
    *at += s.len;
    return copy;
}

struct gw_tls_client *gw_tls_client_create(const struct x509_st *certificate)
{
    struct gw_buf subject = GW_BUF_HEAP, names = GW_BUF_HEAP, forwarded = GW_BUF_HEAP;
    append_subject(&subject, certificate);
    append_names(&names, certificate, GEN_URI, "URI");
    append_names(&names, certificate, GEN_DNS, "DNS");
    gw_buf_append(&forwarded, GW_SLICE("Hash="));
    append_hash(&forwarded, certificate);
    gw_buf_append(&forwarded, GW_SLICE(";Subject=\""));
    gw_buf_append(&forwarded, gw_buf_slice(&subject));
    gw_buf_append(&forwarded, names.len > 0 ? GW_SLICE("\";") : GW_SLICE("\""));
    gw_buf_append(&forwarded, gw_buf_slice(&names));
    ERR_clear_error();

    struct gw_tls_client *client = gw_alloc(sizeof(*client) + subject.len + forwarded.len);
    char *at = (char *)(client + 1);
    client->subject = put(&at, gw_buf_slice(&subject));
    client->forwarded = put(&at, gw_buf_slice(&forwarded));
    client->names = gw_slice(at - names.len, names.len);
    gw_buf_dispose(&subject);
    gw_buf_dispose(&names);
    gw_buf_dispose(&forwarded);
    return client;
}
