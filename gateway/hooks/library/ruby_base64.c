#include "hooks/library/ruby_base64.h"

#include "base/encoding.h"
#include "hooks/library/ruby_text.h"

#define LINE_LENGTH 60

static mrb_value encode(mrb_state *mrb, struct gw_slice bytes)
{
    size_t room = (bytes.len + 2) / 3 * 4;
    mrb_value text = gw_hook_text_of_room(mrb, room);
    struct gw_buf out = {RSTRING_PTR(text), 0, room, NULL};
    gw_base64_encode(&out, bytes);
    return text;
}

/* undef where it is none. */
static mrb_value decode(mrb_state *mrb, struct gw_slice text)
{
    size_t room = text.len / 4 * 3 + 3;
    mrb_value bytes = gw_hook_text_of_room(mrb, room);
    struct gw_buf out = {RSTRING_PTR(bytes), 0, room, NULL};
    if (gw_base64_decode(&out, text) != 0)
        return mrb_undef_value();
    gw_hook_text_set_length(bytes, out.len);
    return bytes;
}

static struct gw_slice text_argument(mrb_state *mrb)
{
    mrb_value text;
    mrb_get_args(mrb, "S", &text);
    return gw_hook_slice_of(text);
}

static mrb_value strict_encode(mrb_state *mrb, mrb_value self)
{
    (void)self;
    return encode(mrb, text_argument(mrb));
}

static mrb_value encode_in_lines(mrb_state *mrb, mrb_value self)
{
    (void)self;
    mrb_value text = encode(mrb, text_argument(mrb));
    struct gw_slice rest = gw_hook_slice_of(text);
    mrb_value lines = gw_hook_text_of_room(mrb, rest.len + rest.len / LINE_LENGTH + 1);
    gw_hook_text_set_length(lines, 0);
    while (rest.len > 0) {
        size_t length = rest.len < LINE_LENGTH ? rest.len : LINE_LENGTH;
        gw_hook_text_append(mrb, lines, gw_slice(rest.base, length));
        gw_hook_text_append(mrb, lines, GW_SLICE("\n"));
        rest = gw_slice_from(rest, length);
    }
    return lines;
}

static mrb_value urlsafe_encode(mrb_state *mrb, mrb_value self)
{
    mrb_value bytes, padding[1];
    mrb_sym names[] = {mrb_intern_lit(mrb, "padding")};
    mrb_kwargs keywords = {.num = 1, .table = names, .values = padding};
    mrb_get_args(mrb, "S:", &bytes, &keywords);
    (void)self;
    mrb_value text = encode(mrb, gw_hook_slice_of(bytes));
    char *digits = RSTRING_PTR(text);
    size_t length = (size_t)RSTRING_LEN(text);
    for (size_t i = 0; i < length; i++)
        digits[i] = digits[i] == '+' ? '-' : digits[i] == '/' ? '_' : digits[i];
    if (!mrb_undef_p(padding[0]) && !mrb_test(padding[0])) {
        while (length > 0 && digits[length - 1] == '=')
            length--;
        gw_hook_text_set_length(text, length);
    }
    return text;
}

static mrb_value decode_or_raise(mrb_state *mrb, struct gw_slice text, bool is_valid)
{
    mrb_value bytes = is_valid ? decode(mrb, text) : mrb_undef_value();
    if (mrb_undef_p(bytes))
        mrb_raise(mrb, E_ARGUMENT_ERROR, "invalid base64");
    return bytes;
}

static mrb_value urlsafe_decode(mrb_state *mrb, mrb_value self)
{
    (void)self;
    return decode_or_raise(mrb, text_argument(mrb), true);
}

static mrb_value strict_decode(mrb_state *mrb, mrb_value self)
{
    struct gw_slice text = text_argument(mrb);
    bool is_urlsafe = text.len > 0 && (memchr(text.base, '-', text.len) != NULL ||
                                       memchr(text.base, '_', text.len) != NULL);
    (void)self;
    return decode_or_raise(mrb, text, text.len % 4 == 0 && !is_urlsafe);
}

static bool is_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static mrb_value lenient_decode(mrb_state *mrb, mrb_value self)
{
    struct gw_slice text = text_argument(mrb);
    mrb_value kept = gw_hook_text_of_room(mrb, text.len);
    char *digits = RSTRING_PTR(kept);
    size_t count = 0;
    (void)self;
    for (size_t i = 0; i < text.len && text.base[i] != '='; i++) {
        if (is_digit(text.base[i]))
            digits[count++] = text.base[i];
    }
    return decode(mrb, gw_slice(digits, count % 4 == 1 ? count - 1 : count));
}

void gw_hook_base64_define(mrb_state *mrb)
{
    struct RClass *base64 = mrb_define_module(mrb, "Base64");
    const mrb_aspec one = MRB_ARGS_REQ(1);
    mrb_define_module_function(mrb, base64, "encode64", encode_in_lines, one);
    mrb_define_module_function(mrb, base64, "strict_encode64", strict_encode, one);
    mrb_define_module_function(mrb, base64, "urlsafe_encode64", urlsafe_encode,
                               one | MRB_ARGS_KEY(1, 0));
    mrb_define_module_function(mrb, base64, "decode64", lenient_decode, one);
    mrb_define_module_function(mrb, base64, "strict_decode64", strict_decode, one);
    mrb_define_module_function(mrb, base64, "urlsafe_decode64", urlsafe_decode, one);
}
