#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* `wanted` is what vsnprintf would have written. */
static void cut_at_character(char *message, size_t size, int wanted)
{
    if (wanted < (int)size)
        return;
    size_t end = size - 1;
    while (end > 0 && (message[end - 1] & 0xc0) == 0x80)
        end--;
    if (end > 0 && (message[end - 1] & 0x80))
        end--;
    message[end] = '\0';
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
    cut_at_character(error->message, sizeof(error->message), n);
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
