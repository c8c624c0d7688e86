/* Path templates of google/api/http.proto:
 *
 *     Template  = "/" Segments [ Verb ] ;       Segments = Segment { "/" Segment } ;
 *     Segment   = "*" | "**" | LITERAL | Variable ; Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;         Verb     = ":" LITERAL ;
 *
 * and "/" alone, the root. `**` may only be the last segment. A literal holds what RFC 3986 allows
 * in a path segment, but `*`; it is compared with the raw path, both with their percent-encoding
 * normalised (RFC 3986 section 6.2.2: escapes of unreserved characters decoded, others in upper
 * case). */
#ifndef GW_TRANSCODE_TEMPLATE_H
#define GW_TRANSCODE_TEMPLATE_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

#define GW_TEMPLATE_SEGMENTS_MAX 64
#define GW_TEMPLATE_VARIABLES_MAX 16
/* Of a literal or a verb, in bytes. */
#define GW_TEMPLATE_LITERAL_MAX 255

enum gw_segment_kind { GW_SEGMENT_LITERAL, GW_SEGMENT_STAR, GW_SEGMENT_DOUBLE_STAR };

struct gw_segment {
    enum gw_segment_kind kind;
    struct gw_slice literal; /* normalised */
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
    struct gw_slice verb; /* normalised; empty: none */
};

/* The error's position is an offset into `text`. */
int gw_template_parse(struct gw_template *ret_template, struct gw_slice text,
                      struct gw_error *error);
/* A zeroed one is allowed. */
void gw_template_dispose(struct gw_template *t);

/* Whether the variable takes what one `*` does: it is then decoded altogether; of longer captures,
 * escapes of reserved characters stay (http.proto). */
bool gw_template_variable_is_single(const struct gw_template *t,
                                    const struct gw_template_variable *variable);

/* Normalises the percent-encoding of `text` into `out`, which has room for text.len bytes; a broken
 * escape stays. Returns the length. */
size_t gw_template_normalise(char *out, struct gw_slice text);

#endif
