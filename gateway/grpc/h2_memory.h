/* nghttp2's memory from a loop's recycler: it allocates several blocks for every stream. */
#ifndef GW_GRPC_H2_MEMORY_H
#define GW_GRPC_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

#include "base/loop.h"

/* For nghttp2_session_client_new3 and nghttp2_session_server_new3, which copy it. The session is
 * deleted before the loop is destroyed. */
nghttp2_mem gw_h2_memory(struct gw_loop *loop);

#endif
