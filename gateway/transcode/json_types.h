/* Where the "@type" of each object stands that is within an Any, found by looking through the Any
 * once. Without that, an Any in an Any in an Any, each with its "@type" last, would be looked
 * through at each level. */
#ifndef GW_TRANSCODE_JSON_TYPES_H
#define GW_TRANSCODE_JSON_TYPES_H

#include "transcode/json_reader.h"

/* *ret_at: where the value of the member "@type" stands of the object whose opening brace is before
 * r->at; NULL: it has none. r->at stays. -1: what is looked through is not JSON. Only for text. */
int gw_json_find_type(struct gw_json_reader *r, const char **ret_at);

#endif
