#include "tls/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/loop.h"
#include "support.h"

static struct files files;
static struct identity authority, server, alice;
static struct gw_tls_files server_files;
static const char *authority_path;
static struct gw_loop *loop;

static int set_up(void **state)
{
    (void)state;
    open_files(&files);
    authority = issue("authority", NULL, NULL);
    server = issue("server", NULL, &authority);
    alice = issue("alice", "URI:spiffe://example/alice", &authority);
    server_files = (struct gw_tls_files){write_certificate(&files, "server.pem", &server),
                                         write_key(&files, "server.key", &server)};
    authority_path = write_certificate(&files, "authority.pem", &authority);
    loop = gw_loop_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_loop_destroy(loop);
    remove_files(&files);
    forget(&authority);
    forget(&server);
    forget(&alice);
    return 0;
}

/* One accepted connection, and the client's end of it. */
struct meeting {
    struct gw_tls_handshake handshake;
    struct gw_tls_context *context;
    h2o_socket_t *sock; /* NULL: closed */
    int ended;
    enum gw_tls_outcome outcome;
    struct gw_tls_client *client_identity;
    char protocol[16];
    int fd;
    SSL_CTX *client_ctx;
    SSL *client;
    char told[256]; /* what the client was told, in OpenSSL's words */
};

static void on_close(void *arg)
{
    struct meeting *m = arg;
    m->sock = NULL;
    gw_tls_handshake_cancel(&m->handshake);
}

static void on_end(struct gw_tls_handshake *handshake, enum gw_tls_outcome outcome)
{
    struct meeting *m = H2O_STRUCT_FROM_MEMBER(struct meeting, handshake, handshake);
    m->ended++;
    m->outcome = outcome;
    if (outcome != GW_TLS_DONE) {
        h2o_socket_close(m->sock);
        return;
    }
    struct gw_slice protocol = gw_tls_handshake_protocol(handshake);
    memcpy(m->protocol, protocol.base ? protocol.base : "", protocol.len);
    m->client_identity = gw_tls_handshake_client(handshake);
}

static void meet(struct meeting *m, const char *client_ca, const struct identity *identity)
{
    static const struct gw_slice protocols[] = {GW_SLICE_INIT("http/1.1")};
    int fds[2];
    *m = (struct meeting){.ended = 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    m->fd = fds[1];
    m->client_ctx = make_client(identity);
    m->client = SSL_new(m->client_ctx);
    SSL_set_fd(m->client, m->fd);
    m->context = make_context(&files,
                              &(struct gw_tls_options){.certificates = &server_files,
                                                       .certificate_count = 1,
                                                       .client_ca = client_ca,
                                                       .protocols = protocols,
                                                       .protocol_count = 1},
                              NULL);
    m->sock = h2o_evloop_socket_create(gw_loop_h2o(loop), fds[0], 0);
    m->sock->on_close.cb = on_close;
    m->sock->on_close.data = m;
    gw_tls_handshake_start(&m->handshake, m->context, m->sock, on_end);
}

static void take_reason(struct meeting *m, int result)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (result <= 0 && SSL_get_error(m->client, result) == SSL_ERROR_SSL && m->told[0] == '\0')
        snprintf(m->told, sizeof(m->told), "%s", reason != NULL ? reason : "nothing");
    ERR_clear_error();
}

static void turn(struct meeting *m)
{
    char byte;
    for (int i = 0; i < 20; i++) {
        if (m->client != NULL)
            take_reason(m, SSL_is_init_finished(m->client) ? SSL_peek(m->client, &byte, 1)
                                                           : SSL_connect(m->client));
        gw_loop_turn(loop, 1);
    }
}

static void part(struct meeting *m)
{
    if (m->sock != NULL)
        h2o_socket_close(m->sock);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(loop, 1);
    assert_null(m->sock);
    SSL_free(m->client);
    SSL_CTX_free(m->client_ctx);
    close(m->fd);
    free(m->client_identity);
    gw_tls_context_unref(m->context);
    ERR_clear_error();
}

static void a_client_comes_in(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    SSL_set_alpn_protos(m.client, (const unsigned char *)"\x08http/1.1", 9);
    turn(&m);
    assert_int_equal(m.ended, 1);
    assert_int_equal(m.outcome, GW_TLS_DONE);
    assert_string_equal(m.protocol, "http/1.1");
    assert_null(m.client_identity);
    assert_true(SSL_is_init_finished(m.client));
    part(&m);
}

static void a_clients_certificate_is_known(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct meeting m;
        meet(&m, authority_path, &alice);
        SSL_set_max_proto_version(m.client, version);
        turn(&m);
        assert_int_equal(m.outcome, GW_TLS_DONE);
        assert_non_null(m.client_identity);
        assert_true(gw_slice_eq(m.client_identity->subject, GW_SLICE("CN=alice,O=Example")));
        assert_true(gw_slice_eq(m.client_identity->names, GW_SLICE("URI=spiffe://example/alice")));
        part(&m);
    }
}

static void a_client_without_certificate_is_told_so(void **state)
{
    (void)state;
    static const char *const expected[] = {"sslv3 alert handshake failure",
                                           "tlsv13 alert certificate required"};
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct meeting m;
        meet(&m, authority_path, NULL);
        SSL_set_max_proto_version(m.client, version);
        turn(&m);
        assert_int_equal(m.ended, 1);
        assert_int_equal(m.outcome, GW_TLS_CLIENT_NOT_CERTIFIED);
        assert_string_equal(m.told, expected[version - TLS1_2_VERSION]);
        part(&m);
    }
}

static void a_client_of_another_authority_is_told_so(void **state)
{
    (void)state;
    struct identity stranger = issue("stranger", NULL, NULL);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct meeting m;
        meet(&m, authority_path, &stranger);
        SSL_set_max_proto_version(m.client, version);
        turn(&m);
        assert_int_equal(m.outcome, GW_TLS_CLIENT_NOT_CERTIFIED);
        assert_string_equal(m.told, "tlsv1 alert unknown ca");
        part(&m);
    }
    forget(&stranger);
}

static void an_old_client_is_told_so(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    SSL_set_max_proto_version(m.client, TLS1_1_VERSION);
    turn(&m);
    assert_int_equal(m.outcome, GW_TLS_FAILED);
    assert_string_equal(m.told, "tlsv1 alert protocol version");
    part(&m);
}

static void garbage_is_no_handshake(void **state)
{
    (void)state;
    static const struct gw_slice texts[] = {
        GW_SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        GW_SLICE_INIT("\x16\x03\x01\xff\xff"),
        GW_SLICE_INIT("\x16\x03\x01\x00\x04xxxx"),
        GW_SLICE_INIT("\x15\x03\x01\x00\x02\x02\x28"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct meeting m;
        meet(&m, NULL, NULL);
        SSL_free(m.client);
        m.client = NULL;
        assert_int_equal(write(m.fd, texts[i].base, texts[i].len), texts[i].len);
        turn(&m);
        assert_int_equal(m.ended, 1);
        assert_int_equal(m.outcome, GW_TLS_FAILED);
        part(&m);
    }
}

static void a_client_may_leave_at_any_time(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL); /* before it says anything */
    SSL_free(m.client);
    m.client = NULL;
    shutdown(m.fd, SHUT_RDWR);
    turn(&m);
    assert_int_equal(m.ended, 1);
    assert_int_equal(m.outcome, GW_TLS_CLOSED);
    part(&m);

    meet(&m, NULL, NULL); /* behind its hello */
    SSL_connect(m.client);
    SSL_free(m.client);
    m.client = NULL;
    shutdown(m.fd, SHUT_WR);
    turn(&m);
    assert_int_equal(m.ended, 1);
    assert_int_equal(m.outcome, GW_TLS_CLOSED);
    part(&m);
}

static void the_socket_may_be_closed_at_any_time(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    part(&m);
    assert_int_equal(m.ended, 0);

    meet(&m, NULL, NULL);
    SSL_connect(m.client);
    gw_loop_turn(loop, 10);
    part(&m);
    assert_int_equal(m.ended, 0);
}

static void what_comes_with_the_end_of_the_handshake_is_there(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    for (int i = 0; i < 10 && SSL_connect(m.client) != 1; i++)
        gw_loop_turn(loop, 1);
    assert_int_equal(m.ended, 0); /* its last words are still under way */
    assert_int_equal(SSL_write(m.client, "GET / HTTP/1.1\r\n", 16), 16);
    turn(&m);
    assert_int_equal(m.outcome, GW_TLS_DONE);
    assert_int_equal(m.sock->input->size, 16);
    assert_memory_equal(m.sock->input->bytes, "GET / HTTP/1.1\r\n", 16);
    part(&m);
}

static bool is_read, is_read_error;

static void on_read(h2o_socket_t *sock, const char *error)
{
    (void)sock;
    is_read = true;
    is_read_error = error != NULL;
}

static void a_renegotiation_ends_the_connection(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    SSL_set_max_proto_version(m.client, TLS1_2_VERSION);
    turn(&m);
    assert_int_equal(m.outcome, GW_TLS_DONE);
    is_read = is_read_error = false;
    h2o_socket_read_start(m.sock, on_read);
    SSL_renegotiate(m.client);
    SSL_do_handshake(m.client);
    turn(&m);
    assert_true(is_read_error);
    part(&m);
}

static void keys_may_be_updated_behind_the_handshake(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m, NULL, NULL);
    turn(&m);
    m.sock->data = NULL; /* somebody else's now */
    is_read = is_read_error = false;
    h2o_socket_read_start(m.sock, on_read);
    assert_int_equal(SSL_key_update(m.client, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(m.client, "abc", 3), 3);
    turn(&m);
    assert_true(is_read && !is_read_error);
    assert_int_equal(m.sock->input->size, 3);
    part(&m);
}

static void one_side_may_end_before_the_other(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct meeting m;
        char byte;
        meet(&m, NULL, NULL);
        SSL_set_max_proto_version(m.client, version);
        turn(&m);
        gw_tls_handshake_close_output(&m.handshake);
        shutdown(h2o_socket_get_fd(m.sock), SHUT_WR);
        assert_int_equal(SSL_get_error(m.client, SSL_read(m.client, &byte, 1)),
                         SSL_ERROR_ZERO_RETURN);
        h2o_socket_read_start(m.sock, on_read);
        assert_int_equal(SSL_write(m.client, "abc", 3), 3);
        turn(&m);
        assert_int_equal(m.sock->input->size, 3);
        part(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_comes_in),
        cmocka_unit_test(a_clients_certificate_is_known),
        cmocka_unit_test(a_client_without_certificate_is_told_so),
        cmocka_unit_test(a_client_of_another_authority_is_told_so),
        cmocka_unit_test(an_old_client_is_told_so),
        cmocka_unit_test(garbage_is_no_handshake),
        cmocka_unit_test(a_client_may_leave_at_any_time),
        cmocka_unit_test(the_socket_may_be_closed_at_any_time),
        cmocka_unit_test(what_comes_with_the_end_of_the_handshake_is_there),
        cmocka_unit_test(a_renegotiation_ends_the_connection),
        cmocka_unit_test(keys_may_be_updated_behind_the_handshake),
        cmocka_unit_test(one_side_may_end_before_the_other),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
