#include "config/forms.h"

#include <ctype.h>

#include "config/address.h"

bool gw_form_all_of(struct gw_slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.base[i]) && strchr(others, text.base[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

static bool is_address(struct gw_slice text)
{
    struct gw_slice host;
    uint16_t port;
    return gw_address_parse(text, &host, &port) == 0;
}

const struct gw_form gw_address_form = {
    is_address, "an address HOST:PORT such as 127.0.0.1:8080 or [::1]:8080"};

static bool is_name(struct gw_slice text)
{
    return gw_form_all_of(text, "-_.");
}

const struct gw_form gw_name_form = {is_name, "letters, digits, `-`, `_` and `.`"};
