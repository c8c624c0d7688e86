/* Keys of session tickets (RFC 5077, RFC 8446 section 4.6.1). A ticket is sealed by the key of the
 * time and opened by that or the one before. */
#ifndef GW_TLS_TICKETS_H
#define GW_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

/* A key seals for this long, and opens for as long again. */
#define GW_TLS_TICKET_KEY_LIFE_MS ((uint64_t)12 * 3600 * 1000)

#define GW_TLS_TICKET_NAME_BYTES 16

struct gw_tls_ticket_key {
    unsigned char name[GW_TLS_TICKET_NAME_BYTES]; /* goes with the ticket, in clear */
    unsigned char cipher[32], mac[32];            /* AES-256-CBC, HMAC-SHA-256 */
    uint64_t made_ms;                             /* monotonic */
};

struct gw_tls_tickets {
    struct gw_tls_ticket_key current, previous;
    bool has_previous;
};

/* Follows `before` (NULL: nothing was before): the same keys, or a new one when they are old. -1:
 * there is no randomness. */
int gw_tls_tickets_init(struct gw_tls_tickets *tickets, const struct gw_tls_tickets *before,
                        uint64_t now_ms);
bool gw_tls_tickets_are_old(const struct gw_tls_tickets *tickets, uint64_t now_ms);
/* Wipes the keys. */
void gw_tls_tickets_dispose(struct gw_tls_tickets *tickets);

/* Has the tickets of this SSL_CTX's connections sealed by the keys of the certificate that the
 * connection got. */
struct ssl_ctx_st;
void gw_tls_tickets_install(struct ssl_ctx_st *ssl_ctx);

#endif
