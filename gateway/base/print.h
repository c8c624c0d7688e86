/* Lines for people. What stands in them comes from files and peers: a terminal must not obey it,
 * and a line must not become two. */
#ifndef GW_BASE_PRINT_H
#define GW_BASE_PRINT_H

#include <stdio.h>

#include "base/buf.h"

/* Appends s with control characters (C0, DEL, C1), and bytes that are not UTF-8, as \xNN. */
void gw_print_escaped(struct gw_buf *out, struct gw_slice s);
/* Writes a line, escaped as a whole, its newline added, in one piece. */
void gw_print_line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
