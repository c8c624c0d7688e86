#include "base/encoding.h"

#include <endian.h>

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gw_base64_encode(struct gw_buf *out, struct gw_slice bytes)
{
    if (bytes.len == 0)
        return;
    const unsigned char *p = (const unsigned char *)bytes.base;
    char *to = gw_buf_reserve(out, (bytes.len + 2) / 3 * 4);
    size_t i = 0;
    for (; i + 2 < bytes.len; i += 3) {
        uint32_t n = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        *to++ = base64_alphabet[n >> 18];
        *to++ = base64_alphabet[n >> 12 & 63];
        *to++ = base64_alphabet[n >> 6 & 63];
        *to++ = base64_alphabet[n & 63];
    }
    if (i < bytes.len) {
        bool two = i + 1 < bytes.len;
        uint32_t n = (uint32_t)p[i] << 16 | (two ? (uint32_t)p[i + 1] << 8 : 0);
        *to++ = base64_alphabet[n >> 18];
        *to++ = base64_alphabet[n >> 12 & 63];
        *to++ = two ? base64_alphabet[n >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->len = (size_t)(to - out->base);
}

/* Value of a digit plus one; 0 is "no digit". */
static const uint8_t base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['-'] = 63, ['_'] = 64,
};

int gw_base64_decode(struct gw_buf *out, struct gw_slice text)
{
    size_t digits = text.len;
    if (digits % 4 == 0) {
        for (int i = 0; i < 2 && digits > 0 && text.base[digits - 1] == '='; i++)
            digits--;
    }
    if (digits % 4 == 1)
        return -1;
    char *to = gw_buf_reserve(out, digits / 4 * 3 + 3);
    uint32_t n = 0;
    for (size_t i = 0; i < digits; i++) {
        uint8_t value = base64_values[(unsigned char)text.base[i]];
        if (value == 0)
            return -1;
        n = n << 6 | (uint32_t)(value - 1);
        if (i % 4 == 3) {
            *to++ = (char)(n >> 16);
            *to++ = (char)(n >> 8);
            *to++ = (char)n;
            n = 0;
        }
    }
    if (digits % 4 == 2) {
        *to++ = (char)(n >> 4);
    } else if (digits % 4 == 3) {
        *to++ = (char)(n >> 10);
        *to++ = (char)(n >> 2);
    }
    out->len = (size_t)(to - out->base);
    return 0;
}

bool gw_base64_is_canonical(struct gw_slice text)
{
    size_t digits = text.len;
    if (digits % 4 == 0) {
        for (int i = 0; i < 2 && digits > 0 && text.base[digits - 1] == '='; i++)
            digits--;
    }
    uint8_t value = 1;
    for (size_t i = 0; i < digits; i++) {
        value = base64_values[(unsigned char)text.base[i]];
        if (value == 0 || text.base[i] == '-' || text.base[i] == '_')
            return false;
    }
    unsigned left_over = digits % 4 == 2 ? 0xf : digits % 4 == 3 ? 0x3 : 0;
    return digits % 4 != 1 && ((value - 1u) & left_over) == 0;
}

int gw_base64_decode_pieces(struct gw_buf *out, struct gw_slice text)
{
    size_t before = out->len;
    while (text.len > 0) {
        const char *padding = memchr(text.base, '=', text.len);
        size_t digits = padding != NULL ? (size_t)(padding - text.base) : text.len;
        size_t length = padding != NULL ? (digits + 3) / 4 * 4 : digits;
        if (digits % 4 == 0 && padding != NULL)
            length = text.len; /* no piece ends so */
        if (length > text.len || gw_base64_decode(out, gw_slice(text.base, length)) != 0) {
            out->len = before;
            return -1;
        }
        text = gw_slice_from(text, length);
    }
    return 0;
}

/* The digits of four bytes, side by side in one word; both in the order of memory. */
static uint64_t hex_of(uint32_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t spread = le32toh(bytes);
    spread = (spread | spread << 16) & UINT64_C(0x0000ffff0000ffff);
    spread = (spread | spread << 8) & UINT64_C(0x00ff00ff00ff00ff);
    uint64_t values = (spread >> 4 | spread << 8) & ones * 0x0f;
    uint64_t are_letters = (values + ones * 6) >> 4 & ones;
    return htole64(values + ones * '0' + are_letters * ('a' - '9' - 1));
}

void gw_hex_encode(char *out, const uint8_t *bytes, size_t count)
{
    size_t i = 0;
    for (; count - i >= 4; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, 4);
        uint64_t digits = hex_of(word);
        memcpy(out + 2 * i, &digits, 8);
    }
    for (; i < count; i++) {
        uint64_t digits = hex_of(htole32(bytes[i]));
        memcpy(out + 2 * i, &digits, 2);
    }
}

int gw_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int gw_hex_decode(uint8_t *out, size_t count, struct gw_slice text)
{
    if (text.len != 2 * count)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (gw_hex_value(text.base[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        out[i] =
            (uint8_t)(gw_hex_value(text.base[2 * i]) << 4 | gw_hex_value(text.base[2 * i + 1]));
    return 0;
}

int gw_percent_byte(struct gw_slice text, size_t at)
{
    if (text.len - at < 3)
        return -1;
    int high = gw_hex_value(text.base[at + 1]), low = gw_hex_value(text.base[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Where the first character stands that means another, or text.len. */
static size_t find_encoded(struct gw_slice text, bool plus_is_space)
{
    const char *at = text.len > 0 ? memchr(text.base, '%', text.len) : NULL;
    size_t length = at != NULL ? (size_t)(at - text.base) : text.len;
    at = plus_is_space && length > 0 ? memchr(text.base, '+', length) : NULL;
    return at != NULL ? (size_t)(at - text.base) : length;
}

int gw_percent_decode(gw_pool *pool, struct gw_slice text, bool plus_is_space,
                      struct gw_slice *ret_decoded, size_t *ret_position)
{
    size_t i = find_encoded(text, plus_is_space);
    if (i == text.len) {
        *ret_decoded = text;
        return 0;
    }
    char *decoded = h2o_mem_alloc_pool(pool, text.len);
    memcpy(decoded, text.base, i);
    size_t n = i;
    while (i < text.len) {
        char c = text.base[i];
        if (c == '%') {
            int byte = gw_percent_byte(text, i);
            if (byte < 0) {
                *ret_position = i;
                return -1;
            }
            decoded[n++] = (char)byte;
            i += 3;
        } else {
            decoded[n++] = plus_is_space && c == '+' ? ' ' : c;
            i++;
        }
    }
    *ret_decoded = gw_slice(decoded, n);
    return 0;
}

void gw_grpc_message_encode(struct gw_buf *out, struct gw_slice text)
{
    static const char upper[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.base[i];
        bool is_outer_space = c == ' ' && (i == 0 || i + 1 == text.len);
        if (c >= 0x20 && c <= 0x7e && c != '%' && !is_outer_space)
            gw_buf_append_byte(out, (char)c);
        else
            gw_buf_append(out, gw_slice((char[]){'%', upper[c >> 4], upper[c & 15]}, 3));
    }
}

void gw_grpc_message_decode(struct gw_buf *out, struct gw_slice text)
{
    for (size_t i = 0; i < text.len;) {
        int byte = text.base[i] == '%' ? gw_percent_byte(text, i) : -1;
        gw_buf_append_byte(out, byte >= 0 ? (char)byte : text.base[i]);
        i += byte >= 0 ? 3 : 1;
    }
}
