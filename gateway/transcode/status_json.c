#include "transcode/json_writer.h"
#include "transcode/transcode.h"

/* google/rpc/status.proto. */
#define STATUS_DETAILS 3

static bool is_well_formed(const struct gw_json_writer *w, struct gw_slice wire)
{
    struct gw_wire_value value;
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at != NULL && at < end)
        at = gw_json_writer_next(w, at, end, &value);
    return at != NULL;
}

static void append_detail(struct gw_json_writer *w, struct gw_slice any)
{
    static const struct gw_message_type type = {.full_name = {"google.protobuf.Any", 19},
                                                .well_known = GW_WKT_ANY};
    struct gw_json_writer detail = *w;
    size_t start = w->out->len;
    gw_json_append_comma(w->out, '[');
    if (gw_json_write_message(&detail, &type, any) != 0)
        w->out->len = start;
}

static void append_details(struct gw_json_writer *w, struct gw_slice status)
{
    struct gw_wire_value value;
    const char *at = status.base, *end = status.base + status.len;
    if (!is_well_formed(w, status))
        return;
    while (at < end) {
        at = gw_json_writer_next(w, at, end, &value);
        if (value.number == STATUS_DETAILS && value.wire_type == GW_WIRE_BYTES)
            append_detail(w, value.bytes);
    }
}

void gw_status_to_json(const struct gw_schema *schema, int code, struct gw_slice message,
                       struct gw_slice details, const struct gw_json_options *options,
                       gw_pool *pool, struct gw_buf *out)
{
    struct gw_json_writer w = {.out = out, .pool = pool, .schema = schema, .options = options};
    gw_buf_append(out, GW_SLICE("{\"code\":"));
    gw_buf_append_i64(out, code);
    gw_buf_append(out, GW_SLICE(",\"message\":"));
    gw_buf_append_json_string(out, message);
    gw_buf_append(out, GW_SLICE(",\"details\":["));
    append_details(&w, details);
    gw_buf_append(out, GW_SLICE("]}"));
}
