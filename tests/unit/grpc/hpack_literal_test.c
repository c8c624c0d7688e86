#include "grpc/hpack_literal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <nghttp2/nghttp2.h>

#define LONGEST 70000

static char letters[LONGEST];

static int setup(void **state)
{
    (void)state;
    memset(letters, 'v', sizeof(letters));
    return 0;
}

/* nghttp2 decodes exactly one field from the bytes. */
static nghttp2_nv decode(nghttp2_hd_inflater *inflater, const char *bytes, size_t length)
{
    nghttp2_nv nv;
    int flags = 0;
    ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, (const uint8_t *)bytes, length, 1);
    assert_int_equal(n, length);
    assert_true(flags & NGHTTP2_HD_INFLATE_EMIT);
    return nv;
}

static void a_peer_reads_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,   1,   36,  126,   127,   128,   129,
                                     254, 255, 256, 16383, 16510, 16511, 60000};
    static char bytes[LONGEST + 300];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        for (size_t name_length = 1; name_length < 200; name_length += 63) {
            struct gw_slice name = gw_slice(letters, name_length);
            struct gw_slice value = gw_slice(letters, lengths[i]);
            nghttp2_hd_inflater *inflater;
            assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
            char *end = gw_hpack_put_literal(bytes, name, value, false);
            assert_true((size_t)(end - bytes) <= gw_hpack_literal_bound(name, value));
            nghttp2_nv nv = decode(inflater, bytes, (size_t)(end - bytes));
            assert_int_equal(nv.namelen, name.len);
            assert_int_equal(nv.valuelen, value.len);
            assert_memory_equal(nv.name, name.base, name.len);
            assert_memory_equal(nv.value, letters, value.len);
            assert_int_equal(nghttp2_hd_inflate_get_dynamic_table_size(inflater), 0);
            nghttp2_hd_inflate_del(inflater);
        }
    }
}

static void a_sensitive_field_says_so(void **state)
{
    (void)state;
    for (int is_sensitive = 0; is_sensitive < 2; is_sensitive++) {
        char bytes[64];
        char *end = gw_hpack_put_literal(bytes, GW_SLICE("authorization"), GW_SLICE("Bearer x"),
                                         is_sensitive);
        nghttp2_hd_inflater *inflater;
        assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
        nghttp2_nv nv = decode(inflater, bytes, (size_t)(end - bytes));
        assert_int_equal((nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0, is_sensitive);
        nghttp2_hd_inflate_del(inflater);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_reads_every_length),
        cmocka_unit_test(a_sensitive_field_says_so),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
