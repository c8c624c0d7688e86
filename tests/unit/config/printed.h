/* What a user would see of diagnostics. */
#ifndef TESTS_UNIT_CONFIG_PRINTED_H
#define TESTS_UNIT_CONFIG_PRINTED_H

#include <stdlib.h>

#include "config/diagnostics.h"

/* The printed lines, on the heap; empties the diagnostics. */
static inline char *printed(struct gw_diagnostics *d)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    gw_diagnostics_print(d, out);
    fclose(out);
    gw_diagnostics_dispose(d);
    return text;
}

#endif
