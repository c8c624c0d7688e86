#include "grpc/h2_output.h"

#include <assert.h>

static void append(struct gw_h2_output *output, struct gw_slice bytes)
{
    if (output->bytes.base == NULL)
        output->bytes = gw_recycler_take_buf(output->recycler);
    gw_buf_append(&output->bytes, bytes);
}

int gw_h2_output_collect(struct gw_h2_output *output, nghttp2_session *session)
{
    if (output->writing)
        return 0;
    while (!gw_h2_output_is_full(output)) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(session, &frame);
        if (n <= 0)
            return (int)n;
        size_t at = output->bytes.len;
        append(output, gw_slice(frame, (size_t)n));
        if (output->on_headers != NULL && frame[3] == NGHTTP2_HEADERS)
            output->on_headers(output, at);
    }
    return 0;
}

void gw_h2_output_lengthen(struct gw_h2_output *output, size_t at)
{
    size_t length = output->bytes.len - at - GW_H2_FRAME_HEAD_BYTES;
    assert(length <= GW_H2_PAYLOAD_BYTES);
    char *head = output->bytes.base + at;
    head[0] = 0;
    head[1] = (char)(length >> 8);
    head[2] = (char)length;
}

void gw_h2_output_data_frame(struct gw_h2_output *output, const uint8_t head[9],
                             struct gw_slice payload)
{
    append(output, gw_slice(head, 9));
    append(output, payload);
}

void gw_h2_output_write(struct gw_h2_output *output, h2o_socket_t *socket, h2o_socket_cb on_written)
{
    if (output->writing)
        return;
    if (output->bytes.len == 0)
        return;
    output->writing = true;
    h2o_iovec_t vec = h2o_iovec_init(output->bytes.base, output->bytes.len);
    h2o_socket_write(socket, &vec, 1, on_written);
}

void gw_h2_output_written(struct gw_h2_output *output)
{
    output->writing = false;
    gw_recycler_give_buf(output->recycler, &output->bytes);
}

void gw_h2_output_dispose(struct gw_h2_output *output)
{
    gw_h2_output_written(output);
}
