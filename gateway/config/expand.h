/* Environment variables in values: ${NAME}, ${NAME:-default}; $${ stands for ${ itself. */
#ifndef GW_CONFIG_EXPAND_H
#define GW_CONFIG_EXPAND_H

#include "base/error.h"
#include "base/mem.h"

/* Replaces every ${...} of `text`; the result is `text` itself where there is none, else stands in
 * the pool. As in a shell, the default also replaces an empty value, and ends at the first `}`. -1:
 * a variable that is not set and has no default, or a broken ${; *error says which. */
int gw_expand(gw_pool *pool, struct gw_slice text, struct gw_slice *ret_text,
              struct gw_error *error);

#endif
