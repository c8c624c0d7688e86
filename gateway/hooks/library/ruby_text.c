#include "hooks/library/ruby_text.h"

void gw_hook_text_set_length(mrb_value string, size_t length)
{
    struct RString *s = mrb_str_ptr(string);
    RSTR_SET_LEN(s, (mrb_int)length);
    RSTR_PTR(s)[length] = '\0';
}

void gw_hook_text_reserve(mrb_state *mrb, mrb_value string, size_t more)
{
    size_t length = (size_t)RSTRING_LEN(string), capacity = (size_t)RSTRING_CAPA(string);
    if (capacity - length >= more)
        return;
    size_t doubled = capacity * 2;
    mrb_str_resize(mrb, string, (mrb_int)(length + more > doubled ? length + more : doubled));
    gw_hook_text_set_length(string, length);
}

mrb_value gw_hook_text_frozen(mrb_state *mrb, mrb_value string)
{
    if (mrb_frozen_p(mrb_str_ptr(string)))
        return string;
    mrb_value copy = mrb_str_dup(mrb, string);
    MRB_SET_FROZEN_FLAG(mrb_str_ptr(copy));
    return copy;
}
