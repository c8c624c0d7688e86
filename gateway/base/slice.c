#include "base/slice.h"

#include <stdint.h>

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The same of up to eight bytes: with their high bits off, sums do not carry into the next. */
static inline uint64_t lower_word(const char *at, size_t count)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word = 0;
    memcpy(&word, at, count);
    uint64_t low = word & ones * 0x7f;
    uint64_t from_a = low + ones * (0x80 - 'A'), above_z = low + ones * (0x7f - 'Z');
    return word | (from_a & ~above_z & ~word & ones * 0x80) >> 2;
}

bool gw_slice_eq_nocase(struct gw_slice a, struct gw_slice b)
{
    if (a.len != b.len)
        return false;
    size_t i = 0;
    for (; a.len - i >= 8; i += 8) {
        if (lower_word(a.base + i, 8) != lower_word(b.base + i, 8))
            return false;
    }
    if (a.len - i >= 4) {
        if (lower_word(a.base + i, 4) != lower_word(b.base + i, 4))
            return false;
        i += 4;
    }
    for (; i < a.len; i++) {
        if (lower(a.base[i]) != lower(b.base[i]))
            return false;
    }
    return true;
}

struct gw_slice gw_slice_trim(struct gw_slice s)
{
    while (s.len > 0 && (s.base[0] == ' ' || s.base[0] == '\t'))
        s = gw_slice_from(s, 1);
    while (s.len > 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
        s.len--;
    return s;
}
