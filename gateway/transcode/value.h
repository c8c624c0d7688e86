/* Messages as trees of values that somebody else keeps (Ruby's Hashes and Arrays), by the code that
 * makes JSON of them: a tree has the shape of the message's JSON, with values instead of text. */
#ifndef GW_TRANSCODE_VALUE_H
#define GW_TRANSCODE_VALUE_H

#include "base/buf.h"
#include "base/error.h"
#include "schema/schema.h"
#include "transcode/binding.h"

enum gw_value_kind {
    GW_VALUE_NULL,
    GW_VALUE_FALSE,
    GW_VALUE_TRUE,
    GW_VALUE_INTEGER,
    GW_VALUE_UNSIGNED, /* above INT64_MAX */
    GW_VALUE_REAL,
    GW_VALUE_STRING,
    GW_VALUE_BYTES, /* of a sink only; a source calls them GW_VALUE_STRING */
    GW_VALUE_ARRAY,
    GW_VALUE_OBJECT,
    GW_VALUE_OTHER, /* nothing that a message can hold */
};

struct gw_value {
    enum gw_value_kind kind;
    union {
        int64_t integer;
        uint64_t unsigned_integer;
        double real;
        struct gw_slice text; /* of GW_VALUE_OTHER: what it is, for people ("a Range") */
    };
};

/* At most so many objects and arrays are open at once, in a sink or a source. */
#define GW_VALUE_DEPTH_MAX (2 * GW_MAX_DEPTH + 1)

struct gw_value_sink {
    const struct gw_value_sink_ops *ops;
    size_t depth; /* how many objects and arrays are open: kept by begin, end and restart */
};

/* How a tree is built; all are required. They may leave by longjmp: all that was allocated until
 * then goes with the pool. */
struct gw_value_sink_ops {
    /* The value that is due is an object or array; its members or elements follow. */
    void (*begin_object)(struct gw_value_sink *sink);
    void (*begin_array)(struct gw_value_sink *sink);
    void (*end)(struct gw_value_sink *sink);
    /* Object number `depth` is written again: forget what is open in it, and those of its members
     * that fields gave (not those behind `key`). */
    void (*restart)(struct gw_value_sink *sink, size_t depth);
    /* The value that comes next is the field's. */
    void (*field)(struct gw_value_sink *sink, const struct gw_field *field);
    /* The value that comes next is the key of a member: a string, an integer, true or false. */
    void (*key)(struct gw_value_sink *sink);
    /* What is not an object or array. The text is borrowed. */
    void (*value)(struct gw_value_sink *sink, const struct gw_value *value);
};

struct gw_value_source {
    const struct gw_value_source_ops *ops;
    struct gw_value current; /* what is to be read: kept by the ops */
};

/* How a tree is walked; all are required. They do not leave by longjmp. What they give stays where
 * it is until the tree has been read. */
struct gw_value_source_ops {
    /* Into the object or array that is current. */
    void (*open)(struct gw_value_source *source);
    /* On to the next element, or member's key, of what is open. False: there is none, and what was
     * open is left. */
    bool (*next)(struct gw_value_source *source);
    /* From a member's key to its value. */
    void (*member)(struct gw_value_source *source);
    /* What was left last is open again, from its beginning. */
    void (*again)(struct gw_value_source *source);
};

/* Hands the message to the sink, with names as in the .proto file and defaults of fields that are
 * absent. A map's keys are what its entries' are. -1 (GW_INTERNAL) for bytes that are not such a
 * message. */
int gw_wire_to_value(const struct gw_schema *schema, const struct gw_message_type *type,
                     struct gw_slice wire, gw_pool *pool, struct gw_value_sink *sink,
                     struct gw_error *error);
/* The options that this is like. */
extern const struct gw_json_options gw_value_json_options;

/* The details of a serialised google.rpc.Status, as an array of objects with "@type"; those that
 * are not sound are left out. */
void gw_status_details_to_value(const struct gw_schema *schema, struct gw_slice status,
                                gw_pool *pool, struct gw_value_sink *sink);

/* Appends the wire bytes of the message that source->current is the tree of. Takes what JSON takes
 * and refuses what JSON refuses, with the same errors but for line and column, and these
 * differences: bytes are a string of those bytes; NaN and the infinities are reals; a key may be an
 * integer, true or false; an Any of unknown type is taken, if its "value" is a string. -1
 * (GW_INVALID_ARGUMENT), also for more than `bytes_max` bytes; `out` is then as it was. */
int gw_value_to_wire(const struct gw_schema *schema, const struct gw_message_type *type,
                     struct gw_value_source *source, size_t bytes_max, gw_pool *pool,
                     struct gw_buf *out, struct gw_error *error);

#endif
