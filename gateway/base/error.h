/* The one error form of parsers and builders: what kind, where in the input, and a sentence for
 * people. */
#ifndef GW_BASE_ERROR_H
#define GW_BASE_ERROR_H

#include <stddef.h>

#include "base/status.h"

/* Position of an error that has no place in the input. */
#define GW_NO_POSITION ((size_t)-1)

struct gw_error {
    enum gw_status status;
    size_t position; /* byte offset into the input, or GW_NO_POSITION */
    char message[512];
};

/* Fills *error (NULL is allowed: nothing is written) and returns -1, so that a parser can say
 * `return gw_error_set(...)`. A message that does not fit is cut at a UTF-8 boundary. */
int gw_error_set(struct gw_error *error, enum gw_status status, size_t position, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* Puts text before the message, which is cut like in gw_error_set; NULL is allowed. Returns -1. */
int gw_error_prefix(struct gw_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
