/* The schema of library.proto, for tests. */
#ifndef GW_TESTS_LIBRARY_H
#define GW_TESTS_LIBRARY_H

#include <stdio.h>

#include "base/buf.h"
#include "schema/schema.h"

static inline struct gw_schema *load_library(const char *build_root)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/transcode/library.binpb", build_root);
    FILE *f = fopen(path, "rb");
    struct gw_buf bytes = GW_BUF_HEAP;
    for (size_t n = 1; f != NULL && n > 0; bytes.len += n)
        n = fread(gw_buf_reserve(&bytes, 4096), 1, 4096, f);
    if (f != NULL)
        fclose(f);
    struct gw_schema_source source = {gw_buf_slice(&bytes), path};
    struct gw_error error;
    struct gw_schema *schema = gw_schema_load(&source, 1, &error);
    if (schema == NULL)
        fprintf(stderr, "%s: %s\n", path, error.message);
    gw_buf_dispose(&bytes);
    return schema;
}

#endif
