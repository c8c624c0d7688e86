#include "base/random.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/encoding.h"

/* xoshiro256** (Blackman and Vigna, 2018). */
static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static void seed(void)
{
    while (getrandom(state, sizeof(state), 0) != (ssize_t)sizeof(state))
        ;
    seeded = true;
}

uint64_t gw_random_u64(void)
{
    if (!seeded)
        seed();
    uint64_t result = rotate(state[1] * 5, 7) * 9, t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 45);
    return result;
}

uint32_t gw_random_below(uint32_t bound)
{
    /* Lemire, "Fast random integer generation in an interval", 2019. */
    uint64_t m = (gw_random_u64() >> 32) * bound;
    if ((uint32_t)m < bound) {
        uint32_t threshold = -bound % bound;
        while ((uint32_t)m < threshold)
            m = (gw_random_u64() >> 32) * bound;
    }
    return (uint32_t)(m >> 32);
}

void gw_random_bytes(void *out, size_t count)
{
    for (char *p = out; count > 0;) {
        uint64_t word = gw_random_u64();
        size_t n = count < sizeof(word) ? count : sizeof(word);
        memcpy(p, &word, n);
        p += n;
        count -= n;
    }
}

void gw_random_uuid(char out[GW_UUID_LENGTH + 1])
{
    uint8_t bytes[16];
    gw_random_bytes(bytes, sizeof(bytes));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    const uint8_t *from = bytes;
    for (size_t i = 0; i < sizeof(groups); i++) {
        gw_hex_encode(out, from, groups[i]);
        out += 2 * groups[i];
        from += groups[i];
        *out++ = i + 1 < sizeof(groups) ? '-' : '\0';
    }
}
