#include "frontend/json_stream.h"

#include "frontend/stream.h"
#include "frontend/stream_format.h"
#include "transcode/transcode.h"

static void take_headers(struct gw_exchange *x, const struct gw_metadata *headers)
{
    gw_response_headers_add(x->req, GW_SLICE("grpc-metadata-"), headers);
}

static void begin(struct gw_exchange *x)
{
    h2o_req_t *req = x->req;
    gw_exchange_add_headers(x, x->stream_format->media_type);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-cache"));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_VARY, NULL, H2O_STRLIT("accept"));
}

static int append_message(struct gw_exchange *x, struct gw_slice message, uint64_t count,
                          struct gw_buf *out, struct gw_error *error)
{
    const struct gw_stream_format *format = x->stream_format;
    gw_pool pool; /* of one message: the request's would grow as long as the stream goes on */
    h2o_mem_init_pool(&pool);
    gw_buf_append(out, count == 0 ? format->before_first : format->before);
    int failed = gw_transcode_response(x->route->binding, message, &pool, out, error);
    h2o_mem_clear_pool(&pool);
    gw_buf_append(out, format->after);
    return failed;
}

static void append_error(struct gw_exchange *x, const struct gw_call_result *result, uint64_t count,
                         struct gw_buf *out)
{
    const struct gw_stream_format *format = x->stream_format;
    gw_buf_append(out, count == 0 ? format->before_first_error : format->before_error);
    gw_status_to_json(gw_snapshot_schema(x->worker->frontend->snapshot),
                      gw_exchange_code_of(result), result->message, result->details,
                      &x->route->binding->json, &x->req->pool, out);
    gw_buf_append(out, format->after_error);
}

static bool append_end(struct gw_exchange *x, const struct gw_call_result *result, uint64_t count,
                       struct gw_buf *out)
{
    const struct gw_stream_format *format = x->stream_format;
    if (result->status != GW_OK) {
        append_error(x, result, count, out);
        return format->breaks_off;
    }
    bool has_begun = x->req->res.status != 0;
    if (!has_begun)
        gw_response_headers_add(x->req, GW_SLICE("grpc-trailer-"), &result->trailers);
    gw_buf_append(out, count == 0 ? format->end_of_none : format->end);
    return false;
}

static struct gw_slice heartbeat(const struct gw_exchange *x)
{
    return x->stream_format->heartbeat;
}

static const struct gw_stream_form json_form = {
    .take_headers = take_headers,
    .begin = begin,
    .append_message = append_message,
    .append_end = append_end,
    .answer_failure = gw_exchange_answer_result,
    .heartbeat = heartbeat,
};

#define ACCEPT_HEADERS_MAX 16

int gw_json_stream_create(struct gw_exchange *x)
{
    const h2o_headers_t *headers = &x->req->headers;
    struct gw_slice values[ACCEPT_HEADERS_MAX];
    size_t count = 0;
    for (ssize_t i = -1;
         count < ACCEPT_HEADERS_MAX && (i = h2o_find_header(headers, H2O_TOKEN_ACCEPT, i)) >= 0;)
        values[count++] = gw_slice(headers->entries[i].value.base, headers->entries[i].value.len);
    x->stream_format = gw_stream_format_choose(values, count);
    if (x->stream_format == NULL) {
        gw_exchange_answer_error(x, 406, GW_INVALID_ARGUMENT,
                                 GW_SLICE("accept: expected application/x-ndjson, "
                                          "text/event-stream or application/json"),
                                 (struct gw_slice){0});
        return -1;
    }
    gw_stream_create(x, &json_form);
    return 0;
}
