#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* The length without a character that is cut off at the end. */
static size_t whole_characters(const char *text, size_t len)
{
    for (size_t back = 1; back <= 4 && back <= len; back++) {
        const char *last = text + len - back;
        if ((*last & 0xc0) != 0x80)
            return gw_utf8_step(gw_slice(last, back)) != 0 ? len : len - back;
    }
    return len;
}

int gw_error_set(struct gw_error *error, enum gw_status status, size_t position, const char *format,
                 ...)
{
    if (error == NULL)
        return -1;
    error->status = status;
    error->position = position;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    if (n >= (int)sizeof(error->message))
        error->message[whole_characters(error->message, sizeof(error->message) - 1)] = '\0';
    return -1;
}

int gw_error_prefix(struct gw_error *error, const char *format, ...)
{
    if (error == NULL)
        return -1;
    char prefix[sizeof(error->message)], message[sizeof(error->message)];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    memcpy(message, error->message, sizeof(message));
    return gw_error_set(error, error->status, error->position, "%s%s", prefix, message);
}
