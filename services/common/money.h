/* Amounts of money: doubles in messages (1299.99), whole cents everywhere else, so that sums are
 * exact. */
#ifndef COMMON_MONEY_H
#define COMMON_MONEY_H

#include <stdint.h>

/* One trillion. A double of this size still tells cents apart with three digits to spare. */
#define GW_MONEY_MAX_CENTS INT64_C(100000000000000)

/* NULL and *ret_cents where `amount` is the double nearest to a number with at most two decimals
 * and no further than GW_MONEY_MAX_CENTS from 0; otherwise what is wrong with it, for people. */
const char *gw_money_parse(double amount, int64_t *ret_cents);

/* The double nearest to cents / 100. */
double gw_money_amount(int64_t cents);

/* *sum += count * cents; -1, with *sum as it was, where the result would leave
 * +-GW_MONEY_MAX_CENTS. */
int gw_money_add(int64_t *sum, int64_t cents, int64_t count);

#endif
