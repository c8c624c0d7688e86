#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* The largest first. */
static const struct unit durations[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit sizes[] = {{"MiB", 1 << 20}, {"KiB", 1 << 10}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(struct gw_slice text, const struct unit *units, size_t count, uint64_t *ret_value)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < text.len && text.base[i] >= '0' && text.base[i] <= '9'; i++) {
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(text.base[i] - '0'), &n))
            return -1;
    }
    if (i == 0)
        return -1;
    for (size_t k = 0; k < count; k++) {
        if (gw_slice_eq(gw_slice_from(text, i), gw_slice_str(units[k].name)))
            return __builtin_mul_overflow(n, units[k].factor, ret_value) ? -1 : 0;
    }
    return -1;
}

static const char *format(char out[GW_UNIT_TEXT], const struct unit *units, size_t count,
                          uint64_t value)
{
    while (count > 1 && value % units->factor != 0) {
        units++;
        count--;
    }
    snprintf(out, GW_UNIT_TEXT, "%" PRIu64 "%s", value / units->factor, units->name);
    return out;
}

int gw_unit_duration_parse(struct gw_slice text, uint64_t *ret_ms)
{
    return parse(text, durations, COUNT(durations), ret_ms);
}

int gw_unit_size_parse(struct gw_slice text, uint64_t *ret_bytes)
{
    return parse(text, sizes, COUNT(sizes), ret_bytes);
}

const char *gw_duration_format(char out[GW_UNIT_TEXT], uint64_t ms)
{
    if (ms == 0)
        return strcpy(out, "0s"); /* rather than 0h */
    return format(out, durations, COUNT(durations), ms);
}

const char *gw_size_format(char out[GW_UNIT_TEXT], uint64_t bytes)
{
    return format(out, sizes, COUNT(sizes), bytes);
}
