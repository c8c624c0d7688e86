/* Columns of a database row as parts of a protobuf-c message, in its pool. */
#ifndef COMMON_ROW_H
#define COMMON_ROW_H

#include <sqlite3.h>

#include "base/mem.h"
#include "google/protobuf/timestamp.pb-c.h"

char *gw_row_text(gw_pool *pool, sqlite3_stmt *row, int column);
/* Of a column of microseconds since 1970. */
Google__Protobuf__Timestamp *gw_row_time(gw_pool *pool, sqlite3_stmt *row, int column);
/* For gw_db_run: the first column into an int64_t. */
void gw_row_read_number(void *ret_number, sqlite3_stmt *row);

#endif
