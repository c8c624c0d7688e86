#include "frontend/grpc_stream.h"

#include "frontend/grpc_answer.h"
#include "frontend/stream.h"

static void begin(struct gw_exchange *x)
{
    gw_exchange_add_headers(x, x->grpc.content_type);
}

static int append_message(struct gw_exchange *x, struct gw_slice framed, uint64_t count,
                          struct gw_buf *out, struct gw_error *error)
{
    (void)count;
    (void)error;
    gw_grpc_append_messages(x, framed, out);
    return 0;
}

static bool append_end(struct gw_exchange *x, const struct gw_call_result *result, uint64_t count,
                       struct gw_buf *out)
{
    (void)count;
    gw_grpc_append_status(x, result, out);
    return false;
}

static const struct gw_stream_form grpc_form = {
    .take_headers = gw_grpc_take_headers,
    .begin = begin,
    .append_message = append_message,
    .append_end = append_end,
    .answer_failure = gw_grpc_answer,
    .begins_with_headers = true,
};

void gw_grpc_stream_create(struct gw_exchange *x)
{
    gw_stream_create(x, &grpc_form);
}
