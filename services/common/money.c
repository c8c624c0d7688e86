#include "common/money.h"

#include <math.h>
#include <stddef.h>

const char *gw_money_parse(double amount, int64_t *ret_cents)
{
    if (!isfinite(amount))
        return "expected a number";
    if (fabs(amount) > (double)GW_MONEY_MAX_CENTS / 100)
        return "expected at most 1000000000000.00";
    int64_t cents = llround(amount * 100);
    /* Division rounds to the nearest double, and so does reading a decimal: they are equal just
     * where the decimal had no third digit. */
    if ((double)cents / 100 != amount)
        return "expected at most two decimals";
    *ret_cents = cents;
    return NULL;
}

double gw_money_amount(int64_t cents)
{
    return (double)cents / 100;
}

int gw_money_add(int64_t *sum, int64_t cents, int64_t count)
{
    int64_t product, result;
    if (__builtin_mul_overflow(cents, count, &product) ||
        __builtin_add_overflow(*sum, product, &result) || result > GW_MONEY_MAX_CENTS ||
        result < -GW_MONEY_MAX_CENTS)
        return -1;
    *sum = result;
    return 0;
}
