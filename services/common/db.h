/* SQLite for a service: one file that its instances share.
 *
 * A service gives its migrations and its statements as constant tables. Statements are prepared
 * once, named by their index, and only ever run to the end: none is left half-way, where it would
 * hold a snapshot that blocks checkpoints and makes later writes fail. Calls block the thread, at
 * most GW_DB_BUSY_TIMEOUT_MS for another process's lock. Worker-local. */
#ifndef COMMON_DB_H
#define COMMON_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

#define GW_DB_BUSY_TIMEOUT_MS 2000

struct gw_db;

struct gw_db_schema {
    /* SQL that takes the file from version 0 to 1, from 1 to 2 ..., ending with NULL. Published
     * ones are never changed. */
    const char *const *migrations;
    const char *const *statements;
    size_t statement_count;
    size_t count_statement; /* the one that gives the number of things kept, for the health page */
};

/* Opens the file, which is made (with its folder) where absent, in WAL mode, brings it to the
 * newest version and prepares the statements. NULL with an error. */
struct gw_db *gw_db_open(const char *path, const struct gw_db_schema *schema,
                         struct gw_error *error);
/* NULL is allowed. */
void gw_db_close(struct gw_db *db);

/* A value for a statement's parameter. */
struct gw_db_value {
    enum { GW_DB_INTEGER, GW_DB_TEXT } kind;
    int64_t integer;
    struct gw_slice text;
};

static inline struct gw_db_value gw_db_integer(int64_t integer)
{
    return (struct gw_db_value){GW_DB_INTEGER, integer, {NULL, 0}};
}

static inline struct gw_db_value gw_db_text(const char *terminated)
{
    return (struct gw_db_value){GW_DB_TEXT, 0, gw_slice_str(terminated)};
}

/* Parameters ?1, ?2 ...: GW_DB_VALUES(gw_db_text(id), gw_db_integer(age)). */
#define GW_DB_VALUES(...)                                                                          \
    (const struct gw_db_value[]){__VA_ARGS__},                                                     \
        sizeof((const struct gw_db_value[]){__VA_ARGS__}) / sizeof(struct gw_db_value)

/* Failures of gw_db_run and of transactions; gw_db_message says more. */
enum {
    GW_DB_CONFLICT = -1, /* a UNIQUE or PRIMARY KEY constraint; the transaction goes on */
    GW_DB_BUSY = -2,     /* another process held its lock for too long */
    GW_DB_FAILED = -3
};

/* One row of a result: read it with sqlite3_column_*. It is gone after the call. */
typedef void (*gw_db_row)(void *arg, sqlite3_stmt *row);

/* Runs statement number `statement`. Returns how many rows it gave, or a failure. on_row is NULL
 * where rows are only counted. */
int gw_db_run(struct gw_db *db, size_t statement, const struct gw_db_value *values,
              size_t value_count, gw_db_row on_row, void *arg);
/* For a statement without parameters that gives one number. */
int gw_db_run_number(struct gw_db *db, size_t statement, int64_t *ret_number);

/* BEGIN IMMEDIATE: what is read from here on is still so at the commit. 0 or a failure. */
int gw_db_begin(struct gw_db *db);
/* 0 or a failure, after which nothing of the transaction is kept. */
int gw_db_commit(struct gw_db *db);
void gw_db_rollback(struct gw_db *db);

/* SQLite's sentence about the last failure. */
const char *gw_db_message(const struct gw_db *db);

#endif
