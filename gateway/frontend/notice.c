#include "frontend/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/print.h"
#include "frontend/internal.h"

#define LINE_BYTES 512
#define PACE_MS 1000

struct line {
    struct gw_message message;
    char text[LINE_BYTES];
};

static void write_line(struct gw_message *message)
{
    struct line *line = H2O_STRUCT_FROM_MEMBER(struct line, message, message);
    gw_print_line(stderr, "%s", line->text);
    free(line);
}

void gw_notice(const struct gw_frontend *frontend, const char *format, ...)
{
    struct line *line = gw_alloc(sizeof(*line));
    line->message.fn = write_line;
    va_list args;
    va_start(args, format);
    vsnprintf(line->text, sizeof(line->text), format, args);
    va_end(args);
    gw_loop_post(frontend->control_loop, &line->message);
}

bool gw_notice_is_due(struct gw_notice_pace *pace, uint64_t now_ms, uint64_t *ret_untold)
{
    if (pace->last_ms != 0 && now_ms - pace->last_ms < PACE_MS) {
        pace->untold++;
        return false;
    }
    *ret_untold = pace->untold;
    *pace = (struct gw_notice_pace){.last_ms = now_ms};
    return true;
}
