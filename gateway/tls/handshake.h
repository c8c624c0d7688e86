/* The server's side of a TLS handshake on one of libh2o's sockets. Worker-local. */
#ifndef GW_TLS_HANDSHAKE_H
#define GW_TLS_HANDSHAKE_H

#include <h2o/socket.h>

#include "tls/client.h"
#include "tls/context.h"

enum gw_tls_outcome {
    GW_TLS_DONE,
    GW_TLS_CLOSED,               /* the client has left in the middle of it */
    GW_TLS_CLIENT_NOT_CERTIFIED, /* no certificate where one is required, or one that is not good */
    GW_TLS_FAILED,               /* no common version, cipher or protocol, or this is not TLS */
};
#define GW_TLS_OUTCOMES 4

struct gw_tls_handshake;
typedef void (*gw_tls_handshake_fn)(struct gw_tls_handshake *handshake,
                                    enum gw_tls_outcome outcome);

/* An alert is short. */
#define GW_TLS_ALERT_MAX 64

/* Embedded by value; zero-initialised is "not begun". Stays where it is until on_end or
 * gw_tls_handshake_cancel. */
struct gw_tls_handshake {
    gw_tls_handshake_fn on_end;
    struct gw_tls_context *context; /* counted; NULL: not begun, or over */
    h2o_socket_t *sock;
    SSL *ssl; /* NULL: the client has not said anything yet */
    struct {
        size_t writes; /* since OpenSSL was last called */
        size_t length; /* of the last of them; 0: it was longer than an alert */
        bool sent;     /* it was an alert */
        char bytes[GW_TLS_ALERT_MAX];
    } output;
};

/* Takes sock->data and sock's callbacks until it calls on_end, once and later. What the client has
 * sent behind its part of the handshake is in sock->input then. Unless the outcome is GW_TLS_DONE,
 * the client has been told why and all that is left to do is to close the socket. To give up
 * earlier, close it, and cancel when it is: on_end is not called then. */
void gw_tls_handshake_start(struct gw_tls_handshake *handshake, struct gw_tls_context *context,
                            h2o_socket_t *sock, gw_tls_handshake_fn on_end);

/* In the socket's on_close, or later. Harmless when the handshake is over or has not begun. */
void gw_tls_handshake_cancel(struct gw_tls_handshake *handshake);

/* In on_end, of GW_TLS_DONE: the client by its certificate; NULL: it has shown none. The caller's
 * to free. */
struct gw_tls_client *gw_tls_handshake_client(const struct gw_tls_handshake *handshake);
/* The protocol chosen by ALPN; empty: the client did not ask. */
struct gw_slice gw_tls_handshake_protocol(const struct gw_tls_handshake *handshake);

/* Later, while the socket is open: tells the client that nothing more will come (close_notify); it
 * may still send. Nothing is being written, and nothing is written afterwards. */
void gw_tls_handshake_close_output(struct gw_tls_handshake *handshake);

#endif
