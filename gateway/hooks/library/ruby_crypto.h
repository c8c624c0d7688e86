/* Digests for hooks by OpenSSL, as Ruby's standard library names them: Digest::SHA256.digest(data),
 * .hexdigest and .base64digest, also of MD5, SHA1, SHA384 and SHA512;
 * OpenSSL::HMAC.digest("SHA256", key, data) and .hexdigest; OpenSSL.secure_compare(a, b), which is
 * Sluice.secure_compare too: its time does not tell where two texts of one length differ. */
#ifndef GW_HOOKS_LIBRARY_RUBY_CRYPTO_H
#define GW_HOOKS_LIBRARY_RUBY_CRYPTO_H

#include <mruby.h>

void gw_hook_crypto_define(mrb_state *mrb);

#endif
