/* Files that tests, benchmarks and fuzz targets need: they end the process where one is missing. */
#ifndef TESTS_READ_FILE_H
#define TESTS_READ_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

static inline struct gw_buf test_read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    struct gw_buf content = GW_BUF_HEAP;
    for (size_t n; (n = fread(gw_buf_reserve(&content, 65536), 1, 65536, f)) > 0;)
        content.len += n;
    fclose(f);
    return content;
}

#endif
