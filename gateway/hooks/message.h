/* Messages as Ruby values and back, by the transcoder's own reader and writer of the wire. Keys are
 * the names of the .proto file; int64 is an Integer, a uint64 above 2^63-1 a String, an enum its
 * name, bytes a binary String, Timestamp an RFC 3339 String. Internal to hooks/.
 *
 * All of it may raise NoMemoryError, and holds nothing then. */
#ifndef GW_HOOKS_MESSAGE_H
#define GW_HOOKS_MESSAGE_H

#include <mruby.h>

#include "base/buf.h"
#include "schema/schema.h"

/* A Hash; undef (mrb_undef_p) and an error for bytes that are not such a message. */
mrb_value gw_hook_message_to_hash(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  struct gw_error *error);

/* Appends the wire bytes, also working memory in the pool. -1 and an error that names the field:
 * `user.age: expected an Integer, found a String`. */
int gw_hook_hash_to_wire(mrb_state *mrb, const struct gw_schema *schema,
                         const struct gw_message_type *type, mrb_value hash, gw_pool *pool,
                         struct gw_buf *out, struct gw_error *error);

/* Whether the Hash, which was made of `wire`, still says the same; in doubt false. Makes no
 * objects. */
bool gw_hook_message_is_unchanged(mrb_state *mrb, const struct gw_schema *schema,
                                  const struct gw_message_type *type, struct gw_slice wire,
                                  mrb_value hash);

/* The details of a serialised google.rpc.Status (empty: none), as an Array of what JSON shows of
 * them, each with "@type". */
mrb_value gw_hook_status_details(mrb_state *mrb, const struct gw_schema *schema,
                                 struct gw_slice status);

#endif
