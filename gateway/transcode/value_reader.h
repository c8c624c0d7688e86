/* How the JSON reader reads a tree of values. What is current in the source stands at r->at as JSON
 * text: a number or a word in full, of anything else the first byte. Where that is not enough, the
 * reader's functions go on in those of the same name here. */
#ifndef GW_TRANSCODE_VALUE_READER_H
#define GW_TRANSCODE_VALUE_READER_H

#include "transcode/json_reader.h"
#include "transcode/scalar.h"
#include "transcode/value.h"

struct gw_value_reader {
    struct gw_value_source *source;
    size_t out_max; /* how long r->out may get */
    char number[GW_NUMBER_TEXT_MAX];
};

int gw_value_read_string(struct gw_json_reader *r, struct gw_slice *ret_string);
void gw_value_open(struct gw_json_reader *r);
int gw_value_next(struct gw_json_reader *r, char close);
void gw_value_colon(struct gw_json_reader *r);
/* Back to the first member of the object that gw_json_next has just left. */
void gw_value_again(struct gw_json_reader *r);
/* The field of that name: in the .proto file, else in JSON. NULL where there is none. */
const struct gw_field *gw_value_field(const struct gw_message_type *type, struct gw_slice name);
/* What is current, for people. */
void gw_value_phrase(struct gw_json_reader *r, struct gw_phrase *ret_phrase);

/* Scalars whose JSON form is another: bytes, and reals that are not finite (1: it is none). */
int gw_value_read_bytes(struct gw_json_reader *r, struct gw_scalar *ret_scalar);
int gw_value_read_special(struct gw_json_reader *r, const struct gw_field *field,
                          struct gw_scalar *ret_scalar);

#endif
