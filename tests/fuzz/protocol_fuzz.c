/* A Content-Type or Accept header. */
#include <assert.h>
#include <stdint.h>

#include "frontend/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_slice text = gw_slice(data, size), codec;
    if (gw_protocol_of(text, &codec) != GW_PROTOCOL_REST) {
        assert(codec.len < size);
        assert(codec.len == 0 || codec.base[0] == '+');
    }
    enum gw_protocol accepted = gw_protocol_accepted(text, GW_PROTOCOL_REST);
    assert(accepted == GW_PROTOCOL_REST || gw_protocol_is_web(accepted));
    return 0;
}
