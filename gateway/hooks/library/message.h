/* gRPC messages as Ruby Hashes and back, by the reader and writer that make JSON of them
 * (transcode/): what JSON refuses is refused here, in the same words. Internal to hooks/.
 *
 * Keys are the names of the .proto file. int64 is an Integer, uint64 too, above 2^63-1 a String; an
 * enum value is its name, or its number where it has none; bytes are a binary String, a Timestamp
 * is an RFC 3339 String and a Duration one such as "1.5s". A map is a Hash whose keys are what its
 * entries' are: String, Integer, true and false. A field without presence that is not on the wire
 * has its default value (0, "", false, [], {}), so that `message["count"] + 1` is always possible;
 * one with presence (a message, `optional`, a member of a oneof) is not in the Hash. */
#ifndef GW_HOOKS_LIBRARY_MESSAGE_H
#define GW_HOOKS_LIBRARY_MESSAGE_H

#include <mruby.h>

#include "base/buf.h"
#include "base/error.h"
#include "schema/schema.h"

/* Longest message that a hook can make. */
#define GW_HOOK_MESSAGE_BYTES_MAX (64 << 20)

/* A Hash (of a well-known type with a JSON form of its own: what that form is in Ruby); undef
 * (mrb_undef_p) and an error for bytes that are not such a message. Raises NoMemoryError, and holds
 * nothing then. */
mrb_value gw_hook_message_to_hash(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  struct gw_error *error);

/* The details of a serialised google.rpc.Status (empty: none), as an Array of what JSON shows of
 * them, each with "@type". Raises NoMemoryError, and holds nothing then. */
mrb_value gw_hook_status_details(mrb_state *mrb, const struct gw_schema *schema,
                                 struct gw_slice status);

/* Appends the message's wire bytes to `out`; working memory is in the pool. Takes what JSON takes,
 * too: either spelling of a name, a number as a String, an enum's number; Symbols for Strings.
 * Bytes are not base64 but the bytes themselves. nil stands for a field that is absent.
 *
 * -1 (GW_INVALID_ARGUMENT) with an error that names the field, `user.age: expected an integer,
 * found "ten"`; `out` is then as it was. Runs no Ruby code and does not raise. */
int gw_hook_hash_to_wire(mrb_state *mrb, const struct gw_schema *schema,
                         const struct gw_message_type *type, mrb_value hash, gw_pool *pool,
                         struct gw_buf *out, struct gw_error *error);

/* Whether the Hash, which was made of `wire`, still says the same; in doubt false. Makes no objects
 * and does not raise. */
bool gw_hook_message_is_unchanged(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  mrb_value hash);

#endif
