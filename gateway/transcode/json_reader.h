/* A cursor over JSON text (RFC 8259), without a tree: callers say what they expect next. Every
 * function that returns -1 has set the error. */
#ifndef GW_TRANSCODE_JSON_READER_H
#define GW_TRANSCODE_JSON_READER_H

#include "base/buf.h"
#include "base/error.h"
#include "schema/schema.h"
#include "transcode/binding.h"
#include "transcode/number.h"
#include "transcode/phrase.h"
#include "transcode/transcode.h"

struct gw_json_types;

enum gw_json_place_kind { GW_JSON_IN_FIELD, GW_JSON_IN_ELEMENT, GW_JSON_IN_ENTRY };

/* One step of the way to a value, for error messages: on the stack of whoever reads there. */
struct gw_json_place {
    const struct gw_json_place *up; /* NULL: none */
    enum gw_json_place_kind kind;
    struct gw_slice name; /* of the field (empty: no step yet), or the entry's key */
    size_t index;         /* of the element */
};

struct gw_json_reader {
    const char *at, *end;
    const char *text;            /* where it begins */
    struct gw_text_place begins; /* the same, in a longer text, for error messages */
    struct gw_buf *out;
    gw_pool *pool;
    const struct gw_schema *schema;
    const struct gw_json_options *options;
    const struct gw_json_place *place; /* innermost */
    int depth;                         /* of messages around the value */
    struct gw_error *error;
    struct gw_value_reader *values; /* not NULL: what is read is a tree of values */
    struct gw_json_types *types;    /* see json_types.h; NULL: no Any was looked through */
};

/* -1, with an error about what stands at `at`: the path, the message, line and column. */
int gw_json_fail(struct gw_json_reader *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* -1: "expected EXPECTED, found ...". */
int gw_json_fail_expected(struct gw_json_reader *r, const char *at, const char *expected);

/* Skips white space and gives the byte that is there; 0 at the end. */
static inline char gw_json_peek(struct gw_json_reader *r)
{
    while (r->at < r->end) {
        char c = *r->at;
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return c;
        r->at++;
    }
    return '\0';
}

/* The string at r->at, a quote, decoded: borrowed from the text, or in the pool where it has
 * escapes. Refuses control characters, halves of surrogate pairs, and what is not UTF-8. */
int gw_json_read_string(struct gw_json_reader *r, struct gw_slice *ret_string);
/* The same without the pool: how many bytes the string at r->at takes decoded, at most, and the
 * string there, in such room. */
size_t gw_json_string_room(const struct gw_json_reader *r);
int gw_json_read_string_into(struct gw_json_reader *r, char *room, size_t *ret_length);
/* The number at r->at; `expected` is what to say where there is none. */
int gw_json_read_number(struct gw_json_reader *r, const char *expected,
                        struct gw_number *ret_number);
/* Takes `word` if it stands at r->at and ends there. */
bool gw_json_take_word(struct gw_json_reader *r, struct gw_slice word);
/* Takes the opening brace or bracket; "expected EXPECTED, found ..." where it is not there. */
int gw_json_open(struct gw_json_reader *r, char open, const char *expected);
/* Goes on inside an object (close is '}') or array, past the comma unless it is the first time.
 * Returns 1 where a key or element stands at r->at, 0 past the closing brace or bracket, else -1.
 */
int gw_json_next(struct gw_json_reader *r, char close, bool is_first);
/* The colon behind a key, and the space behind that. */
int gw_json_colon(struct gw_json_reader *r);
/* Reads any value, checks that it is JSON, and forgets it. */
int gw_json_skip(struct gw_json_reader *r);
/* Counts a message; refuses those deeper than GW_MAX_DEPTH. */
int gw_json_enter(struct gw_json_reader *r);

static inline void gw_json_leave(struct gw_json_reader *r)
{
    r->depth--;
}

#endif
