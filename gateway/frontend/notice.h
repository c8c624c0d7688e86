/* Lines on standard error from workers. The control thread writes them: a terminal or a pipe that
 * does not take them must not hold up a worker. */
#ifndef GW_FRONTEND_NOTICE_H
#define GW_FRONTEND_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

struct gw_frontend;

/* One line, without its end. Longer ones are cut. */
void gw_notice(const struct gw_frontend *frontend, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of lines that clients can cause: one a second. Embedded by value; zero-initialised: none was
 * written. Worker-local. */
struct gw_notice_pace {
    uint64_t last_ms;
    uint64_t untold; /* since then */
};

/* Whether a line is due, and how many were not written since the last. */
bool gw_notice_is_due(struct gw_notice_pace *pace, uint64_t now_ms, uint64_t *ret_untold);

#endif
