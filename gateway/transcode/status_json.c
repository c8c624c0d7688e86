#include "base/status.h"
#include "transcode/json_reader.h"
#include "transcode/json_writer.h"
#include "transcode/transcode.h"

/* google/rpc/status.proto. */
#define STATUS_DETAILS 3

static bool is_well_formed(const struct gw_json_writer *w, struct gw_slice wire)
{
    struct gw_wire_value value;
    if (wire.len == 0)
        return true;
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at != NULL && at < end)
        at = gw_json_writer_next(w, at, end, &value);
    return at != NULL;
}

/* The schema may lack it. */
static const struct gw_message_type any_type = {.full_name = GW_SLICE_INIT("google.protobuf.Any"),
                                                .well_known = GW_WKT_ANY};

static void append_detail(struct gw_json_writer *w, struct gw_slice any)
{
    struct gw_json_writer detail = *w;
    size_t start = w->out->len;
    gw_json_append_comma(w->out, '[');
    if (gw_json_write_message(&detail, &any_type, any) != 0)
        w->out->len = start;
}

/* As text first: what a sink got cannot be taken back. */
static void give_detail(struct gw_json_writer *w, struct gw_slice any)
{
    struct gw_json_writer text = *w, detail = *w;
    size_t start = w->out->len;
    text.sink = NULL;
    bool is_sound = gw_json_write_message(&text, &any_type, any) == 0;
    w->out->len = start;
    if (is_sound)
        gw_json_write_message(&detail, &any_type, any);
}

static void append_details(struct gw_json_writer *w, struct gw_slice status)
{
    struct gw_wire_value value;
    if (status.len == 0 || !is_well_formed(w, status))
        return;
    const char *at = status.base, *end = status.base + status.len;
    while (at < end) {
        at = gw_json_writer_next(w, at, end, &value);
        if (value.number == STATUS_DETAILS && value.wire_type == GW_WIRE_BYTES)
            w->sink != NULL ? give_detail(w, value.bytes) : append_detail(w, value.bytes);
    }
}

void gw_status_to_json(const struct gw_schema *schema, int code, struct gw_slice message,
                       struct gw_slice details, const struct gw_json_options *options,
                       gw_pool *pool, struct gw_buf *out)
{
    struct gw_json_writer w = {
        .out = out, .pool = pool, .schema = schema, .options = options, .max_len = SIZE_MAX};
    gw_buf_append(out, GW_SLICE("{\"code\":"));
    gw_buf_append_i64(out, code);
    gw_buf_append(out, GW_SLICE(",\"message\":"));
    gw_buf_append_json_string(out, message);
    gw_buf_append(out, GW_SLICE(",\"details\":["));
    append_details(&w, details);
    gw_buf_append(out, GW_SLICE("]}"));
}

static int read_code(struct gw_json_reader *r, int64_t *ret_code)
{
    struct gw_number number;
    if (gw_json_read_number(r, "a code", &number) != 0)
        return -1;
    return gw_number_to_i64(&number, GW_OK + 1, GW_STATUS_COUNT - 1, ret_code) == GW_NUMBER_OK ? 0
                                                                                               : -1;
}

static int read_status_member(struct gw_json_reader *r, struct gw_slice key, int64_t *code,
                              struct gw_slice *message)
{
    if (gw_slice_eq(key, GW_SLICE("code")))
        return read_code(r, code);
    if (gw_slice_eq(key, GW_SLICE("message")) && gw_json_peek(r) == '"')
        return gw_json_read_string(r, message);
    return gw_json_skip(r);
}

bool gw_status_from_json(struct gw_slice json, gw_pool *pool, int *ret_code,
                         struct gw_slice *ret_message)
{
    struct gw_json_reader r = {
        .at = json.base, .end = json.base + json.len, .text = json.base, .pool = pool};
    int64_t code = GW_OK;
    struct gw_slice key, message = {"", 0};
    if (json.len == 0 || gw_json_open(&r, '{', "an object") != 0)
        return false;
    int more;
    for (bool is_first = true; (more = gw_json_next(&r, '}', is_first)) > 0; is_first = false) {
        if (gw_json_read_string(&r, &key) != 0 || gw_json_colon(&r) != 0 ||
            read_status_member(&r, key, &code, &message) != 0)
            return false;
    }
    if (more < 0 || code == GW_OK)
        return false;
    *ret_code = (int)code;
    *ret_message = message;
    return true;
}

void gw_status_details_to_value(const struct gw_schema *schema, struct gw_slice status,
                                gw_pool *pool, struct gw_value_sink *sink)
{
    struct gw_buf scratch = gw_buf_in_pool(pool);
    struct gw_json_writer w = {.out = &scratch,
                               .max_len = SIZE_MAX,
                               .sink = sink,
                               .pool = pool,
                               .schema = schema,
                               .options = &gw_value_json_options};
    gw_json_begin_array(&w);
    append_details(&w, status);
    gw_json_end_array(&w);
}
