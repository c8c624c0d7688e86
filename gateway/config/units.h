/* Durations and sizes as people write them: one whole number and a unit, nothing between. */
#ifndef GW_CONFIG_UNITS_H
#define GW_CONFIG_UNITS_H

#include <stdint.h>

#include "base/slice.h"

/* "250ms", "5s", "10m", "1h". -1: not of this form, or too large for 64 bits. */
int gw_unit_duration_parse(struct gw_slice text, uint64_t *ret_ms);
/* "64KiB", "4MiB". -1: as above. */
int gw_unit_size_parse(struct gw_slice text, uint64_t *ret_bytes);

#define GW_UNIT_TEXT 32
/* The same in the largest unit that gives a whole number, terminated; returns `out`. */
const char *gw_duration_format(char out[GW_UNIT_TEXT], uint64_t ms);
const char *gw_size_format(char out[GW_UNIT_TEXT], uint64_t bytes);

#endif
