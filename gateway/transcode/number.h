/* Numbers as JSON writes them (RFC 8259 section 6), to values and back. */
#ifndef GW_TRANSCODE_NUMBER_H
#define GW_TRANSCODE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The longest number that is read; DBL_MAX written in full fits. */
#define GW_NUMBER_LENGTH_MAX 330

/* mantissa * 10^exponent, negated where is_negative. */
struct gw_number {
    struct gw_slice text;
    uint64_t mantissa;
    int32_t exponent;
    bool is_negative;
    bool is_cut; /* digits other than zero did not fit into mantissa */
};

/* Reads the number that `text` begins with and returns its length; 0 where there is none. */
size_t gw_number_parse(struct gw_slice text, struct gw_number *ret_number);

enum gw_number_result {
    GW_NUMBER_OK,
    GW_NUMBER_NOT_INTEGER,
    GW_NUMBER_OUT_OF_RANGE,
    GW_NUMBER_TOO_LONG,
};

/* 1.0 and 1e2 are integers. */
enum gw_number_result gw_number_to_i64(const struct gw_number *number, int64_t min, int64_t max,
                                       int64_t *ret_value);
enum gw_number_result gw_number_to_u64(const struct gw_number *number, uint64_t max,
                                       uint64_t *ret_value);
/* The nearest value; what rounds to infinity is out of range. */
enum gw_number_result gw_number_to_double(const struct gw_number *number, double *ret_value);
enum gw_number_result gw_number_to_float(const struct gw_number *number, float *ret_value);

/* Room that each of the functions below may use. They return where what they wrote ends. */
#define GW_NUMBER_TEXT_MAX 32

char *gw_number_put_i64(char *to, int64_t n);
/* The fewest digits that read back as the same value; it is finite. */
char *gw_number_put_double(char *to, double value);
char *gw_number_put_float(char *to, float value);

#endif
