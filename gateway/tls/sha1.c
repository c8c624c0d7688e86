#include "tls/sha1.h"

#include <openssl/sha.h>

void gw_sha1(struct gw_slice bytes, unsigned char out[GW_SHA1_BYTES])
{
    SHA1((const unsigned char *)bytes.base, bytes.len, out);
}
