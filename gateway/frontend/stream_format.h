/* The forms that an answer of many messages can take, and which of them a client wants. Pure. */
#ifndef GW_FRONTEND_STREAM_FORMAT_H
#define GW_FRONTEND_STREAM_FORMAT_H

#include "base/slice.h"

/* What stands between the messages' JSON texts, each of which is one line. */
struct gw_stream_format {
    struct gw_slice media_type; /* in Accept and Content-Type */
    /* Around a message; `before_first` in place of `before` for the first one. */
    struct gw_slice before_first, before, after;
    /* Around the error of a call that fails once messages were sent. */
    struct gw_slice before_first_error, before_error, after_error;
    /* Behind the last message; `end_of_none` where there was no message. */
    struct gw_slice end, end_of_none;
    /* Sent while there is no message; empty: this form has none. */
    struct gw_slice heartbeat;
    /* After an error the connection is broken off, so that nobody takes the answer for whole. */
    bool breaks_off;
};

/* The form of a request without Accept stands first. The last one's media_type is empty. */
extern const struct gw_stream_format gw_stream_formats[];

/* The form that the values of the Accept headers ask for (RFC 9110 section 12.5.1): the greatest
 * q-value; among equals the one that is named more exactly, then the first in the table. Ranges
 * that are malformed are passed over; where no range is left, as without Accept. NULL where none is
 * acceptable. */
const struct gw_stream_format *gw_stream_format_choose(const struct gw_slice *accept, size_t count);

#endif
