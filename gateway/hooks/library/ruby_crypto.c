#include "hooks/library/ruby_crypto.h"

#include <mruby/class.h>
#include <mruby/variable.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/encoding.h"
#include "hooks/library/ruby_text.h"

static const struct algorithm {
    const char *name;
    const EVP_MD *(*digest)(void);
} algorithms[] = {
    {"MD5", EVP_md5},       {"SHA1", EVP_sha1},     {"SHA256", EVP_sha256},
    {"SHA384", EVP_sha384}, {"SHA512", EVP_sha512},
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

struct digest {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length;
};

static mrb_value bytes_of(mrb_state *mrb, const struct digest *digest)
{
    return gw_hook_text(mrb, gw_slice(digest->bytes, digest->length));
}

static mrb_value hex_of(mrb_state *mrb, const struct digest *digest)
{
    char text[2 * EVP_MAX_MD_SIZE];
    gw_hex_encode(text, digest->bytes, digest->length);
    return gw_hook_text(mrb, gw_slice(text, 2 * (size_t)digest->length));
}

static mrb_value base64_of(mrb_state *mrb, const struct digest *digest)
{
    char text[2 * EVP_MAX_MD_SIZE];
    struct gw_buf out = {text, 0, sizeof(text), NULL};
    gw_base64_encode(&out, gw_slice(digest->bytes, digest->length));
    return gw_hook_text(mrb, gw_buf_slice(&out));
}

static mrb_noreturn void raise_openssl_error(mrb_state *mrb)
{
    mrb_raise(mrb, mrb->eStandardError_class, "OpenSSL refuses the algorithm");
}

/* Of the method's argument, by the class that the method is called on. */
static struct digest digest_argument(mrb_state *mrb, mrb_value class)
{
    mrb_value data, index = mrb_iv_get(mrb, class, mrb_intern_lit(mrb, "algorithm"));
    mrb_get_args(mrb, "S", &data);
    if (!mrb_integer_p(index))
        mrb_raise(mrb, E_NOTIMP_ERROR, "a subclass of Digest is without an algorithm");
    struct digest digest;
    gw_hook_hold(mrb);
    int is_done = EVP_Digest(RSTRING_PTR(data), (size_t)RSTRING_LEN(data), digest.bytes,
                             &digest.length, algorithms[mrb_integer(index)].digest(), NULL);
    gw_hook_release(mrb);
    if (!is_done)
        raise_openssl_error(mrb);
    return digest;
}

static mrb_value digest_digest(mrb_state *mrb, mrb_value class)
{
    struct digest digest = digest_argument(mrb, class);
    return bytes_of(mrb, &digest);
}

static mrb_value digest_hexdigest(mrb_state *mrb, mrb_value class)
{
    struct digest digest = digest_argument(mrb, class);
    return hex_of(mrb, &digest);
}

static mrb_value digest_base64digest(mrb_state *mrb, mrb_value class)
{
    struct digest digest = digest_argument(mrb, class);
    return base64_of(mrb, &digest);
}

static const struct algorithm *algorithm_named(mrb_state *mrb, mrb_value name)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (gw_slice_eq_nocase(gw_hook_slice_of(name), gw_slice_str(algorithms[i].name)))
            return &algorithms[i];
    }
    mrb_raisef(mrb, E_ARGUMENT_ERROR, "unsupported digest algorithm (%v)", name);
}

static struct digest hmac_of_arguments(mrb_state *mrb)
{
    mrb_value name, key, data;
    mrb_get_args(mrb, "SSS", &name, &key, &data);
    if (RSTRING_LEN(key) > INT32_MAX)
        mrb_raise(mrb, E_ARGUMENT_ERROR, "the key is too long");
    const struct algorithm *algorithm = algorithm_named(mrb, name);
    struct digest digest;
    gw_hook_hold(mrb);
    bool is_done = HMAC(algorithm->digest(), RSTRING_PTR(key), (int)RSTRING_LEN(key),
                        (const unsigned char *)RSTRING_PTR(data), (size_t)RSTRING_LEN(data),
                        digest.bytes, &digest.length) != NULL;
    gw_hook_release(mrb);
    if (!is_done)
        raise_openssl_error(mrb);
    return digest;
}

static mrb_value hmac_digest(mrb_state *mrb, mrb_value self)
{
    struct digest digest = hmac_of_arguments(mrb);
    (void)self;
    return bytes_of(mrb, &digest);
}

static mrb_value hmac_hexdigest(mrb_state *mrb, mrb_value self)
{
    struct digest digest = hmac_of_arguments(mrb);
    (void)self;
    return hex_of(mrb, &digest);
}

static mrb_value hmac_base64digest(mrb_state *mrb, mrb_value self)
{
    struct digest digest = hmac_of_arguments(mrb);
    (void)self;
    return base64_of(mrb, &digest);
}

static mrb_value secure_compare(mrb_state *mrb, mrb_value self)
{
    mrb_value a, b;
    (void)self;
    mrb_get_args(mrb, "SS", &a, &b);
    return mrb_bool_value(RSTRING_LEN(a) == RSTRING_LEN(b) &&
                          CRYPTO_memcmp(RSTRING_PTR(a), RSTRING_PTR(b), (size_t)RSTRING_LEN(a)) ==
                              0);
}

void gw_hook_crypto_define(mrb_state *mrb)
{
    struct RClass *digest = mrb_define_module(mrb, "Digest");
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        struct RClass *class =
            mrb_define_class_under(mrb, digest, algorithms[i].name, mrb->object_class);
        mrb_iv_set(mrb, mrb_obj_value(class), mrb_intern_lit(mrb, "algorithm"),
                   mrb_int_value(mrb, (mrb_int)i));
        mrb_define_class_method(mrb, class, "digest", digest_digest, MRB_ARGS_REQ(1));
        mrb_define_class_method(mrb, class, "hexdigest", digest_hexdigest, MRB_ARGS_REQ(1));
        mrb_define_class_method(mrb, class, "base64digest", digest_base64digest, MRB_ARGS_REQ(1));
    }
    struct RClass *openssl = mrb_define_module(mrb, "OpenSSL");
    struct RClass *hmac = mrb_define_class_under(mrb, openssl, "HMAC", mrb->object_class);
    mrb_define_class_method(mrb, hmac, "digest", hmac_digest, MRB_ARGS_REQ(3));
    mrb_define_class_method(mrb, hmac, "hexdigest", hmac_hexdigest, MRB_ARGS_REQ(3));
    mrb_define_class_method(mrb, hmac, "base64digest", hmac_base64digest, MRB_ARGS_REQ(3));
    mrb_define_module_function(mrb, openssl, "secure_compare", secure_compare, MRB_ARGS_REQ(2));
    mrb_define_module_function(mrb, mrb_define_module(mrb, "Sluice"), "secure_compare",
                               secure_compare, MRB_ARGS_REQ(2));
}
