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
    char *p = out;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word = gw_random_u64();
        memcpy(p, &word, 8);
    }
    if (count > 0) {
        uint64_t word = gw_random_u64();
        memcpy(p, &word, count);
    }
}

void gw_random_uuid(char out[GW_UUID_LENGTH + 1])
{
    uint8_t bytes[16];
    gw_random_bytes(bytes, sizeof(bytes));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    char digits[32];
    gw_hex_encode(digits, bytes, sizeof(bytes));
    memcpy(out, digits, 8);
    memcpy(out + 9, digits + 8, 4);
    memcpy(out + 14, digits + 12, 4);
    memcpy(out + 19, digits + 16, 4);
    memcpy(out + 24, digits + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
    out[GW_UUID_LENGTH] = '\0';
}
