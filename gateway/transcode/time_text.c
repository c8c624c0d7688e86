#include "transcode/time_text.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/digits.h"

#define SECONDS_A_DAY 86400
#define NANOS_A_SECOND 1000000000

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March,
 * so that the leap day is the last (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
static int64_t days_of(int32_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int32_t era = (year >= 0 ? year : year - 399) / 400;
    int32_t year_of_era = year - era * 400;
    int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

struct date {
    int32_t year, month, day;
};

static struct date date_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int32_t day_of_era = (int32_t)(days - era * 146097);
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t month = (5 * day_of_year + 2) / 153;
    return (struct date){
        .year = (int32_t)(year_of_era + era * 400) + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* What is left to read. */
struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Exactly `width` digits of a number in min .. max. */
static bool take_number(struct cursor *c, int width, int32_t min, int32_t max, int32_t *ret_n)
{
    int32_t n = 0;
    for (int i = 0; i < width; i++, c->at++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return false;
        n = n * 10 + (*c->at - '0');
    }
    *ret_n = n;
    return n >= min && n <= max;
}

/* Nothing, or a point and 1 to 9 digits. */
static bool take_fraction(struct cursor *c, int32_t *ret_nanos)
{
    *ret_nanos = 0;
    if (!take(c, '.'))
        return true;
    int32_t nanos = 0, unit = NANOS_A_SECOND;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (unit == 1)
            return false;
        nanos = nanos * 10 + (*c->at - '0');
        unit /= 10;
    }
    *ret_nanos = nanos * unit;
    return unit < NANOS_A_SECOND;
}

static bool take_offset(struct cursor *c, int32_t *ret_seconds)
{
    *ret_seconds = 0;
    if (take(c, 'Z'))
        return true;
    bool is_negative = take(c, '-');
    int32_t hours, minutes;
    if ((!is_negative && !take(c, '+')) || !take_number(c, 2, 0, 23, &hours) || !take(c, ':') ||
        !take_number(c, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (is_negative ? -1 : 1);
    return true;
}

int gw_timestamp_parse(struct gw_slice text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct cursor c = {text.base, text.base + text.len};
    struct date d;
    int32_t hour, minute, second, nanos, offset;
    if (!take_number(&c, 4, 1, 9999, &d.year) || !take(&c, '-') ||
        !take_number(&c, 2, 1, 12, &d.month) || !take(&c, '-') ||
        !take_number(&c, 2, 1, days_in_month(d.year, d.month), &d.day) || !take(&c, 'T') ||
        !take_number(&c, 2, 0, 23, &hour) || !take(&c, ':') ||
        !take_number(&c, 2, 0, 59, &minute) || !take(&c, ':') ||
        !take_number(&c, 2, 0, 59, &second) || !take_fraction(&c, &nanos) ||
        !take_offset(&c, &offset) || c.at != c.end)
        return -1;
    int64_t seconds = days_of(d.year, d.month, d.day) * SECONDS_A_DAY + hour * 3600 + minute * 60 +
                      second - offset;
    if (seconds < GW_TIMESTAMP_SECONDS_MIN || seconds > GW_TIMESTAMP_SECONDS_MAX)
        return -1;
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return 0;
}

int gw_duration_parse(struct gw_slice text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct cursor c = {text.base, text.base + text.len};
    bool is_negative = take(&c, '-');
    int64_t seconds = 0;
    const char *first = c.at;
    for (; c.at < c.end && *c.at >= '0' && *c.at <= '9'; c.at++) {
        seconds = seconds * 10 + (*c.at - '0');
        if (seconds > GW_DURATION_SECONDS_MAX)
            return -1;
    }
    int32_t nanos;
    if (c.at == first || !take_fraction(&c, &nanos) || !take(&c, 's') || c.at != c.end)
        return -1;
    *ret_seconds = is_negative ? -seconds : seconds;
    *ret_nanos = is_negative ? -nanos : nanos;
    return 0;
}

static char *put_fraction(char *to, int32_t nanos)
{
    if (nanos == 0)
        return to;
    *to++ = '.';
    uint32_t micros = (uint32_t)nanos / 1000, below_micro = (uint32_t)nanos % 1000;
    to = gw_digits_put_3(to, micros / 1000);
    if (micros % 1000 != 0 || below_micro != 0)
        to = gw_digits_put_3(to, micros % 1000);
    if (below_micro != 0)
        to = gw_digits_put_3(to, below_micro);
    return to;
}

char *gw_timestamp_put(char *to, int64_t seconds, int32_t nanos)
{
    if (seconds < GW_TIMESTAMP_SECONDS_MIN || seconds > GW_TIMESTAMP_SECONDS_MAX || nanos < 0 ||
        nanos >= NANOS_A_SECOND)
        return NULL;
    int64_t days = seconds / SECONDS_A_DAY;
    int32_t of_day = (int32_t)(seconds % SECONDS_A_DAY);
    if (of_day < 0) {
        of_day += SECONDS_A_DAY;
        days--;
    }
    struct date d = date_of(days);
    to = gw_digits_put_4(to, (uint32_t)d.year);
    *to++ = '-';
    to = gw_digits_put_2(to, (uint32_t)d.month);
    *to++ = '-';
    to = gw_digits_put_2(to, (uint32_t)d.day);
    *to++ = 'T';
    to = gw_digits_put_2(to, (uint32_t)of_day / 3600);
    *to++ = ':';
    to = gw_digits_put_2(to, (uint32_t)of_day / 60 % 60);
    *to++ = ':';
    to = gw_digits_put_2(to, (uint32_t)of_day % 60);
    to = put_fraction(to, nanos);
    *to++ = 'Z';
    return to;
}

char *gw_duration_put(char *to, int64_t seconds, int32_t nanos)
{
    if (seconds < -GW_DURATION_SECONDS_MAX || seconds > GW_DURATION_SECONDS_MAX ||
        nanos <= -NANOS_A_SECOND || nanos >= NANOS_A_SECOND || (seconds < 0 && nanos > 0) ||
        (seconds > 0 && nanos < 0))
        return NULL;
    if (seconds < 0 || nanos < 0)
        *to++ = '-';
    to = gw_digits_put(to, (uint64_t)(seconds < 0 ? -seconds : seconds));
    to = put_fraction(to, nanos < 0 ? -nanos : nanos);
    *to++ = 's';
    return to;
}
