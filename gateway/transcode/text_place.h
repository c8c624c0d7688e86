/* Lines and columns. */
#ifndef GW_TRANSCODE_TEXT_PLACE_H
#define GW_TRANSCODE_TEXT_PLACE_H

#include "transcode/transcode.h"

/* Where the text goes on behind `passed`, which begins at `place`. */
static inline struct gw_text_place gw_text_place_behind(struct gw_text_place place,
                                                        struct gw_slice passed)
{
    if (place.line == 0)
        place = (struct gw_text_place){1, 1};
    const char *at = passed.base, *end = passed.base + passed.len, *newline;
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at = newline + 1;
        place = (struct gw_text_place){place.line + 1, 1};
    }
    for (; at < end; at++)
        place.column += (*at & 0xc0) != 0x80;
    return place;
}

#endif
