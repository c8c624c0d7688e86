/* What the tests of trace/ share: a pool for each test, and headers by name. */
#ifndef TEST_TRACE_SUPPORT_H
#define TEST_TRACE_SUPPORT_H

#include "trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define ALL_FORMS (GW_TRACE_W3C | GW_TRACE_B3 | GW_TRACE_X)

static gw_pool pool;
static struct gw_trace_headers headers;
static struct gw_trace trace;

static inline int setup(void **state)
{
    (void)state;
    h2o_mem_init_pool(&pool);
    headers = (struct gw_trace_headers){0};
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    h2o_mem_clear_pool(&pool);
    return 0;
}

static inline void header(const char *name, const char *value)
{
    assert_true(gw_trace_headers_take(&headers, &pool, gw_slice_str(name), gw_slice_str(value)));
}

/* Begins with the headers given so far and forgets them. */
static inline void begin(unsigned forms, double sample)
{
    gw_trace_begin(&trace, &headers, forms, sample);
    headers = (struct gw_trace_headers){0};
}

static inline void assert_slice(struct gw_slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.base, expected, s.len);
}

static inline bool is_continued(const char *trace_id, const char *parent_id)
{
    return strcmp(trace.trace_id, trace_id) == 0 && strcmp(trace.parent_id, parent_id) == 0;
}

#endif
