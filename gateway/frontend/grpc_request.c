#include "frontend/grpc_request.h"

#include "base/encoding.h"
#include "grpc/frame_reader.h"

static uint64_t message_limit(const struct gw_exchange *x)
{
    return x->worker->frontend->config->limits.request_body_bytes;
}

uint64_t gw_grpc_body_limit(const struct gw_exchange *x)
{
    uint64_t framed = message_limit(x) + GW_GRPC_PREFIX_BYTES;
    return x->headers.protocol == GW_PROTOCOL_GRPC_WEB_TEXT ? (framed + 2) / 3 * 4 : framed;
}

static int fail(struct gw_failure *ret_failure, int http_status, int code, struct gw_slice message)
{
    *ret_failure =
        (struct gw_failure){.http_status = http_status, .code = code, .message = message};
    return -1;
}

static int fail_frame(const struct gw_exchange *x, int rc, struct gw_failure *ret_failure)
{
    if (rc != GW_FRAME_TOO_LARGE)
        return fail(ret_failure, 400, GW_INTERNAL, GW_SLICE("a message has an unknown flag"));
    gw_exchange_count_limit(x, GW_LIMIT_REQUEST_BODY);
    return fail(ret_failure, 413, GW_RESOURCE_EXHAUSTED,
                gw_pool_printf(&x->req->pool, "a message is over %llu bytes",
                               (unsigned long long)message_limit(x)));
}

static int fail_cut(struct gw_failure *ret_failure)
{
    return fail(ret_failure, 400, GW_INTERNAL, GW_SLICE("the request ends within a message"));
}

/* grpc/doc/statuscodes.md: UNIMPLEMENTED is a server's word for a number of messages that the
 * method does not take. */
static int fail_count(struct gw_failure *ret_failure)
{
    return fail(ret_failure, 400, GW_UNIMPLEMENTED,
                GW_SLICE("the method takes exactly one message"));
}

static int read_text(const struct gw_exchange *x, struct gw_slice *body)
{
    if (x->headers.protocol != GW_PROTOCOL_GRPC_WEB_TEXT)
        return 0;
    struct gw_buf bytes = gw_buf_in_pool(&x->req->pool);
    if (gw_base64_decode_pieces(&bytes, *body) != 0)
        return -1;
    *body = gw_buf_slice(&bytes);
    return 0;
}

int gw_grpc_request_message(const struct gw_exchange *x, struct gw_slice *ret_framed,
                            struct gw_failure *ret_failure)
{
    struct gw_slice body = x->body->bytes;
    size_t size;
    if (read_text(x, &body) != 0)
        return fail(ret_failure, 400, GW_INTERNAL, GW_SLICE("the body is not base64"));
    if (body.len == 0)
        return fail_count(ret_failure);
    int rc = gw_frame_measure(body, message_limit(x), true, &size);
    if (rc < 0)
        return fail_frame(x, rc, ret_failure);
    if (rc == GW_FRAME_MORE || size > body.len)
        return fail_cut(ret_failure);
    if (size < body.len)
        return fail_count(ret_failure);
    *ret_framed = body;
    return 0;
}

/* Of base64 as much as holds a prefix, in the smallest pieces. */
#define TEXT_LOOKED_AT 20

bool gw_grpc_request_is_too_large(const void *arg, struct gw_slice bytes)
{
    const struct gw_exchange *x = arg;
    struct gw_buf begin = GW_BUF_HEAP;
    size_t size;
    if (x->headers.protocol == GW_PROTOCOL_GRPC_WEB_TEXT) {
        size_t length = bytes.len < TEXT_LOOKED_AT ? bytes.len : TEXT_LOOKED_AT;
        if (gw_base64_decode_pieces(&begin, gw_slice(bytes.base, length / 4 * 4)) != 0)
            begin.len = 0;
        bytes = gw_buf_slice(&begin);
    }
    bool is_too_large =
        gw_frame_measure(bytes, message_limit(x), true, &size) == GW_FRAME_TOO_LARGE;
    gw_buf_dispose(&begin);
    return is_too_large;
}

int gw_grpc_request_measure(const struct gw_exchange *x, struct gw_slice bytes, size_t *ret_size,
                            struct gw_failure *ret_failure)
{
    int rc = gw_frame_measure_whole(bytes, message_limit(x), ret_size);
    if (rc < 0)
        return fail_frame(x, rc, ret_failure);
    if (*ret_size == 0 && bytes.len > 0 && x->body->is_complete)
        return fail_cut(ret_failure);
    return 0;
}
