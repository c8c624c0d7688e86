#include "frontend/error_stream.h"

#include "frontend/grpc.h"
#include "frontend/http_reason.h"
#include "transcode/transcode.h"

struct error_stream {
    h2o_ostream_t super;
    struct gw_exchange *exchange;
};

static void send_error(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                       h2o_send_state_t state)
{
    struct gw_exchange *x = ((struct error_stream *)self)->exchange;
    (void)bufs;
    (void)count;
    h2o_iovec_t body = h2o_iovec_init(x->json.base, x->json.len);
    h2o_ostream_send_next(self, req, &body, gw_exchange_is_head(x) ? 0 : 1, state);
}

h2o_ostream_t **gw_error_stream_put(struct gw_exchange *x, struct gw_slice message,
                                    h2o_ostream_t **slot)
{
    static const struct gw_json_options plain;
    h2o_req_t *req = x->req;
    struct gw_slice content_type = GW_SLICE("application/json");
    int code = gw_status_of_http_error(req->res.status);
    if (gw_protocol_is_web(x->headers.protocol)) {
        content_type = gw_grpc_web_error(x, code, message);
        req->res.status = 200;
    } else {
        gw_status_to_json(gw_snapshot_schema(x->worker->frontend->snapshot), code, message,
                          (struct gw_slice){0}, &plain, &req->pool, &x->json);
    }
    req->res.reason = gw_http_reason(req->res.status);
    req->res.content_length = x->json.len;
    req->res.headers = (h2o_headers_t){0};
    gw_exchange_add_headers(x, content_type);
    gw_exchange_await_taking(x);
    struct error_stream *stream = (void *)h2o_add_ostream(req, sizeof(*stream), slot);
    stream->super.do_send = send_error;
    stream->exchange = x;
    return &stream->super.next;
}
