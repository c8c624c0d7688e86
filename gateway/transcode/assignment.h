/* Fields that the request's path and query give as text, gathered first, so that what they say of
 * one submessage is written as one and contradictions are found. */
#ifndef GW_TRANSCODE_ASSIGNMENT_H
#define GW_TRANSCODE_ASSIGNMENT_H

#include "base/buf.h"
#include "transcode/binding.h"

enum gw_assignment_source { GW_FROM_PATH, GW_FROM_QUERY };

struct gw_assignment {
    struct gw_field_path path;
    struct gw_slice name; /* as it was written: "id", "shelf.name" */
    struct gw_slice text; /* decoded, valid UTF-8 */
    enum gw_assignment_source source;
    size_t order; /* among all; elements of a repeated field keep it */
};

/* "path variable \"id\": " or "query parameter \"x\": " before the message. Returns -1. */
int gw_assignment_blame(const struct gw_assignment *a, struct gw_error *error);

/* Appends the fields' wire bytes; reorders `items`. -1 for a text that does not fit its field, a
 * singular field given twice, two members of a oneof. */
int gw_assignments_to_wire(struct gw_assignment *items, size_t count, gw_pool *pool,
                           struct gw_buf *out, struct gw_error *error);

#endif
