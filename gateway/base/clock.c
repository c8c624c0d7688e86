#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/digits.h"

uint64_t gw_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t gw_clock_ms(void)
{
    return gw_clock_ns() / 1000000;
}

int64_t gw_clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void gw_clock_format(char out[GW_TIMESTAMP_LENGTH + 1], int64_t wall_us)
{
    /* A thread formats many stamps of the same second. */
    static _Thread_local int64_t last_second = INT64_MIN;
    static _Thread_local char last_text[20];

    int64_t second = wall_us / 1000000, micros = wall_us % 1000000;
    if (micros < 0) {
        micros += 1000000;
        second--;
    }
    if (second != last_second) {
        struct tm tm;
        gmtime_r(&(time_t){second}, &tm);
        strftime(last_text, sizeof(last_text), "%Y-%m-%dT%H:%M:%S", &tm);
        last_second = second;
    }
    memcpy(out, last_text, 19);
    out[19] = '.';
    char *to = gw_digits_put_3(out + 20, (uint32_t)micros / 1000);
    to = gw_digits_put_3(to, (uint32_t)micros % 1000);
    memcpy(to, "Z", 2);
}
