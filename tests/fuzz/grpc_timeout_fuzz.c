#include <assert.h>

#include "grpc/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t ns;
    if (gw_grpc_timeout_parse(gw_slice(data, size), &ns) != 0)
        return 0;
    assert(size >= 2 && size <= 9);
    char text[16];
    uint64_t ms = ns / 1000000, again;
    assert(gw_grpc_timeout_parse(gw_slice(text, gw_grpc_timeout_format(text, ms)), &again) == 0);
    assert(again >= ms * 1000000);
    return 0;
}
