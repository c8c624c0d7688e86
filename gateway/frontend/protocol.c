#include "frontend/protocol.h"

static const struct gw_slice media_types[] = {
    [GW_PROTOCOL_REST] = {NULL, 0},
    [GW_PROTOCOL_GRPC] = GW_SLICE_INIT("application/grpc"),
    [GW_PROTOCOL_GRPC_WEB] = GW_SLICE_INIT("application/grpc-web"),
    [GW_PROTOCOL_GRPC_WEB_TEXT] = GW_SLICE_INIT("application/grpc-web-text"),
};

struct gw_slice gw_protocol_media_type(enum gw_protocol protocol)
{
    return media_types[protocol];
}

static size_t length_before(struct gw_slice text, char end)
{
    const char *at = text.len > 0 ? memchr(text.base, end, text.len) : NULL;
    return at != NULL ? (size_t)(at - text.base) : text.len;
}

enum gw_protocol gw_protocol_of(struct gw_slice media_type, struct gw_slice *ret_codec)
{
    if (media_type.len < media_types[GW_PROTOCOL_GRPC].len)
        return GW_PROTOCOL_REST;
    struct gw_slice whole =
        gw_slice_trim(gw_slice(media_type.base, length_before(media_type, ';')));
    struct gw_slice name = gw_slice(whole.base, length_before(whole, '+'));
    for (size_t i = GW_PROTOCOL_GRPC; i < sizeof(media_types) / sizeof(*media_types); i++) {
        if (gw_slice_eq_nocase(name, media_types[i])) {
            *ret_codec = gw_slice_from(whole, name.len);
            return (enum gw_protocol)i;
        }
    }
    return GW_PROTOCOL_REST;
}

enum gw_protocol gw_protocol_accepted(struct gw_slice accept, enum gw_protocol otherwise)
{
    while (accept.len > 0) {
        size_t length = length_before(accept, ',');
        struct gw_slice codec;
        enum gw_protocol protocol = gw_protocol_of(gw_slice(accept.base, length), &codec);
        if (gw_protocol_is_web(protocol))
            return protocol;
        accept = gw_slice_from(accept, length < accept.len ? length + 1 : length);
    }
    return otherwise;
}
