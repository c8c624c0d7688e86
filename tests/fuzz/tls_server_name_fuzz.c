#include <assert.h>
#include <ctype.h>
#include <stdint.h>

#include "tls/server_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[GW_TLS_NAME_MAX + 1], again[GW_TLS_NAME_MAX + 1];
    if (gw_tls_server_name_parse(gw_slice(data, size), name) != 0)
        return 0;
    assert(strlen(name) == size - 5 && strlen(name) > 0);
    for (const char *at = name; *at != '\0'; at++)
        assert(*at > ' ' && *at < 0x7f && !isupper((unsigned char)*at));
    assert(gw_tls_server_name_normalize(gw_slice_str(name), again) == 0);
    assert(strcmp(name, again) == 0);
    return 0;
}
