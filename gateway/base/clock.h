/* Time. Deadlines and durations use the monotonic clock, stamps that people read the wall clock. */
#ifndef GW_BASE_CLOCK_H
#define GW_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic. */
uint64_t gw_clock_ns(void);
uint64_t gw_clock_ms(void);
/* Microseconds since 1970-01-01 00:00 UTC. */
int64_t gw_clock_wall_us(void);

/* A timeout that never passes. */
#define GW_NO_TIMEOUT UINT64_MAX
/* Deadlines are of gw_clock_ms; 0 is none. */
static inline uint64_t gw_deadline_after(uint64_t now_ms, uint64_t timeout_ms)
{
    return timeout_ms == GW_NO_TIMEOUT ? 0 : now_ms + timeout_ms;
}
static inline uint64_t gw_deadline_sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

#define GW_TIMESTAMP_LENGTH 27
/* RFC 3339 in UTC with microseconds, "2026-01-31T12:00:00.123456Z", terminated; for the years 1000
 * to 9999. */
void gw_clock_format(char out[GW_TIMESTAMP_LENGTH + 1], int64_t wall_us);

#endif
