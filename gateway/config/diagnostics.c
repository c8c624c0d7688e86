#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/vec.h"

void gw_diagnostics_add(struct gw_diagnostics *d, struct gw_place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message;
    int n = vasprintf(&message, format, args);
    va_end(args);
    if (n < 0)
        h2o_fatal("no memory");
    place.file = gw_strdup(gw_slice_str(place.file));
    *gw_vec_push(d) = (struct gw_diagnostic){place, message};
}

static int compare(const void *left, const void *right)
{
    const struct gw_diagnostic *a = left, *b = right;
    int order = strcmp(a->place.file, b->place.file);
    if (order == 0)
        order = (a->place.line > b->place.line) - (a->place.line < b->place.line);
    if (order == 0)
        order = (a->place.column > b->place.column) - (a->place.column < b->place.column);
    return order != 0 ? order : strcmp(a->message, b->message);
}

void gw_diagnostics_print(struct gw_diagnostics *d, FILE *out)
{
    if (d->count > 0)
        qsort(d->items, d->count, sizeof(*d->items), compare);
    for (size_t i = 0; i < d->count; i++) {
        const struct gw_diagnostic *item = &d->items[i];
        if (i > 0 && compare(item - 1, item) == 0)
            continue;
        if (item->place.line > 0)
            gw_print_line(out, "%s:%u:%u: %s", item->place.file, item->place.line,
                          item->place.column, item->message);
        else
            gw_print_line(out, "%s: %s", item->place.file, item->message);
    }
}

void gw_diagnostics_dispose(struct gw_diagnostics *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free((char *)d->items[i].place.file);
        free(d->items[i].message);
    }
    gw_vec_dispose(d);
}
