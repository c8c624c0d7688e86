#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "tls/internal.h"

static int make_key(struct gw_tls_ticket_key *key, uint64_t now_ms)
{
    if (RAND_bytes(key->name, sizeof(key->name)) != 1 ||
        RAND_priv_bytes(key->cipher, sizeof(key->cipher)) != 1 ||
        RAND_priv_bytes(key->mac, sizeof(key->mac)) != 1)
        return -1;
    key->made_ms = now_ms;
    return 0;
}

bool gw_tls_tickets_are_old(const struct gw_tls_tickets *tickets, uint64_t now_ms)
{
    return now_ms - tickets->current.made_ms >= GW_TLS_TICKET_KEY_LIFE_MS;
}

int gw_tls_tickets_init(struct gw_tls_tickets *tickets, const struct gw_tls_tickets *before,
                        uint64_t now_ms)
{
    if (before != NULL && !gw_tls_tickets_are_old(before, now_ms)) {
        *tickets = *before;
        return 0;
    }
    *tickets = (struct gw_tls_tickets){0};
    if (before != NULL && now_ms - before->current.made_ms < 2 * GW_TLS_TICKET_KEY_LIFE_MS) {
        tickets->previous = before->current;
        tickets->has_previous = true;
    }
    return make_key(&tickets->current, now_ms);
}

void gw_tls_tickets_dispose(struct gw_tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets, sizeof(*tickets));
}

/* --- OpenSSL's side, SSL_CTX_set_tlsext_ticket_key_evp_cb(3) --- */

enum { FAILED = -1, UNKNOWN = 0, KNOWN = 1, KNOWN_BUT_OLD = 2 };

static int set_mac(EVP_MAC_CTX *mac, const struct gw_tls_ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params);
}

static int seal(const struct gw_tls_ticket_key *key, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    memcpy(name, key->name, sizeof(key->name));
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1 ||
        set_mac(mac, key) != 1)
        return FAILED;
    return KNOWN;
}

static int open_by(const struct gw_tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac)
{
    if (set_mac(mac, key) != 1 ||
        EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1)
        return FAILED;
    return KNOWN;
}

static bool is_named(const struct gw_tls_ticket_key *key, const unsigned char *name)
{
    return memcmp(key->name, name, sizeof(key->name)) == 0;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    const struct gw_tls_tickets *tickets = &gw_tls_certificate_of(SSL_get_SSL_CTX(ssl))->tickets;
    if (sealing)
        return seal(&tickets->current, name, iv, cipher, mac);
    if (is_named(&tickets->current, name))
        return open_by(&tickets->current, iv, cipher, mac);
    if (!tickets->has_previous || !is_named(&tickets->previous, name))
        return UNKNOWN;
    int outcome = open_by(&tickets->previous, iv, cipher, mac);
    return outcome == KNOWN ? KNOWN_BUT_OLD : outcome;
}

void gw_tls_tickets_install(struct ssl_ctx_st *ssl_ctx)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl_ctx, on_ticket);
}
