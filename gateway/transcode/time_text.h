/* The text forms of google.protobuf.Timestamp and Duration. */
#ifndef GW_TRANSCODE_TIME_TEXT_H
#define GW_TRANSCODE_TIME_TEXT_H

#include <stdint.h>

#include "base/slice.h"

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define GW_TIMESTAMP_SECONDS_MIN INT64_C(-62135596800)
#define GW_TIMESTAMP_SECONDS_MAX INT64_C(253402300799)
/* About 10,000 years. */
#define GW_DURATION_SECONDS_MAX INT64_C(315576000000)

/* RFC 3339, up to 9 digits of a second, any offset. -1 for anything else, or a time outside the
 * range. */
int gw_timestamp_parse(struct gw_slice text, int64_t *ret_seconds, int32_t *ret_nanos);
/* "1.5s", "-0.000000001s"; up to 9 digits of a second. Seconds and nanos have the same sign. -1 for
 * anything else, or a duration outside the range. */
int gw_duration_parse(struct gw_slice text, int64_t *ret_seconds, int32_t *ret_nanos);

#define GW_TIME_TEXT_MAX 40
/* Write with 0, 3, 6 or 9 digits of a second to `to`, which has room for GW_TIME_TEXT_MAX bytes,
 * and return where the text ends; NULL for values outside the range. */
char *gw_timestamp_put(char *to, int64_t seconds, int32_t nanos);
char *gw_duration_put(char *to, int64_t seconds, int32_t nanos);

#endif
