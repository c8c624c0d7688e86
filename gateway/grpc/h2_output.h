/* What an nghttp2 session has to send, collected into one write for each loop turn.
 *
 * libh2o takes one write at a time. While one is under way nothing more is pulled out of nghttp2:
 * frames stay in its queues, where a reset still overtakes data, and memory stays bounded when the
 * peer does not read. A connection that is idle holds no buffer. */
#ifndef GW_GRPC_H2_OUTPUT_H
#define GW_GRPC_H2_OUTPUT_H

#include <h2o/socket.h>
#include <nghttp2/nghttp2.h>

#include "base/recycle.h"

/* Of one write, but for the frame that goes over it. */
#define GW_H2_OUTPUT_BYTES ((size_t)256 << 10)

/* Embedded by value; empty with all but recycler zero. Worker-local. */
struct gw_h2_output {
    struct gw_recycler *recycler; /* where the buffer comes from; borrowed */
    struct gw_buf bytes;          /* being collected or, while `writing`, libh2o's */
    bool writing;
    /* Optional: a HEADERS frame was collected, which begins at bytes.base[at]. It may be made
     * longer, by gw_h2_output_lengthen. */
    void (*on_headers)(struct gw_h2_output *output, size_t at);
};

#define GW_H2_FRAME_HEAD_BYTES 9
/* A payload that every peer takes (RFC 9113 section 4.2). */
#define GW_H2_PAYLOAD_BYTES ((size_t)16 << 10)

/* Pulls frames until there are none or GW_H2_OUTPUT_BYTES are there; nothing while a write is under
 * way. Runs nghttp2's callbacks. Negative: the session is broken (an nghttp2 error code). */
int gw_h2_output_collect(struct gw_h2_output *output, nghttp2_session *session);
/* nghttp2 frames all the DATA it may within one call, so a data source returns NGHTTP2_ERR_PAUSE
 * when this is true. */
static inline bool gw_h2_output_is_full(const struct gw_h2_output *output)
{
    return output->bytes.len >= GW_H2_OUTPUT_BYTES;
}
/* For nghttp2_send_data_callback: a DATA frame without padding, whose payload is copied once. */
void gw_h2_output_data_frame(struct gw_h2_output *output, const uint8_t head[9],
                             struct gw_slice payload);
/* What was appended to bytes belongs to the frame at `at`, which was the last. */
void gw_h2_output_lengthen(struct gw_h2_output *output, size_t at);
/* Writes what was collected, if anything. on_written must begin with gw_h2_output_written. */
void gw_h2_output_write(struct gw_h2_output *output, h2o_socket_t *socket,
                        h2o_socket_cb on_written);
void gw_h2_output_written(struct gw_h2_output *output);
/* After the socket is closed. */
void gw_h2_output_dispose(struct gw_h2_output *output);

#endif
