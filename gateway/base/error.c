#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

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
    if (n >= (int)sizeof(error->message)) {
        size_t end = sizeof(error->message) - 1;
        while (end > 0 && (error->message[end - 1] & 0xc0) == 0x80)
            end--;
        if (end > 0 && (error->message[end - 1] & 0x80))
            end--;
        error->message[end] = '\0';
    }
    return -1;
}
