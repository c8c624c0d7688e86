#include "hooks/library/ruby_crypto.h"

#include "hooks/engine/vm.h"
#include "../ruby.h"

static struct gw_hook_ruby without_vm;

static void define(mrb_state *mrb)
{
    mrb->ud = &without_vm;
    gw_hook_crypto_define(mrb);
}

static int setup(void **state)
{
    return open_ruby(state, define);
}

/* FIPS 180-2, appendices B.1, C.1 and A.1; RFC 1321, appendix A.5. */
static void digests_are_those_of_the_standards(void **state)
{
    assert_ruby(*state, "Digest::SHA256.hexdigest('abc')",
                "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    assert_ruby(*state, "Digest::SHA512.hexdigest('abc')[0, 32]",
                "\"ddaf35a193617abacc417349ae204131\"");
    assert_ruby(*state, "Digest::SHA384.hexdigest('abc')[0, 32]",
                "\"cb00753f45a35e8bb5a03d699ac65007\"");
    assert_ruby(*state, "Digest::SHA1.hexdigest('abc')",
                "\"a9993e364706816aba3e25717850c26c9cd0d89d\"");
    assert_ruby(*state, "Digest::MD5.hexdigest('abc')", "\"900150983cd24fb0d6963f7d28e17f72\"");
}

static void digests_have_three_forms(void **state)
{
    assert_ruby(*state, "Digest::SHA1.digest('abc').bytes[0, 3]", "[169, 153, 62]");
    assert_ruby(*state, "Digest::SHA1.base64digest('abc')", "\"qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\"");
    assert_ruby(*state, "Digest::SHA256.hexdigest(nil)",
                "TypeError: nil cannot be converted to String");
    assert_ruby(*state, "class Mine < Digest::SHA256; end; Mine.hexdigest('abc')",
                "NotImplementedError: a subclass of Digest is without an algorithm");
}

/* RFC 4231, section 4.3. */
static void hmac_is_that_of_the_standard(void **state)
{
    assert_ruby(*state, "OpenSSL::HMAC.hexdigest('SHA256', 'Jefe', 'what do ya want for nothing?')",
                "\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"");
    assert_ruby(*state,
                "OpenSSL::HMAC.digest('sha256', 'Jefe', 'what do ya want for nothing?')"
                ".bytes[0, 2]",
                "[91, 220]");
    assert_ruby(*state, "OpenSSL::HMAC.base64digest('SHA256', '', '')[0, 8]", "\"thNnmggU\"");
    assert_ruby(*state, "OpenSSL::HMAC.hexdigest('SHA3', 'k', 'd')",
                "ArgumentError: unsupported digest algorithm (SHA3)");
}

static void texts_are_compared_whole(void **state)
{
    assert_ruby(*state,
                "[Sluice.secure_compare('abc', 'abc'), Sluice.secure_compare('abc', 'abd'),"
                " Sluice.secure_compare('abc', 'ab'), Sluice.secure_compare('', ''),"
                " OpenSSL.secure_compare(\"a\\0b\", \"a\\0c\")]",
                "[true, false, false, true, false]");
    assert_ruby(*state, "Sluice.secure_compare(nil, 'a')",
                "TypeError: nil cannot be converted to String");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(digests_have_three_forms),
        cmocka_unit_test(hmac_is_that_of_the_standard),
        cmocka_unit_test(texts_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, setup, close_ruby);
}
