/* Dotted field paths, as path variables and query parameters are named. */
#ifndef GW_TRANSCODE_FIELD_PATH_H
#define GW_TRANSCODE_FIELD_PATH_H

#include "transcode/binding.h"

/* Follows "shelf.name" from a message of `type`, in either spelling of each name. All but the last
 * field are singular messages without a JSON form of their own. Writes at most GW_MAX_DEPTH fields
 * to `fields`. -1 with what is wrong: `user.v1.User has no field "nme"; did you mean "name"?`. */
int gw_field_path_resolve(const struct gw_message_type *type, struct gw_slice dotted,
                          const struct gw_field *fields[GW_MAX_DEPTH], size_t *ret_count,
                          struct gw_error *error);

/* A field of the message, in either spelling; NULL with an error as above. */
const struct gw_field *gw_field_find(const struct gw_message_type *type, struct gw_slice name,
                                     struct gw_error *error);

/* A name for an error message: what is very long is cut. */
static inline struct gw_slice gw_name_shown(struct gw_slice name)
{
    return gw_slice(name.base, name.len < 100 ? name.len : 100);
}

/* At how many fields two paths begin the same. */
size_t gw_field_path_common(const struct gw_field_path *a, const struct gw_field_path *b);

/* Whether two different paths set different members of one oneof. */
bool gw_field_paths_exclude(const struct gw_field_path *a, const struct gw_field_path *b);

#endif
