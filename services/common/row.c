#include "common/row.h"

char *gw_row_text(gw_pool *pool, sqlite3_stmt *row, int column)
{
    /* The pointer first: sqlite3_column_text may convert, and so change the length. */
    const void *text = sqlite3_column_text(row, column);
    size_t bytes = (size_t)sqlite3_column_bytes(row, column);
    return (char *)gw_pool_dup(pool, gw_slice(text, bytes)).base;
}

Google__Protobuf__Timestamp *gw_row_time(gw_pool *pool, sqlite3_stmt *row, int column)
{
    int64_t wall_us = sqlite3_column_int64(row, column);
    Google__Protobuf__Timestamp *time = h2o_mem_alloc_pool(pool, sizeof(*time));
    google__protobuf__timestamp__init(time);
    time->seconds = wall_us / 1000000;
    time->nanos = (int32_t)(wall_us % 1000000 * 1000);
    return time;
}

void gw_row_read_number(void *ret_number, sqlite3_stmt *row)
{
    *(int64_t *)ret_number = sqlite3_column_int64(row, 0);
}
