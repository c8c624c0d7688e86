/* Text encodings of bytes: base64 (RFC 4648), hexadecimal, percent-encoding (RFC 3986 section 2.1).
 */
#ifndef GW_BASE_ENCODING_H
#define GW_BASE_ENCODING_H

#include <stdint.h>

#include "base/buf.h"

/* Standard alphabet, with padding. */
void gw_base64_encode(struct gw_buf *out, struct gw_slice bytes);
/* Standard or URL-safe alphabet, padded or not. Appends; -1 if it is not base64 (out is as before).
 */
int gw_base64_decode(struct gw_buf *out, struct gw_slice text);

/* Standard alphabet, with all of its padding or none, and no bits left over that are not 0 (RFC
 * 4648 section 3.5): what every decoder takes, and all take for the same. */
bool gw_base64_is_canonical(struct gw_slice text);

/* Several such texts, one behind the other; all but the last end with padding. */
int gw_base64_decode_pieces(struct gw_buf *out, struct gw_slice text);

/* Of one digit; -1 where it is none. */
int gw_hex_value(char c);
/* Lower-case digits, 2 for each byte, not terminated. */
void gw_hex_encode(char *out, const uint8_t *bytes, size_t count);
/* Exactly 2 * count digits of either case; -1 otherwise. */
int gw_hex_decode(uint8_t *out, size_t count, struct gw_slice text);

/* The byte that the escape at text.base[at], a '%', stands for; -1 where it is broken. */
int gw_percent_byte(struct gw_slice text, size_t at);
/* Decodes %XX; `plus_is_space` for query strings (HTML forms). Returns `text` itself where nothing
 * is encoded, else a copy in the pool. -1 for a broken escape, with its offset in *ret_position. */
int gw_percent_decode(gw_pool *pool, struct gw_slice text, bool plus_is_space,
                      struct gw_slice *ret_decoded, size_t *ret_position);
/* grpc-message (grpc/doc/PROTOCOL-HTTP2.md): everything but printable ASCII and '%' is escaped, and
 * space around it, with which a field would be malformed (RFC 9113 section 8.2.1). */
void gw_grpc_message_encode(struct gw_buf *out, struct gw_slice text);
/* The reverse; a broken escape stays as it is. */
void gw_grpc_message_decode(struct gw_buf *out, struct gw_slice text);

#endif
