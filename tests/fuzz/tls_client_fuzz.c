#include <assert.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "tls/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    if (certificate == NULL)
        return 0;
    struct gw_tls_client *client = gw_tls_client_create(certificate);
    assert(client->subject.len <= GW_TLS_SUBJECT_MAX && client->names.len <= GW_TLS_NAMES_MAX);
    for (size_t i = 0; i < client->forwarded.len; i++)
        assert(client->forwarded.base[i] >= ' ' && client->forwarded.base[i] < 0x7f);
    assert(gw_slice_ends_with(client->forwarded, client->names));
    free(client);
    X509_free(certificate);
    return 0;
}
