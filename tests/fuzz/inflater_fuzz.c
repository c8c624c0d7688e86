/* A compressed message. The first byte says in which format (bit 0) and how much work is done at a
 * time. However it is cut, the outcome is the same, the message is within its limit, and no more
 * work is done than the limit and the length of the input allow. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "grpc/call.h"
#include "grpc/inflater.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE ((size_t)200000)

static int inflate_in(size_t share, bool keeps, struct gw_slice message, struct gw_slice encoding,
                      struct gw_buf *framed)
{
    struct gw_inflater *inflater = gw_inflater_create(encoding, MAX_MESSAGE);
    char *bytes = malloc(message.len + 1);
    memcpy(bytes, message.base, message.len);
    gw_inflater_begin(inflater, gw_slice(bytes, message.len));
    size_t shares = 0, work = 0;
    int rc;
    while ((rc = gw_inflater_run(inflater, &work)) == GW_INFLATE_MORE || rc == GW_INFLATE_ROOM) {
        assert(gw_inflater_framed(inflater).len <= gw_inflater_room(inflater));
        if (rc == GW_INFLATE_ROOM) {
            gw_inflater_grow(inflater);
            continue;
        }
        if (keeps && bytes != NULL) {
            gw_inflater_keep(inflater);
            free(bytes);
            bytes = NULL;
        }
        work = share;
        shares++;
    }
    assert(shares <= 2 + MAX_MESSAGE / share + message.len * 512 / share + message.len);
    if (rc == GW_INFLATE_DONE)
        gw_buf_append(framed, gw_inflater_framed(inflater));
    gw_inflater_destroy(inflater);
    free(bytes);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct gw_slice message = gw_slice(data + 1, size - 1);
    struct gw_slice encoding = data[0] & 1 ? GW_SLICE("gzip") : GW_SLICE("deflate");
    struct gw_buf whole = GW_BUF_HEAP, cut = GW_BUF_HEAP;
    int rc = inflate_in(SIZE_MAX, false, message, encoding, &whole);
    int rc_cut = inflate_in(1 + (size_t)data[0] * 64, true, message, encoding, &cut);
    assert(rc == rc_cut && whole.len == cut.len);
    if (rc == GW_INFLATE_DONE) {
        char prefix[GW_GRPC_PREFIX_BYTES];
        gw_grpc_prefix_write(prefix, (uint32_t)(whole.len - sizeof(prefix)));
        assert(whole.len <= MAX_MESSAGE + sizeof(prefix));
        assert(memcmp(whole.base, prefix, sizeof(prefix)) == 0);
        assert(memcmp(whole.base, cut.base, whole.len) == 0);
    }
    gw_buf_dispose(&whole);
    gw_buf_dispose(&cut);
    return 0;
}
