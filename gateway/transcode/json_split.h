/* Cuts the body of a request into the JSON texts of its messages, as the bytes come in.
 *
 *     while ((rc = gw_json_split_next(&split, &bytes, &message, &error)) == GW_JSON_SPLIT_MESSAGE)
 *         ...                                     MORE: all of `bytes` has been taken
 *     and when the body has ended, on what gw_json_split_end gives
 *
 * It finds where a message ends, and looks at nothing else: whoever reads the message finds what is
 * wrong within. What is wrong between messages is found here. Errors end with the place in the
 * body, as those of the reader do. Pure. */
#ifndef GW_TRANSCODE_JSON_SPLIT_H
#define GW_TRANSCODE_JSON_SPLIT_H

#include "transcode/transcode.h"

enum gw_json_split_form {
    /* Each line that is not blank (application/x-ndjson). */
    GW_JSON_SPLIT_LINES,
    /* The elements of an array; or, of a body that begins with anything but '[', one value behind
     * another with or without white space between. */
    GW_JSON_SPLIT_VALUES,
};

enum gw_json_split_result { GW_JSON_SPLIT_MORE = 0, GW_JSON_SPLIT_MESSAGE = 1 };

/* Deepest nesting of objects and arrays: each message has a map or repeated field in it. */
#define GW_JSON_SPLIT_DEPTH_MAX (2 * GW_MAX_DEPTH)

struct gw_json_split {
    enum gw_json_split_form form;
    uint64_t max_message_bytes;
    /* Of the message that next or end gave last: its number, from 1 on, and where it begins. */
    uint64_t number;
    struct gw_text_place begins;

    struct gw_text_place at; /* of the next byte */
    struct gw_buf kept;      /* what has come of a message; on the heap */
    enum {
        GW_JSON_SPLIT_BEFORE_ALL,
        GW_JSON_SPLIT_IN_ARRAY, /* behind '[' */
        GW_JSON_SPLIT_IN_VALUE,
        GW_JSON_SPLIT_BEHIND_VALUE,
        GW_JSON_SPLIT_BEHIND_COMMA,
        GW_JSON_SPLIT_BEHIND_ARRAY,
    } state;
    bool is_array;
    bool given; /* what is kept was given out */
    /* Within a value. */
    bool is_word; /* a number, true, false or null */
    bool in_string, is_escaped;
    unsigned depth;
};

void gw_json_split_init(struct gw_json_split *split, enum gw_json_split_form form,
                        uint64_t max_message_bytes);
/* Harmless twice. */
void gw_json_split_dispose(struct gw_json_split *split);

/* Takes bytes from *bytes, up to the end of the next message: GW_JSON_SPLIT_MESSAGE, and the
 * message is valid until the next call and as long as the bytes are. GW_JSON_SPLIT_MORE: all bytes
 * were taken, and no message has ended. -1: what comes is no message (GW_INVALID_ARGUMENT), or one
 * over the limit (GW_RESOURCE_EXHAUSTED); nothing may be asked after that. */
int gw_json_split_next(struct gw_json_split *split, struct gw_slice *bytes,
                       struct gw_slice *ret_message, struct gw_error *error);
/* The body has ended. GW_JSON_SPLIT_MESSAGE: that ended one more message; ask again.
 * GW_JSON_SPLIT_MORE: there is none, all is well. -1: the end has come too soon. */
int gw_json_split_end(struct gw_json_split *split, struct gw_slice *ret_message,
                      struct gw_error *error);

#endif
