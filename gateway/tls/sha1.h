/* SHA-1, for what a protocol wants it for and not for security: WebSocket's accept key. Any thread.
 */
#ifndef GW_TLS_SHA1_H
#define GW_TLS_SHA1_H

#include "base/slice.h"

#define GW_SHA1_BYTES 20

void gw_sha1(struct gw_slice bytes, unsigned char out[GW_SHA1_BYTES]);

#endif
