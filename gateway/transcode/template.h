/* Path templates of google/api/http.proto:
 *
 *     Template = "/" Segments [ Verb ] ;          Segments = Segment { "/" Segment } ;
 *     Segment  = "*" | "**" | LITERAL | Variable ; Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;           Verb     = ":" LITERAL ;
 *
 * `**` may only be the last segment. Literals are compared with the raw path after normalising
 * percent-encoding of unreserved characters. */
#ifndef GW_TRANSCODE_TEMPLATE_H
#define GW_TRANSCODE_TEMPLATE_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum gw_segment_kind { GW_SEGMENT_LITERAL, GW_SEGMENT_STAR, GW_SEGMENT_DOUBLE_STAR };

struct gw_segment {
    enum gw_segment_kind kind;
    struct gw_slice literal;
};

struct gw_template_variable {
    struct gw_slice field_path;          /* "id", "shelf.name" */
    uint32_t first_segment, segment_end; /* [first, end): what it captures */
};

struct gw_template {
    struct gw_slice text; /* a copy, owned; what the slices here point into */
    struct gw_segment *segments;
    size_t segment_count;
    struct gw_template_variable *variables;
    size_t variable_count;
    struct gw_slice verb; /* empty: none */
};

/* Limits: 64 segments, 16 variables. The error's position is an offset into `text`. */
int gw_template_parse(struct gw_template *ret_template, struct gw_slice text,
                      struct gw_error *error);
void gw_template_dispose(struct gw_template *t);

#endif
