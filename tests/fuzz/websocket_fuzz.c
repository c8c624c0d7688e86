/* The first byte says in pieces of which size a client's bytes come. What comes of them must not
 * depend on it. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "frontend/websocket_frames.h"

#define LIMIT 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_end(enum gw_websocket_kind kind)
{
    return kind == GW_WEBSOCKET_CLOSE || kind == GW_WEBSOCKET_FAULT;
}

static void check(const struct gw_websocket_event *event)
{
    assert(event->payload.len <= LIMIT);
    assert(event->kind == GW_WEBSOCKET_TEXT || event->payload.len <= GW_WEBSOCKET_CONTROL_MAX);
    assert(event->kind == GW_WEBSOCKET_PING || event->kind == GW_WEBSOCKET_PONG ||
           gw_utf8_check(event->payload) == event->payload.len);
    assert(!is_end(event->kind) || event->code >= 1000);
}

static void read_all(struct gw_slice bytes, size_t step, struct gw_buf *out)
{
    struct gw_websocket_frames frames;
    struct gw_websocket_event event = {.kind = GW_WEBSOCKET_MORE};
    gw_websocket_frames_init(&frames, LIMIT);
    for (size_t from = 0; from < bytes.len && !is_end(event.kind); from += step) {
        size_t length = bytes.len - from < step ? bytes.len - from : step;
        char *copy = gw_realloc(NULL, length);
        memcpy(copy, bytes.base + from, length);
        struct gw_slice piece = gw_slice(copy, length);
        do {
            gw_websocket_read(&frames, &piece, &event);
            check(&event);
            if (event.kind != GW_WEBSOCKET_MORE)
                gw_buf_printf(out, "%d %d %.*s\n", event.kind, event.code,
                              GW_SLICE_ARG(event.payload));
        } while (event.kind != GW_WEBSOCKET_MORE && !is_end(event.kind));
        assert(is_end(event.kind) || piece.len == 0);
        free(copy);
    }
    gw_websocket_frames_dispose(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct gw_slice bytes = gw_slice(data + 1, size - 1);
    struct gw_buf whole = GW_BUF_HEAP, pieces = GW_BUF_HEAP;
    read_all(bytes, bytes.len, &whole);
    read_all(bytes, data[0] % 16 + 1, &pieces);
    assert(gw_slice_eq(gw_buf_slice(&whole), gw_buf_slice(&pieces)));
    gw_buf_dispose(&whole);
    gw_buf_dispose(&pieces);
    return 0;
}
