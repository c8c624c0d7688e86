/* Parts of sentences for people: `expected an integer, found "ten"`. */
#ifndef GW_TRANSCODE_PHRASE_H
#define GW_TRANSCODE_PHRASE_H

#include <stdbool.h>

#include "base/slice.h"

struct gw_phrase {
    char text[192];
};

/* Longer texts are cut, in code points. */
#define GW_PHRASE_TEXT_MAX 40

/* `text`, in quotes and without; control characters and bytes that are not UTF-8 as '?'. */
void gw_phrase_quote(struct gw_phrase *ret_phrase, struct gw_slice text);
void gw_phrase_plain(struct gw_phrase *ret_phrase, struct gw_slice text);
/* What the JSON text begins with: a literal as it is written, `an object`, `an array`, `the end of
 * the text`. */
void gw_phrase_json(struct gw_phrase *ret_phrase, struct gw_slice json);

#define GW_PHRASE_PATH_MAX 200
/* What fits of a path to a field: its end says more than its beginning. */
struct gw_slice gw_phrase_cut_path(struct gw_slice path);

#endif
