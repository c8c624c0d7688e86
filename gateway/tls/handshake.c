#include "tls/handshake.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include "tls/internal.h"

/* libh2o drives the handshake and keeps its SSL to itself. OpenSSL's info callback shows it to us,
 * and the socket that it belongs to, while the handshake goes on; afterwards it is taken out again,
 * because sock->data is somebody else's then.
 *
 * When a handshake fails, libh2o forgets what OpenSSL has to say to the client. So we look on as
 * OpenSSL writes, and send the alert ourselves. It is sent only where it is all that is to be sent,
 * for behind a part that is missing nobody could read it. */

static struct gw_tls_handshake *handshake_of(const SSL *ssl)
{
    h2o_socket_t *sock = BIO_get_data(SSL_get_rbio(ssl));
    return sock->data;
}

static long on_bio(BIO *bio, int operation, const char *bytes, size_t length, int argi, long argl,
                   int result, size_t *processed)
{
    (void)argi;
    (void)argl;
    (void)processed;
    if (operation != (BIO_CB_WRITE | BIO_CB_RETURN))
        return result;
    struct gw_tls_handshake *h = (struct gw_tls_handshake *)BIO_get_callback_arg(bio);
    h->output.writes++;
    h->output.length = length <= sizeof(h->output.bytes) ? length : 0;
    memcpy(h->output.bytes, bytes, h->output.length);
    return result;
}

static void look_on(struct gw_tls_handshake *h)
{
    BIO *bio = SSL_get_rbio(h->ssl); /* the one for writing, too */
    h->output.writes = 0;
    BIO_set_callback_ex(bio, on_bio);
    BIO_set_callback_arg(bio, (char *)h);
}

static void send_output(const struct gw_tls_handshake *h)
{
    send(h2o_socket_get_fd(h->sock), h->output.bytes, h->output.length,
         MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_info(const SSL *ssl, int where, int value)
{
    (void)value;
    struct gw_tls_handshake *h = handshake_of(ssl);
    if (h->ssl == NULL) {
        h->ssl = (SSL *)ssl;
        look_on(h);
    }
    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT)
        h->output.sent = true;
    else if (where == SSL_CB_ACCEPT_EXIT && !h->output.sent)
        h->output.writes = 0;
}

void gw_tls_handshake_install(SSL_CTX *ssl_ctx)
{
    SSL_CTX_set_info_callback(ssl_ctx, on_info);
}

/* Without one of its own, an SSL would have the one of its SSL_CTX called. */
static void ignore_info(const SSL *ssl, int where, int value)
{
    (void)ssl;
    (void)where;
    (void)value;
}

static void stop_looking_on(struct gw_tls_handshake *h)
{
    SSL_set_info_callback(h->ssl, ignore_info);
    BIO_set_callback_ex(SSL_get_rbio(h->ssl), NULL);
}

static enum gw_tls_outcome outcome_of(const struct gw_tls_handshake *h, const char *error)
{
    if (error == NULL)
        return GW_TLS_DONE;
    if (h->ssl == NULL || error == h2o_socket_error_closed || error == h2o_socket_error_io)
        return GW_TLS_CLOSED;
    if (SSL_get_verify_result(h->ssl) != X509_V_OK ||
        ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return GW_TLS_CLIENT_NOT_CERTIFIED;
    return GW_TLS_FAILED;
}

static void on_end(h2o_socket_t *sock, const char *error)
{
    struct gw_tls_handshake *h = sock->data;
    enum gw_tls_outcome outcome = outcome_of(h, error);
    ERR_clear_error();
    if (h->ssl != NULL)
        stop_looking_on(h);
    /* Nothing else is being written, so an alert finds room. */
    if (outcome != GW_TLS_DONE && h->output.sent && h->output.writes == 1)
        send_output(h);
    sock->data = NULL;
    gw_tls_handshake_cancel(h);
    h->on_end(h, outcome);
}

void gw_tls_handshake_start(struct gw_tls_handshake *handshake, struct gw_tls_context *context,
                            h2o_socket_t *sock, gw_tls_handshake_fn on_end_fn)
{
    *handshake = (struct gw_tls_handshake){
        .on_end = on_end_fn, .context = gw_tls_context_ref(context), .sock = sock};
    sock->data = handshake;
    h2o_socket_ssl_handshake(sock, context->certificates[0].ssl_ctx, NULL, on_end);
}

void gw_tls_handshake_cancel(struct gw_tls_handshake *handshake)
{
    gw_tls_context_unref(handshake->context);
    handshake->context = NULL;
}

struct gw_tls_client *gw_tls_handshake_client(const struct gw_tls_handshake *handshake)
{
    const X509 *certificate = SSL_get0_peer_certificate(handshake->ssl);
    return certificate != NULL ? gw_tls_client_create(certificate) : NULL;
}

struct gw_slice gw_tls_handshake_protocol(const struct gw_tls_handshake *handshake)
{
    h2o_iovec_t protocol = h2o_socket_ssl_get_selected_protocol(handshake->sock);
    return gw_slice(protocol.base, protocol.len);
}

/* libh2o would send it when it closes the socket only. */
void gw_tls_handshake_close_output(struct gw_tls_handshake *handshake)
{
    look_on(handshake);
    SSL_shutdown(handshake->ssl);
    ERR_clear_error();
    BIO_set_callback_ex(SSL_get_rbio(handshake->ssl), NULL);
    if (handshake->output.writes == 1)
        send_output(handshake);
}
