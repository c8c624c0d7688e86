#include "tls/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "support.h"

static struct files files;
static struct identity authority, one, two, alice, stranger;
static struct gw_tls_files one_files, two_files;
static const char *authority_path, *stranger_path;

static int set_up(void **state)
{
    (void)state;
    open_files(&files);
    authority = issue("authority", NULL, NULL);
    stranger = issue("stranger", NULL, NULL);
    one = issue("one", "DNS:one.example,DNS:*.one.example", &authority);
    two = issue_key(EVP_RSA_gen(2048), "two", "DNS:Two.example,DNS:b.one.example", &authority);
    alice = issue("alice", NULL, &authority);
    one_files = (struct gw_tls_files){write_certificate(&files, "one.pem", &one),
                                      write_key(&files, "one.key", &one)};
    two_files = (struct gw_tls_files){write_certificate(&files, "two.pem", &two),
                                      write_key(&files, "two.key", &two)};
    authority_path = write_certificate(&files, "authority.pem", &authority);
    stranger_path = write_certificate(&files, "stranger.pem", &stranger);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_files(&files);
    forget(&authority);
    forget(&stranger);
    forget(&one);
    forget(&two);
    forget(&alice);
    return 0;
}

static struct gw_tls_options options_of(const struct gw_tls_files *certificates, size_t count)
{
    return (struct gw_tls_options){.certificates = certificates, .certificate_count = count};
}

/* --- a client and the context, without sockets --- */

struct pair {
    SSL *client, *server;
    SSL_CTX *client_ctx;
    int client_result, server_result;
};

static SSL_SESSION *last_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(last_session);
    last_session = session;
    return 1;
}

/* The context's own needs one of libh2o's sockets. */
static void ignore_info(const SSL *ssl, int where, int value)
{
    (void)ssl;
    (void)where;
    (void)value;
}

static void pair_open(struct pair *p, struct gw_tls_context *context,
                      const struct identity *identity)
{
    p->client_ctx = make_client(identity);
    SSL_CTX_set_session_cache_mode(p->client_ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(p->client_ctx, on_session);
    p->client = SSL_new(p->client_ctx);
    p->server = SSL_new(context->certificates[0].ssl_ctx);
    SSL_set_info_callback(p->server, ignore_info);
    BIO *a, *b;
    assert_int_equal(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
    SSL_set_bio(p->client, a, a);
    SSL_set_bio(p->server, b, b);
}

/* Whether both sides came to an end, and what tickets there are. */
static bool pair_shake(struct pair *p)
{
    char byte;
    for (int i = 0; i < 10; i++) {
        p->client_result = SSL_connect(p->client);
        p->server_result = SSL_accept(p->server);
    }
    if (p->client_result != 1 || p->server_result != 1)
        return false;
    assert_int_equal(SSL_write(p->server, "x", 1), 1);
    return SSL_read(p->client, &byte, 1) == 1;
}

static void pair_close(struct pair *p)
{
    SSL_shutdown(p->client); /* a session whose connection was cut is not resumed */
    SSL_free(p->client);
    SSL_free(p->server);
    SSL_CTX_free(p->client_ctx);
    ERR_clear_error();
}

static bool shakes(struct gw_tls_context *context, int version, const struct identity *identity)
{
    struct pair p;
    pair_open(&p, context, identity);
    SSL_set_min_proto_version(p.client, version);
    SSL_set_max_proto_version(p.client, version);
    bool done = pair_shake(&p);
    pair_close(&p);
    return done;
}

/* --- versions and ciphers --- */

static void tls_1_2_and_1_3_are_spoken_and_nothing_older(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_true(shakes(context, TLS1_3_VERSION, NULL));
    assert_true(shakes(context, TLS1_2_VERSION, NULL));
    assert_false(shakes(context, TLS1_1_VERSION, NULL));
    assert_false(shakes(context, TLS1_VERSION, NULL));
    gw_tls_context_unref(context);
}

static void min_version_leaves_tls_1_3_alone(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    options.min_version = GW_TLS_1_3;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_true(shakes(context, TLS1_3_VERSION, NULL));
    assert_false(shakes(context, TLS1_2_VERSION, NULL));
    gw_tls_context_unref(context);
}

static void every_cipher_is_forward_secret_and_authenticated(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    SSL *ssl = SSL_new(context->certificates[0].ssl_ctx);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);
    assert_int_equal(sk_SSL_CIPHER_num(ciphers), 9);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        int exchange = SSL_CIPHER_get_kx_nid(cipher);
        assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
        assert_true(SSL_CIPHER_is_aead(cipher));
    }
    sk_SSL_CIPHER_free(ciphers);
    SSL_free(ssl);
    gw_tls_context_unref(context);
}

static void a_client_with_weak_ciphers_only_is_refused(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&two_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    static const struct {
        const char *ciphers;
        bool fits;
    } cases[] = {{"ECDHE-RSA-AES128-GCM-SHA256", true}, {"ECDHE-RSA-CHACHA20-POLY1305", true},
                 {"ECDHE-RSA-AES128-SHA", false},       {"AES128-GCM-SHA256", false},
                 {"DHE-RSA-AES128-GCM-SHA256", false},  {"aNULL", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pair p;
        pair_open(&p, context, NULL);
        SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
        assert_int_equal(SSL_set_cipher_list(p.client, cases[i].ciphers), 1);
        assert_int_equal(pair_shake(&p), cases[i].fits);
        pair_close(&p);
    }
    gw_tls_context_unref(context);
}

static void there_is_no_early_data(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_true(shakes(context, TLS1_3_VERSION, NULL));
    assert_int_equal(SSL_SESSION_get_max_early_data(last_session), 0);
    gw_tls_context_unref(context);
}

/* --- names --- */

static void assert_certificate(struct gw_tls_context *context, const char *name,
                               const struct identity *expected)
{
    struct pair p;
    pair_open(&p, context, NULL);
    if (name != NULL)
        SSL_set_tlsext_host_name(p.client, name);
    assert_true(pair_shake(&p));
    assert_int_equal(X509_cmp(SSL_get0_peer_certificate(p.client), expected->certificate), 0);
    pair_close(&p);
}

static void a_client_gets_the_certificate_of_the_name_it_asks_for(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {one_files, two_files};
    struct gw_tls_options options = options_of(both, 2);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_certificate(context, "one.example", &one);
    assert_certificate(context, "two.example", &two);
    assert_certificate(context, "TWO.example", &two);
    assert_certificate(context, "a.one.example", &one);
    assert_certificate(context, "b.one.example", &two); /* itself before a wildcard */
    gw_tls_context_unref(context);
}

static void other_names_get_the_first(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {two_files, one_files};
    struct gw_tls_options options = options_of(both, 2);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    static const char *const names[] = {NULL, "three.example", "a.b.one.example", "example",
                                        "a.two.example"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_certificate(context, names[i], &two);
    assert_certificate(context, "x.one.example", &one);
    gw_tls_context_unref(context);
}

static void connections_keep_the_context_that_they_began_with(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {one_files, two_files};
    struct gw_tls_options options = options_of(both, 2);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    struct pair fresh, under_way;
    pair_open(&fresh, context, NULL);
    pair_open(&under_way, context, NULL);
    SSL_set_tlsext_host_name(fresh.client, "two.example");
    SSL_set_tlsext_host_name(under_way.client, "two.example");
    SSL_connect(under_way.client);
    SSL_accept(under_way.server);
    struct gw_tls_context *another = gw_tls_context_ref(context); /* a handshake's */
    gw_tls_context_unref(context);
    assert_true(pair_shake(&under_way));
    assert_true(pair_shake(&fresh));
    gw_tls_context_unref(another);
    char byte;
    assert_int_equal(SSL_write(under_way.client, "x", 1), 1);
    assert_int_equal(SSL_read(under_way.server, &byte, 1), 1);
    assert_int_equal(X509_cmp(SSL_get0_peer_certificate(fresh.client), two.certificate), 0);
    pair_close(&under_way);
    pair_close(&fresh);
}

/* --- ALPN --- */

static const struct gw_slice protocols[] = {GW_SLICE_INIT("h2"), GW_SLICE_INIT("http/1.1")};

static void assert_protocol(struct gw_tls_context *context, const char *offered, size_t length,
                            const char *expected)
{
    struct pair p;
    pair_open(&p, context, NULL);
    SSL_set_alpn_protos(p.client, (const unsigned char *)offered, (unsigned)length);
    assert_int_equal(pair_shake(&p), expected != NULL);
    if (expected != NULL) {
        const unsigned char *chosen;
        unsigned chosen_length;
        SSL_get0_alpn_selected(p.client, &chosen, &chosen_length);
        assert_int_equal(chosen_length, strlen(expected));
        assert_memory_equal(chosen, expected, chosen_length);
    }
    pair_close(&p);
}

static void the_most_wanted_protocol_is_chosen(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    options.protocols = protocols;
    options.protocol_count = 2;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_protocol(context, "\x08http/1.1\x02h2", 12, "h2");
    assert_protocol(context, "\x02h3\x08http/1.1", 12, "http/1.1");
    assert_protocol(context, NULL, 0, "");
    assert_protocol(context, "\x02h3\x08http/1.0", 12, NULL);
    gw_tls_context_unref(context);
}

/* --- client certificates --- */

static void a_client_certificate_is_required_and_checked(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    options.client_ca = authority_path;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        assert_true(shakes(context, version, &alice));
        assert_false(shakes(context, version, NULL));
        assert_false(shakes(context, version, &stranger));
    }
    gw_tls_context_unref(context);
}

static void a_client_certificate_may_be_optional(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    options.client_ca = authority_path;
    options.client_may_have_none = true;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    assert_true(shakes(context, TLS1_3_VERSION, &alice));
    assert_true(shakes(context, TLS1_3_VERSION, NULL));
    assert_false(shakes(context, TLS1_3_VERSION, &stranger));
    gw_tls_context_unref(context);
}

static void the_rules_for_clients_hold_for_every_certificate(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {one_files, two_files};
    struct gw_tls_options options = options_of(both, 2);
    options.client_ca = authority_path;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    struct pair p;
    pair_open(&p, context, NULL);
    SSL_set_tlsext_host_name(p.client, "two.example");
    assert_false(pair_shake(&p));
    pair_close(&p);
    pair_open(&p, context, &alice);
    SSL_set_tlsext_host_name(p.client, "two.example");
    assert_true(pair_shake(&p));
    pair_close(&p);
    gw_tls_context_unref(context);
}

/* --- sessions --- */

static SSL_SESSION *session_with(struct gw_tls_context *context, int version, const char *name,
                                 const struct identity *identity)
{
    struct pair p;
    pair_open(&p, context, identity);
    SSL_set_max_proto_version(p.client, version);
    SSL_set_tlsext_host_name(p.client, name);
    assert_true(pair_shake(&p));
    pair_close(&p);
    SSL_SESSION *session = last_session;
    last_session = NULL;
    assert_non_null(session);
    return session;
}

static unsigned char last_ticket_name[GW_TLS_TICKET_NAME_BYTES]; /* of the client's ticket */

static bool resumes(struct gw_tls_context *context, SSL_SESSION *session, const char *name,
                    const struct identity *identity)
{
    struct pair p;
    pair_open(&p, context, identity);
    SSL_set_max_proto_version(p.client, SSL_SESSION_get_protocol_version(session));
    SSL_set_tlsext_host_name(p.client, name);
    SSL_set_session(p.client, session);
    assert_true(pair_shake(&p));
    bool reused = SSL_session_reused(p.server);
    const unsigned char *ticket;
    size_t length;
    SSL_SESSION_get0_ticket(SSL_get_session(p.client), &ticket, &length);
    assert_true(length > sizeof(last_ticket_name));
    memcpy(last_ticket_name, ticket, sizeof(last_ticket_name));
    assert_true(identity == NULL || SSL_get0_peer_certificate(p.server) != NULL);
    pair_close(&p);
    return reused;
}

static void a_session_is_resumed_with_its_own_certificate_only(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {one_files, two_files};
    struct gw_tls_options options = options_of(both, 2);
    options.client_ca = authority_path;
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_SESSION *first = session_with(context, version, "one.example", &alice);
        SSL_SESSION *second = session_with(context, version, "two.example", &alice);
        assert_true(resumes(context, first, "one.example", &alice));
        assert_true(resumes(context, second, "two.example", &alice));
        assert_false(resumes(context, first, "two.example", &alice));
        assert_false(resumes(context, second, "one.example", &alice));
        SSL_SESSION_free(first);
        SSL_SESSION_free(second);
    }
    gw_tls_context_unref(context);
}

static void a_session_outlives_a_reload_of_the_same_files(void **state)
{
    (void)state;
    const struct gw_tls_files both[] = {one_files, two_files}, swapped[] = {two_files, one_files};
    struct gw_tls_options options = options_of(both, 2), other = options_of(swapped, 2);
    struct gw_tls_context *before = make_context(&files, &options, NULL);
    SSL_SESSION *session = session_with(before, TLS1_3_VERSION, "one.example", NULL);
    struct gw_tls_context *after = make_context(&files, &other, before);
    struct gw_tls_context *unrelated = make_context(&files, &options, NULL);
    gw_tls_context_unref(before);
    assert_true(resumes(after, session, "one.example", NULL));
    assert_false(resumes(unrelated, session, "one.example", NULL));
    SSL_SESSION_free(session);
    gw_tls_context_unref(after);
    gw_tls_context_unref(unrelated);
}

static void a_session_ends_where_the_rules_for_clients_change(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    options.client_ca = authority_path;
    struct gw_tls_context *before = make_context(&files, &options, NULL);
    SSL_SESSION *session = session_with(before, TLS1_3_VERSION, "one.example", &alice);
    struct gw_tls_options stricter = options_of(&one_files, 1);
    stricter.client_ca = stranger_path;
    struct gw_tls_context *after = make_context(&files, &stricter, before);
    assert_false(resumes(after, session, "one.example", &stranger));
    SSL_SESSION_free(session);
    gw_tls_context_unref(before);
    gw_tls_context_unref(after);
}

static void a_ticket_of_the_key_before_is_opened_and_renewed(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *first = make_context(&files, &options, NULL);
    assert_false(gw_tls_context_is_old(first, first->certificates[0].tickets.current.made_ms));
    SSL_SESSION *session = session_with(first, TLS1_2_VERSION, "one.example", NULL);
    first->certificates[0].tickets.current.made_ms -= GW_TLS_TICKET_KEY_LIFE_MS;
    struct gw_tls_context *second = make_context(&files, &options, first);
    assert_true(second->certificates[0].tickets.has_previous);
    assert_true(resumes(second, session, "one.example", NULL));
    assert_memory_equal(last_ticket_name, second->certificates[0].tickets.current.name,
                        sizeof(last_ticket_name));
    second->certificates[0].tickets.has_previous = false;
    assert_false(resumes(second, session, "one.example", NULL));
    SSL_SESSION_free(session);
    gw_tls_context_unref(first);
    gw_tls_context_unref(second);
}

static void old_keys_make_a_context_old(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    uint64_t made = context->certificates[0].tickets.current.made_ms;
    assert_false(gw_tls_context_is_old(context, made + GW_TLS_TICKET_KEY_LIFE_MS - 1));
    assert_true(gw_tls_context_is_old(context, made + GW_TLS_TICKET_KEY_LIFE_MS));
    gw_tls_context_unref(context);
}

/* --- faults --- */

static void assert_faults(const struct gw_tls_options *options, const char *expected)
{
    char *faults;
    struct gw_tls_context *context = try_context(&files, options, NULL, &faults);
    assert_string_equal(faults, expected);
    assert_null(context);
    free(faults);
    assert_int_equal(ERR_peek_error(), 0);
}

static void every_fault_is_told_with_its_place(void **state)
{
    (void)state;
    const char *empty = write_text(&files, "empty.pem", "");
    const char *text = write_text(&files, "text.pem", "no PEM\n");
    char missing[128];
    snprintf(missing, sizeof(missing), "%s/missing.pem", files.folder);
    const struct gw_tls_files certificates[] = {
        {one_files.certificate, two_files.key}, {missing, missing}, one_files, {empty, text}};
    struct gw_tls_options options = options_of(certificates, 4);
    options.client_ca = text;
    assert_faults(&options,
                  "client_ca 0 \"text.pem\" has no certificate in PEM form\n"
                  "key 0 \"two.key\" is not the key of certificate \"one.pem\"\n"
                  "certificate 1 \"missing.pem\" cannot be read: No such file or directory\n"
                  "key 1 \"missing.pem\" cannot be read: No such file or directory\n"
                  "certificate 3 \"empty.pem\" has no certificate in PEM form\n"
                  "key 3 \"text.pem\" has no private key in PEM form\n");
}

static void a_key_with_a_passphrase_is_a_fault_and_nobody_is_asked(void **state)
{
    (void)state;
    const char *path;
    FILE *f = create_file(&files, "locked.key", &path);
    PEM_write_PKCS8PrivateKey(f, one.key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
    fclose(f);
    struct gw_tls_options options =
        options_of(&(struct gw_tls_files){one_files.certificate, path}, 1);
    assert_faults(&options,
                  "key 0 \"locked.key\" needs a passphrase, expected a key without one\n");
}

static void assert_begins(const char *text, const char *expected)
{
    assert_memory_equal(text, expected, strlen(expected));
}

static void a_broken_chain_is_a_fault(void **state)
{
    (void)state;
    const char *path;
    FILE *f = create_file(&files, "broken.pem", &path);
    PEM_write_X509(f, one.certificate);
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
    fclose(f);
    char *faults;
    struct gw_tls_options options = options_of(&(struct gw_tls_files){path, one_files.key}, 1);
    assert_null(try_context(&files, &options, NULL, &faults));
    assert_begins(faults, "certificate 0 \"broken.pem\" cannot be used: ");
    free(faults);
    options = options_of(&one_files, 1);
    options.client_ca = path;
    assert_null(try_context(&files, &options, NULL, &faults));
    assert_begins(faults, "client_ca 0 \"broken.pem\" cannot be used: ");
    free(faults);
}

static void a_weak_key_is_a_fault(void **state)
{
    (void)state;
    struct identity weak = issue_key(EVP_RSA_gen(1024), "weak", NULL, &authority);
    struct gw_tls_options options =
        options_of(&(struct gw_tls_files){write_certificate(&files, "weak.pem", &weak),
                                          write_key(&files, "weak.key", &weak)},
                   1);
    assert_faults(&options, "certificate 0 \"weak.pem\" cannot be used: ee key too small\n");
    forget(&weak);
}

static void the_chain_is_sent_along(void **state)
{
    (void)state;
    const char *path;
    FILE *f = create_file(&files, "chain.pem", &path);
    PEM_write_X509(f, one.certificate);
    PEM_write_X509(f, authority.certificate);
    fclose(f);
    struct gw_tls_options options = options_of(&(struct gw_tls_files){path, one_files.key}, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    struct pair p;
    pair_open(&p, context, NULL);
    assert_true(pair_shake(&p));
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(p.client)), 2);
    pair_close(&p);
    gw_tls_context_unref(context);
}

static void the_end_of_a_certificate_is_known(void **state)
{
    (void)state;
    struct gw_tls_options options = options_of(&one_files, 1);
    struct gw_tls_context *context = make_context(&files, &options, NULL);
    int64_t left = gw_tls_context_expires_s(context, 0) - (int64_t)time(NULL);
    assert_in_range(left, 24 * 3600 - 60, 24 * 3600);
    gw_tls_context_unref(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_2_and_1_3_are_spoken_and_nothing_older),
        cmocka_unit_test(min_version_leaves_tls_1_3_alone),
        cmocka_unit_test(every_cipher_is_forward_secret_and_authenticated),
        cmocka_unit_test(a_client_with_weak_ciphers_only_is_refused),
        cmocka_unit_test(there_is_no_early_data),
        cmocka_unit_test(a_client_gets_the_certificate_of_the_name_it_asks_for),
        cmocka_unit_test(other_names_get_the_first),
        cmocka_unit_test(connections_keep_the_context_that_they_began_with),
        cmocka_unit_test(the_most_wanted_protocol_is_chosen),
        cmocka_unit_test(a_client_certificate_is_required_and_checked),
        cmocka_unit_test(a_client_certificate_may_be_optional),
        cmocka_unit_test(the_rules_for_clients_hold_for_every_certificate),
        cmocka_unit_test(a_session_is_resumed_with_its_own_certificate_only),
        cmocka_unit_test(a_session_outlives_a_reload_of_the_same_files),
        cmocka_unit_test(a_session_ends_where_the_rules_for_clients_change),
        cmocka_unit_test(a_ticket_of_the_key_before_is_opened_and_renewed),
        cmocka_unit_test(old_keys_make_a_context_old),
        cmocka_unit_test(every_fault_is_told_with_its_place),
        cmocka_unit_test(a_key_with_a_passphrase_is_a_fault_and_nobody_is_asked),
        cmocka_unit_test(a_broken_chain_is_a_fault),
        cmocka_unit_test(a_weak_key_is_a_fault),
        cmocka_unit_test(the_chain_is_sent_along),
        cmocka_unit_test(the_end_of_a_certificate_is_known),
    };
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    SSL_SESSION_free(last_session);
    return failed;
}
