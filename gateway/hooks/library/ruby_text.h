/* Ruby strings as growing buffers: what C code makes for a hook is kept in them alone, for an
 * exception leaves C functions without a word. */
#ifndef GW_HOOKS_LIBRARY_RUBY_TEXT_H
#define GW_HOOKS_LIBRARY_RUBY_TEXT_H

#include "hooks/library/library.h"

static inline mrb_value gw_hook_text(mrb_state *mrb, struct gw_slice s)
{
    return mrb_str_new(mrb, s.base, s.len);
}

/* A string of `room` bytes, to be written by the caller, who then sets its length. */
static inline mrb_value gw_hook_text_of_room(mrb_state *mrb, size_t room)
{
    return mrb_str_new(mrb, NULL, room);
}

/* Cuts the string to `length`, at most its room. */
void gw_hook_text_set_length(mrb_value string, size_t length);
/* Makes room for `more` bytes behind the string's end. */
void gw_hook_text_reserve(mrb_state *mrb, mrb_value string, size_t more);

static inline void gw_hook_text_append(mrb_state *mrb, mrb_value string, struct gw_slice s)
{
    mrb_str_cat(mrb, string, s.base, s.len);
}

/* `string` itself where it is frozen, else a copy that is (which shares its bytes). */
mrb_value gw_hook_text_frozen(mrb_state *mrb, mrb_value string);

#endif
