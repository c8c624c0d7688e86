#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "grpc/call.h"
#include "grpc/inflater.h"

#define MOST ((size_t)1 << 20)
#define ZLIB 15
#define GZIP (15 + 16)
#define RAW (-15)

static struct gw_slice encoding_of(int format)
{
    return format == GZIP ? GW_SLICE("gzip") : GW_SLICE("deflate");
}

static struct gw_buf compressed(int format, struct gw_slice plain)
{
    z_stream zlib = {0};
    struct gw_buf out = GW_BUF_HEAP;
    assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&zlib, plain.len);
    zlib.next_out = (Bytef *)gw_buf_reserve(&out, bound);
    zlib.avail_out = (uInt)bound;
    zlib.next_in = (Bytef *)(uintptr_t)plain.base;
    zlib.avail_in = (uInt)plain.len;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    out.len = zlib.total_out;
    deflateEnd(&zlib);
    return out;
}

/* Text that repeats itself, but not at once. */
static struct gw_buf text_of(size_t length)
{
    struct gw_buf text = GW_BUF_HEAP;
    for (unsigned n = 1; text.len < length; n = n * 1103515245 + 12345)
        gw_buf_append_u64(&text, n >> 8);
    text.len = length;
    return text;
}

static int run_with(struct gw_inflater *inflater, size_t share)
{
    int rc;
    size_t work = share;
    while ((rc = gw_inflater_run(inflater, &work)) == GW_INFLATE_MORE || rc == GW_INFLATE_ROOM) {
        if (rc == GW_INFLATE_ROOM) {
            assert_true(gw_inflater_next_room(inflater) > gw_inflater_room(inflater));
            gw_inflater_grow(inflater);
        } else {
            assert_int_equal(work, 0);
            assert_true(gw_inflater_is_busy(inflater));
            gw_inflater_keep(inflater);
            work = share;
        }
    }
    return rc;
}

/* What comes of it, framed; on the heap, so that reading beyond its end is seen. */
static int inflate_all(struct gw_slice encoding, struct gw_slice message, size_t most,
                       struct gw_buf *ret_framed)
{
    struct gw_inflater *inflater = gw_inflater_create(encoding, most);
    char *bytes = malloc(message.len + 1);
    memcpy(bytes, message.base, message.len);
    gw_inflater_begin(inflater, gw_slice(bytes, message.len));
    int rc = run_with(inflater, SIZE_MAX);
    free(bytes);
    if (rc == GW_INFLATE_DONE) {
        assert_false(gw_inflater_is_busy(inflater));
        gw_buf_append(ret_framed, gw_inflater_framed(inflater));
    }
    gw_inflater_destroy(inflater);
    return rc;
}

static void assert_framed(const struct gw_buf *framed, struct gw_slice plain)
{
    char prefix[GW_GRPC_PREFIX_BYTES];
    gw_grpc_prefix_write(prefix, (uint32_t)plain.len);
    assert_int_equal(framed->len, plain.len + sizeof(prefix));
    assert_memory_equal(framed->base, prefix, sizeof(prefix));
    if (plain.len > 0)
        assert_memory_equal(framed->base + sizeof(prefix), plain.base, plain.len);
}

static void both_formats_are_inflated_at_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 65530, 65531, 65532, 131067, 300000, MOST};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct gw_buf plain = text_of(sizes[i]);
        for (int format = ZLIB; format <= GZIP; format += GZIP - ZLIB) {
            struct gw_buf message = compressed(format, gw_buf_slice(&plain)), framed = GW_BUF_HEAP;
            assert_int_equal(
                inflate_all(encoding_of(format), gw_buf_slice(&message), MOST, &framed),
                GW_INFLATE_DONE);
            assert_framed(&framed, gw_buf_slice(&plain));
            gw_buf_dispose(&message);
            gw_buf_dispose(&framed);
        }
        gw_buf_dispose(&plain);
    }
}

static void messages_follow_each_other(void **state)
{
    (void)state;
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("gzip"), MOST);
    for (size_t length = 10; length < 500000; length *= 7) {
        struct gw_buf plain = text_of(length);
        struct gw_buf message = compressed(GZIP, gw_buf_slice(&plain));
        gw_inflater_begin(inflater, gw_buf_slice(&message));
        assert_int_equal(run_with(inflater, 10000), GW_INFLATE_DONE);
        struct gw_buf framed = GW_BUF_HEAP;
        gw_buf_append(&framed, gw_inflater_framed(inflater));
        assert_framed(&framed, gw_buf_slice(&plain));
        gw_inflater_release(inflater);
        gw_buf_dispose(&framed);
        gw_buf_dispose(&message);
        gw_buf_dispose(&plain);
    }
    gw_inflater_destroy(inflater);
}

static void what_is_kept_needs_no_message(void **state)
{
    (void)state;
    struct gw_buf plain = text_of(200000);
    struct gw_buf message = compressed(ZLIB, gw_buf_slice(&plain));
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("deflate"), MOST);
    size_t work = 1000;
    gw_inflater_begin(inflater, gw_buf_slice(&message));
    assert_int_equal(gw_inflater_run(inflater, &work), GW_INFLATE_MORE);
    gw_inflater_keep(inflater);
    memset(message.base, 'x', message.len);
    gw_inflater_keep(inflater);
    assert_int_equal(run_with(inflater, 1000), GW_INFLATE_DONE);
    assert_memory_equal(gw_inflater_framed(inflater).base + GW_GRPC_PREFIX_BYTES, plain.base,
                        plain.len);
    gw_inflater_destroy(inflater);
    gw_buf_dispose(&message);
    gw_buf_dispose(&plain);
}

static void one_that_is_not_done_is_destroyed(void **state)
{
    (void)state;
    struct gw_buf plain = text_of(200000);
    struct gw_buf message = compressed(GZIP, gw_buf_slice(&plain));
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("gzip"), MOST);
    size_t work = 1;
    gw_inflater_begin(inflater, gw_buf_slice(&message));
    assert_int_equal(gw_inflater_run(inflater, &work), GW_INFLATE_MORE);
    gw_inflater_destroy(inflater);
    gw_inflater_destroy(NULL);
    gw_buf_dispose(&message);
    gw_buf_dispose(&plain);
}

static void no_message_stands_for_an_empty_one(void **state)
{
    (void)state;
    struct gw_buf framed = GW_BUF_HEAP;
    assert_int_equal(inflate_all(GW_SLICE("gzip"), GW_SLICE(""), 10, &framed), GW_INFLATE_DONE);
    assert_framed(&framed, GW_SLICE(""));
    gw_buf_dispose(&framed);
}

static void the_limit_holds_to_the_byte(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 100, 65531, 65536, 200000};
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct gw_buf plain = text_of(limits[i] + 1), framed = GW_BUF_HEAP;
        struct gw_buf fits = compressed(GZIP, gw_slice(plain.base, limits[i]));
        struct gw_buf over = compressed(GZIP, gw_buf_slice(&plain));
        assert_int_equal(inflate_all(GW_SLICE("gzip"), gw_buf_slice(&fits), limits[i], &framed),
                         GW_INFLATE_DONE);
        assert_framed(&framed, gw_slice(plain.base, limits[i]));
        assert_int_equal(inflate_all(GW_SLICE("gzip"), gw_buf_slice(&over), limits[i], &framed),
                         GW_INFLATE_TOO_LARGE);
        gw_buf_dispose(&fits);
        gw_buf_dispose(&over);
        gw_buf_dispose(&framed);
        gw_buf_dispose(&plain);
    }
}

static void a_bomb_takes_no_more_work_and_room_than_its_limit(void **state)
{
    (void)state;
    struct gw_buf plain = GW_BUF_HEAP;
    memset(gw_buf_reserve(&plain, 64 * MOST), 0, 64 * MOST);
    plain.len = 64 * MOST;
    struct gw_buf bomb = compressed(GZIP, gw_buf_slice(&plain));
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("gzip"), MOST);
    size_t shares = 0, work;
    int rc;
    gw_inflater_begin(inflater, gw_buf_slice(&bomb));
    do {
        assert_true(gw_inflater_room(inflater) <= MOST + GW_GRPC_PREFIX_BYTES);
        work = 65536;
        shares++;
        while ((rc = gw_inflater_run(inflater, &work)) == GW_INFLATE_ROOM)
            gw_inflater_grow(inflater);
    } while (rc == GW_INFLATE_MORE);
    assert_int_equal(rc, GW_INFLATE_TOO_LARGE);
    assert_in_range(shares, 16, 24);
    gw_inflater_destroy(inflater);
    gw_buf_dispose(&bomb);
    gw_buf_dispose(&plain);
}

static void room_is_asked_for_before_it_is_taken(void **state)
{
    (void)state;
    struct gw_buf plain = text_of(400000);
    struct gw_buf message = compressed(GZIP, gw_buf_slice(&plain));
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("gzip"), MOST);
    size_t work = SIZE_MAX, asked = 0;
    gw_inflater_begin(inflater, gw_buf_slice(&message));
    while (gw_inflater_run(inflater, &work) == GW_INFLATE_ROOM) {
        assert_int_equal(gw_inflater_framed(inflater).len, gw_inflater_room(inflater));
        /* Until it is given there is no going on. */
        assert_int_equal(gw_inflater_run(inflater, &work), GW_INFLATE_ROOM);
        gw_inflater_grow(inflater);
        asked++;
    }
    assert_int_equal(asked, 3); /* 64 KiB, 128, 256, 512 */
    gw_inflater_destroy(inflater);
    gw_buf_dispose(&message);
    gw_buf_dispose(&plain);
}

static void assert_broken(struct gw_slice encoding, struct gw_slice message)
{
    assert_int_equal(inflate_all(encoding, message, MOST, NULL), GW_INFLATE_BROKEN);
}

static void what_is_cut_off_is_broken(void **state)
{
    (void)state;
    struct gw_buf plain = text_of(3000);
    for (int format = ZLIB; format <= GZIP; format += GZIP - ZLIB) {
        struct gw_buf message = compressed(format, gw_buf_slice(&plain));
        for (size_t length = 1; length < message.len; length++)
            assert_broken(encoding_of(format), gw_slice(message.base, length));
        gw_buf_dispose(&message);
    }
    gw_buf_dispose(&plain);
}

static void what_stands_behind_it_is_broken(void **state)
{
    (void)state;
    struct gw_buf zlib = compressed(ZLIB, GW_SLICE("abc")),
                  gzip = compressed(GZIP, GW_SLICE("abc"));
    gw_buf_append(&zlib, gw_buf_slice(&zlib));
    assert_broken(GW_SLICE("deflate"), gw_buf_slice(&zlib));
    gw_buf_append_byte(&gzip, 'x');
    assert_broken(GW_SLICE("gzip"), gw_buf_slice(&gzip));
    gzip.base[gzip.len - 1] = '\x1f';
    assert_broken(GW_SLICE("gzip"), gw_buf_slice(&gzip));
    gw_buf_dispose(&zlib);
    gw_buf_dispose(&gzip);
}

static void another_format_is_broken(void **state)
{
    (void)state;
    struct gw_buf zlib = compressed(ZLIB, GW_SLICE("abc")),
                  gzip = compressed(GZIP, GW_SLICE("abc"));
    struct gw_buf raw = compressed(RAW, GW_SLICE("abc"));
    assert_broken(GW_SLICE("gzip"), gw_buf_slice(&zlib));
    assert_broken(GW_SLICE("deflate"), gw_buf_slice(&gzip));
    assert_broken(GW_SLICE("deflate"), gw_buf_slice(&raw));
    assert_broken(GW_SLICE("gzip"), GW_SLICE("abcdefghijklmnopqrstuvw"));
    /* A preset dictionary (RFC 1950 section 2.2), which nobody has agreed upon. */
    assert_broken(GW_SLICE("deflate"), GW_SLICE("\x78\xbb\0\0\0\1\3\0\0\0\0\1"));
    /* A checksum that is wrong. */
    gzip.base[gzip.len - 8] ^= 1;
    assert_broken(GW_SLICE("gzip"), gw_buf_slice(&gzip));
    gw_buf_dispose(&zlib);
    gw_buf_dispose(&gzip);
    gw_buf_dispose(&raw);
}

static void a_gzip_file_of_several_members_is_read_whole(void **state)
{
    (void)state;
    struct gw_buf file = compressed(GZIP, GW_SLICE("abc")), more = compressed(GZIP, GW_SLICE("de"));
    struct gw_buf none = compressed(GZIP, GW_SLICE("")), framed = GW_BUF_HEAP;
    gw_buf_append(&file, gw_buf_slice(&none));
    gw_buf_append(&file, gw_buf_slice(&more));
    assert_int_equal(inflate_all(GW_SLICE("gzip"), gw_buf_slice(&file), 5, &framed),
                     GW_INFLATE_DONE);
    assert_framed(&framed, GW_SLICE("abcde"));
    /* The limit is for all of them. */
    assert_int_equal(inflate_all(GW_SLICE("gzip"), gw_buf_slice(&file), 4, &framed),
                     GW_INFLATE_TOO_LARGE);
    gw_buf_dispose(&file);
    gw_buf_dispose(&more);
    gw_buf_dispose(&none);
    gw_buf_dispose(&framed);
}

/* Members without a byte, and blocks without one, make nothing that a limit would end. */
static void what_makes_nothing_is_work_too(void **state)
{
    (void)state;
    struct gw_buf none = compressed(GZIP, GW_SLICE("")), file = GW_BUF_HEAP;
    while (file.len < 200000)
        gw_buf_append(&file, gw_buf_slice(&none));
    struct gw_inflater *inflater = gw_inflater_create(GW_SLICE("gzip"), MOST);
    size_t shares = 0, work;
    gw_inflater_begin(inflater, gw_buf_slice(&file));
    do {
        work = 100000;
        shares++;
    } while (gw_inflater_run(inflater, &work) == GW_INFLATE_MORE);
    assert_in_range(shares, 200, 500);
    assert_int_equal(gw_inflater_framed(inflater).len, GW_GRPC_PREFIX_BYTES);
    gw_inflater_destroy(inflater);
    gw_buf_dispose(&none);
    gw_buf_dispose(&file);
}

static void names_of_encodings(void **state)
{
    (void)state;
    assert_true(gw_inflater_is_identity(GW_SLICE("")));
    assert_true(gw_inflater_is_identity(GW_SLICE("identity")));
    assert_false(gw_inflater_is_identity(GW_SLICE("gzip")));
    assert_null(gw_inflater_create(GW_SLICE("identity"), MOST));
    assert_null(gw_inflater_create(GW_SLICE("snappy"), MOST));
    assert_null(gw_inflater_create(GW_SLICE("gzip,gzip"), MOST));
    assert_true(gw_inflater_is_listed(GW_SLICE("identity,gzip"), GW_SLICE("gzip")));
    assert_true(gw_inflater_is_listed(GW_SLICE(" gzip\t, deflate"), GW_SLICE("gzip")));
    assert_true(gw_inflater_is_listed(GW_SLICE(",, deflate "), GW_SLICE("deflate")));
    assert_false(gw_inflater_is_listed(GW_SLICE("xgzip,gzipx"), GW_SLICE("gzip")));
    assert_false(gw_inflater_is_listed(GW_SLICE(""), GW_SLICE("gzip")));
    assert_false(gw_inflater_is_listed(GW_SLICE("gzip"), GW_SLICE("snappy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_are_inflated_at_every_size),
        cmocka_unit_test(messages_follow_each_other),
        cmocka_unit_test(what_is_kept_needs_no_message),
        cmocka_unit_test(one_that_is_not_done_is_destroyed),
        cmocka_unit_test(no_message_stands_for_an_empty_one),
        cmocka_unit_test(the_limit_holds_to_the_byte),
        cmocka_unit_test(a_bomb_takes_no_more_work_and_room_than_its_limit),
        cmocka_unit_test(room_is_asked_for_before_it_is_taken),
        cmocka_unit_test(what_is_cut_off_is_broken),
        cmocka_unit_test(what_stands_behind_it_is_broken),
        cmocka_unit_test(another_format_is_broken),
        cmocka_unit_test(a_gzip_file_of_several_members_is_read_whole),
        cmocka_unit_test(what_makes_nothing_is_work_too),
        cmocka_unit_test(names_of_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
