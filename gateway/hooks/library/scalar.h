/* Ruby's plain values as JSON text. Internal to hooks/. */
#ifndef GW_HOOKS_LIBRARY_SCALAR_H
#define GW_HOOKS_LIBRARY_SCALAR_H

#include <math.h>
#include <mruby.h>
#include <mruby/string.h>

#include "base/buf.h"

/* A String (cut to text_max bytes), a number, true or false; anything else is null. Raises nothing.
 */
static inline void gw_hook_append_scalar(struct gw_buf *out, mrb_value value, size_t text_max)
{
    size_t length;
    switch (mrb_type(value)) {
    case MRB_TT_STRING:
        length = (size_t)RSTRING_LEN(value);
        gw_buf_append_json_string(
            out, gw_slice(RSTRING_PTR(value), length < text_max ? length : text_max));
        break;
    case MRB_TT_INTEGER:
        gw_buf_append_i64(out, mrb_integer(value));
        break;
    case MRB_TT_FLOAT:
        if (isfinite(mrb_float(value)))
            gw_buf_printf(out, "%.17g", mrb_float(value));
        else
            gw_buf_append(out, GW_SLICE("null"));
        break;
    case MRB_TT_TRUE:
        gw_buf_append(out, GW_SLICE("true"));
        break;
    default:
        gw_buf_append(out, mrb_false_p(value) ? GW_SLICE("false") : GW_SLICE("null"));
    }
}

#endif
