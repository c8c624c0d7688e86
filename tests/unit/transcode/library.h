/* The schema of library.proto, for tests. */
#ifndef GW_TESTS_LIBRARY_H
#define GW_TESTS_LIBRARY_H

#include "../../load_schema.h"

static inline struct gw_schema *load_library(const char *build_root)
{
    return test_load_built(build_root, 1,
                           (const char *const[]){"tests/unit/transcode/library.binpb"});
}

#endif
