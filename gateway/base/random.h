/* Random numbers, a generator for each thread, seeded by the kernel. Not for secrets. */
#ifndef GW_BASE_RANDOM_H
#define GW_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

uint64_t gw_random_u64(void);
/* Uniform in 0 .. bound - 1, without bias; bound is at least 1. */
uint32_t gw_random_below(uint32_t bound);
void gw_random_bytes(void *out, size_t count);

#define GW_UUID_LENGTH 36
/* Version 4 (RFC 9562 section 5.4), lower case, terminated. */
void gw_random_uuid(char out[GW_UUID_LENGTH + 1]);

#endif
