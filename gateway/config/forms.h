/* Forms of texts that several blocks of a configuration have. */
#ifndef GW_CONFIG_FORMS_H
#define GW_CONFIG_FORMS_H

#include "config/reader.h"

extern const struct gw_form gw_address_form; /* HOST:PORT */
extern const struct gw_form gw_name_form;    /* what an upstream may be called */

/* Whether `text` is not empty and consists of letters, digits and bytes of `others`. */
bool gw_form_all_of(struct gw_slice text, const char *others);

#endif
