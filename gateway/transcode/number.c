#include "transcode/number.h"

#include <math.h>
#include <stdlib.h>

#include "base/digits.h"
#include "transcode/pow10_table.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Room for one more digit in any case. */
#define MANTISSA_FULL ((UINT64_MAX - 9) / 10)

static const char *take_digits(const char *at, const char *end, struct gw_number *n,
                               bool is_fraction)
{
    for (; at < end && is_digit(*at); at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (n->mantissa <= MANTISSA_FULL) {
            n->mantissa = n->mantissa * 10 + digit;
            n->exponent -= is_fraction;
        } else if (!n->is_cut && n->mantissa <= (UINT64_MAX - digit) / 10) {
            n->mantissa = n->mantissa * 10 + digit;
            n->exponent -= is_fraction;
        } else {
            n->is_cut |= digit != 0;
            n->exponent += !is_fraction;
        }
    }
    return at;
}

/* Beyond every double however many digits stand before it, and no overflow in sums. */
#define EXPONENT_MAX 100000

static const char *take_exponent(const char *at, const char *end, struct gw_number *n)
{
    const char *p = at + 1;
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !is_digit(*p))
        return NULL;
    int32_t exponent = 0;
    for (; p < end && is_digit(*p); p++) {
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*p - '0');
    }
    n->exponent += is_negative ? -exponent : exponent;
    return p;
}

size_t gw_number_parse(struct gw_slice text, struct gw_number *ret_number)
{
    const char *at = text.base, *end = text.base + text.len;
    struct gw_number n = {.is_negative = at < end && *at == '-'};
    at += n.is_negative;
    if (at == end || !is_digit(*at))
        return 0;
    if (*at == '0')
        at++;
    else
        at = take_digits(at, end, &n, false);
    if (end - at >= 2 && *at == '.' && is_digit(at[1]))
        at = take_digits(at + 1, end, &n, true);
    else if (at < end && *at == '.')
        return 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = take_exponent(at, end, &n);
        if (at == NULL)
            return 0;
    }
    n.text = gw_slice(text.base, (size_t)(at - text.base));
    *ret_number = n;
    return n.text.len;
}

static enum gw_number_result integer_of(const struct gw_number *number, uint64_t *ret_value)
{
    if (number->text.len > GW_NUMBER_LENGTH_MAX)
        return GW_NUMBER_TOO_LONG;
    uint64_t value = number->mantissa;
    int32_t exponent = number->exponent;
    for (; exponent < 0 && value != 0; exponent++) {
        if (value % 10 != 0 || number->is_cut)
            return GW_NUMBER_NOT_INTEGER;
        value /= 10;
    }
    for (; exponent > 0 && value != 0; exponent--) {
        if (__builtin_mul_overflow(value, 10, &value))
            return GW_NUMBER_OUT_OF_RANGE;
    }
    *ret_value = value;
    return number->is_cut ? GW_NUMBER_OUT_OF_RANGE : GW_NUMBER_OK;
}

enum gw_number_result gw_number_to_i64(const struct gw_number *number, int64_t min, int64_t max,
                                       int64_t *ret_value)
{
    uint64_t magnitude;
    enum gw_number_result result = integer_of(number, &magnitude);
    if (result != GW_NUMBER_OK)
        return result;
    uint64_t limit = number->is_negative ? 0 - (uint64_t)min : (uint64_t)max;
    if (magnitude > limit)
        return GW_NUMBER_OUT_OF_RANGE;
    *ret_value = (int64_t)(number->is_negative ? 0 - magnitude : magnitude);
    return GW_NUMBER_OK;
}

enum gw_number_result gw_number_to_u64(const struct gw_number *number, uint64_t max,
                                       uint64_t *ret_value)
{
    uint64_t magnitude;
    enum gw_number_result result = integer_of(number, &magnitude);
    if (result != GW_NUMBER_OK)
        return result;
    if (magnitude > max || (number->is_negative && magnitude != 0))
        return GW_NUMBER_OUT_OF_RANGE;
    *ret_value = magnitude;
    return GW_NUMBER_OK;
}

/* Exact in a double: what is left is one correctly rounded operation (William Clinger, "How to read
 * floating point numbers accurately"). */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static void terminate(char copy[GW_NUMBER_LENGTH_MAX + 1], struct gw_slice text)
{
    memcpy(copy, text.base, text.len);
    copy[text.len] = '\0';
}

enum gw_number_result gw_number_to_double(const struct gw_number *number, double *ret_value)
{
    if (number->text.len > GW_NUMBER_LENGTH_MAX)
        return GW_NUMBER_TOO_LONG;
    double value;
    if (!number->is_cut && number->mantissa <= UINT64_C(1) << 53 && number->exponent >= -22 &&
        number->exponent <= 22) {
        value = (double)number->mantissa;
        if (number->exponent < 0)
            value /= exact_powers[-number->exponent];
        else
            value *= exact_powers[number->exponent];
        value = number->is_negative ? -value : value;
    } else {
        char copy[GW_NUMBER_LENGTH_MAX + 1];
        terminate(copy, number->text);
        value = strtod(copy, NULL);
    }
    if (isinf(value))
        return GW_NUMBER_OUT_OF_RANGE;
    *ret_value = value;
    return GW_NUMBER_OK;
}

enum gw_number_result gw_number_to_float(const struct gw_number *number, float *ret_value)
{
    if (number->text.len > GW_NUMBER_LENGTH_MAX)
        return GW_NUMBER_TOO_LONG;
    float value;
    if (!number->is_cut && number->mantissa <= 1u << 24 && number->exponent >= -10 &&
        number->exponent <= 10) {
        value = (float)number->mantissa;
        if (number->exponent < 0)
            value /= (float)exact_powers[-number->exponent];
        else
            value *= (float)exact_powers[number->exponent];
        value = number->is_negative ? -value : value;
    } else {
        char copy[GW_NUMBER_LENGTH_MAX + 1];
        terminate(copy, number->text);
        value = strtof(copy, NULL);
    }
    if (isinf(value))
        return GW_NUMBER_OUT_OF_RANGE;
    *ret_value = value;
    return GW_NUMBER_OK;
}

char *gw_number_put_i64(char *to, int64_t n)
{
    if (n >= 0)
        return gw_digits_put(to, (uint64_t)n);
    *to = '-';
    return gw_digits_put(to + 1, 0 - (uint64_t)n);
}

struct decimal {
    uint64_t digits;
    int exponent;
};

/* The high 64 of 192 bits of c times the fraction for 10^k; its last bit says whether anything was
 * left behind. */
static uint64_t multiply_to_odd(int k, uint64_t c)
{
    __uint128_t low = (__uint128_t)pow10_table[k - POW10_FIRST].low * c;
    __uint128_t high = (__uint128_t)pow10_table[k - POW10_FIRST].high * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal in the interval of numbers that round to c * 2^q (not zero), and of those
 * the nearest: Schubfach, by Raffaello Giulietti, "The Schubfach way to render doubles". Where c is
 * the smallest mantissa, the numbers below are half as far away as those above. */
static struct decimal shortest(uint64_t c, int q, bool lower_is_closer)
{
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (struct decimal){c >> -q, 0};
    bool is_open = c % 2 != 0;
    int k = (q * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22;
    int shift = q + ((-k * 1741647) >> 19) + 1;
    uint64_t lower = multiply_to_odd(-k, (4 * c - 2 + lower_is_closer) << shift) + is_open;
    uint64_t value = multiply_to_odd(-k, 4 * c << shift);
    uint64_t upper = multiply_to_odd(-k, (4 * c + 2) << shift) - is_open;

    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below_fits = lower <= 40 * tens, above_fits = 40 * tens + 40 <= upper;
        if (below_fits != above_fits)
            return (struct decimal){tens + above_fits, k + 1};
    }
    bool below_fits = lower <= 4 * s, above_fits = 4 * s + 4 <= upper;
    if (below_fits != above_fits)
        return (struct decimal){s + above_fits, k};
    uint64_t middle = 4 * s + 2;
    return (struct decimal){s + (value > middle || (value == middle && s % 2 != 0)), k};
}

static char *put_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

/* As ECMAScript's Number::toString: plain from 1e-6 up to 1e21, else with an exponent. */
static char *put_decimal(char *to, struct decimal d)
{
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    char digits[20];
    int count = (int)(gw_digits_put(digits, d.digits) - digits);
    int point = count + d.exponent;
    if (point > 21 || point <= -6) {
        *to++ = digits[0];
        if (count > 1) {
            *to++ = '.';
            memcpy(to, digits + 1, (size_t)count - 1);
            to += count - 1;
        }
        *to++ = 'e';
        *to++ = point > 0 ? '+' : '-';
        return gw_digits_put(to, (uint64_t)abs(point - 1));
    }
    if (point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = put_zeros(to, -point);
        memcpy(to, digits, (size_t)count);
        return to + count;
    }
    int before = point < count ? point : count;
    memcpy(to, digits, (size_t)before);
    to += before;
    if (point >= count)
        return put_zeros(to, point - count);
    *to++ = '.';
    memcpy(to, digits + before, (size_t)(count - before));
    return to + count - before;
}

/* Readers that take "-0" for an integer lose its sign. */
static char *put_zero(char *to, bool is_negative)
{
    const char *zero = is_negative ? "0.0" : "0";
    size_t length = is_negative ? 3 : 1;
    memcpy(to, zero, length);
    return to + length;
}

char *gw_number_put_double(char *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if (bits >> 63)
        *to++ = '-';
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (exponent == 0 && fraction == 0)
        return put_zero(to, bits >> 63 != 0);
    if (exponent == 0)
        return put_decimal(to, shortest(fraction, -1074, false));
    return put_decimal(
        to, shortest(fraction | UINT64_C(1) << 52, exponent - 1075, fraction == 0 && exponent > 1));
}

char *gw_number_put_float(char *to, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if (bits >> 31)
        *to++ = '-';
    uint32_t fraction = bits & ((1u << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xff);
    if (exponent == 0 && fraction == 0)
        return put_zero(to, bits >> 31 != 0);
    if (exponent == 0)
        return put_decimal(to, shortest(fraction, -149, false));
    return put_decimal(
        to, shortest(fraction | 1u << 23, exponent - 150, fraction == 0 && exponent > 1));
}
