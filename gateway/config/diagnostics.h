/* Errors in files that people write, each with its place; collected, so that all are shown at once.
 */
#ifndef GW_CONFIG_DIAGNOSTICS_H
#define GW_CONFIG_DIAGNOSTICS_H

#include <stddef.h>
#include <stdio.h>

/* Where a value stands; lines and columns count from 1. A line of 0: the file as a whole. */
struct gw_place {
    const char *file;
    unsigned line, column;
};

struct gw_diagnostic {
    struct gw_place place; /* with a copy of the file's name */
    char *message;
};

/* Zero-initialised is empty. */
struct gw_diagnostics {
    struct gw_diagnostic *items;
    size_t count, capacity;
};

void gw_diagnostics_add(struct gw_diagnostics *d, struct gw_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "FILE:LINE:COLUMN: message\n" for each, in order of place, to `out`; twice the same only once. */
void gw_diagnostics_print(struct gw_diagnostics *d, FILE *out);
/* Empties; harmless twice. */
void gw_diagnostics_dispose(struct gw_diagnostics *d);

#endif
