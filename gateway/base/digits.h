/* Numbers in decimal digits, two at a time. Each function needs room at `to` and returns where what
 * it wrote ends; nothing is terminated. */
#ifndef GW_BASE_DIGITS_H
#define GW_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* "00" to "99", one behind the other. */
extern const char gw_digit_pairs[201];

#define GW_DIGITS_MAX 20
/* At most GW_DIGITS_MAX digits. */
char *gw_digits_put(char *to, uint64_t n);

/* Exactly 2 digits of n, below 100. */
static inline char *gw_digits_put_2(char *to, uint32_t n)
{
    memcpy(to, gw_digit_pairs + 2 * n, 2);
    return to + 2;
}

/* Exactly 3 digits of n, below 1,000. */
static inline char *gw_digits_put_3(char *to, uint32_t n)
{
    *to = (char)('0' + n / 100);
    return gw_digits_put_2(to + 1, n % 100);
}

/* Exactly 4 digits of n, below 10,000. */
static inline char *gw_digits_put_4(char *to, uint32_t n)
{
    return gw_digits_put_2(gw_digits_put_2(to, n / 100), n % 100);
}

#endif
