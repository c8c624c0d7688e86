/* Strings in JSON text, eight bytes a step. */
#ifndef GW_BASE_JSON_TEXT_H
#define GW_BASE_JSON_TEXT_H

#include <endian.h>

#include "base/buf.h"

/* The high bit of each byte that ends a run of plain characters: a quote, a backslash, a control
 * character, anything but ASCII. Exact up to and including the lowest such byte; borrows may mark
 * bytes above it. */
static inline uint64_t gw_json_special_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    /* With bit 1 turned over, '"' follows the control characters, and no other byte does. */
    uint64_t control_or_quote = (word ^ ones * 2) - ones * 0x21;
    uint64_t backslash = (word ^ ones * '\\') - ones;
    return (control_or_quote | backslash | word) & ones * 0x80;
}

static inline uint64_t gw_json_load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

static inline bool gw_json_is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The first byte that is not plain, or end. */
static inline const char *gw_json_skip_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t special = gw_json_special_bytes(gw_json_load_word(at));
        if (special != 0)
            return at + (__builtin_ctzll(special) >> 3);
    }
    while (at < end && gw_json_is_plain(*at))
        at++;
    return at;
}

/* Appends `s` with quotes. -1 where it is not UTF-8; what was appended is then undefined. */
int gw_json_append_string(struct gw_buf *out, struct gw_slice s);

#endif
