#include "common/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

/* Statements of our own, prepared behind the service's. */
static const char *const transaction_sql[] = {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"};
enum { BEGIN, COMMIT, ROLLBACK, TRANSACTION_COUNT };

struct gw_db {
    sqlite3 *handle;
    sqlite3_stmt **statements;
    size_t statement_count; /* the service's */
    char message[256];      /* of the last failure; a roll-back would make SQLite forget it */
};

/* --- opening --- */

static int make_folder_of(const char *path, struct gw_error *error)
{
    char *folder = gw_strdup(gw_slice_str(path));
    int result = 0;
    for (char *slash = strchr(folder + 1, '/'); slash != NULL && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            result = gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION,
                                  "cannot make the folder %s: %s", folder, strerror(errno));
        *slash = '/';
    }
    free(folder);
    return result;
}

static int set_sqlite_error(const struct gw_db *db, struct gw_error *error)
{
    return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "%s", sqlite3_errmsg(db->handle));
}

static int execute(struct gw_db *db, const char *sql, struct gw_error *error)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : set_sqlite_error(db, error);
}

/* Turning WAL on needs the file for itself and does not wait for it by busy_timeout alone, so two
 * instances that start together would get in each other's way. */
static int enter_wal(struct gw_db *db, struct gw_error *error)
{
    int code;
    for (int waited_ms = 0; (code = sqlite3_exec(db->handle, "PRAGMA journal_mode = WAL", NULL,
                                                 NULL, NULL)) == SQLITE_BUSY &&
                            waited_ms < GW_DB_BUSY_TIMEOUT_MS;
         waited_ms += 20)
        sqlite3_sleep(20);
    return code == SQLITE_OK ? 0 : set_sqlite_error(db, error);
}

static int read_version(struct gw_db *db, size_t *ret_version, struct gw_error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
        return set_sqlite_error(db, error);
    int result = 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret_version = (size_t)sqlite3_column_int(statement, 0);
    else
        result = set_sqlite_error(db, error);
    sqlite3_finalize(statement);
    return result;
}

static int migrate_from(struct gw_db *db, size_t version, const char *const *migrations,
                        struct gw_error *error)
{
    size_t newest = 0;
    while (migrations[newest] != NULL)
        newest++;
    if (version > newest)
        return gw_error_set(error, GW_FAILED_PRECONDITION, GW_NO_POSITION,
                            "the data has version %zu; this program knows up to %zu", version,
                            newest);
    for (; version < newest; version++) {
        char set_version[64];
        sqlite3_snprintf(sizeof(set_version), set_version, "PRAGMA user_version = %d",
                         (int)version + 1);
        if (execute(db, migrations[version], error) != 0 || execute(db, set_version, error) != 0)
            return -1;
    }
    return 0;
}

static int migrate(struct gw_db *db, const char *const *migrations, struct gw_error *error)
{
    size_t version = 0;
    if (execute(db, "BEGIN IMMEDIATE", error) != 0)
        return -1;
    if (read_version(db, &version, error) != 0 ||
        migrate_from(db, version, migrations, error) != 0 || execute(db, "COMMIT", error) != 0) {
        execute(db, "ROLLBACK", NULL);
        return -1;
    }
    return 0;
}

static int prepare(struct gw_db *db, size_t at, const char *sql, struct gw_error *error)
{
    return sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->statements[at],
                              NULL) == SQLITE_OK
               ? 0
               : set_sqlite_error(db, error);
}

static int prepare_all(struct gw_db *db, const struct gw_db_schema *schema, struct gw_error *error)
{
    db->statement_count = schema->statement_count;
    db->statements =
        gw_alloc((schema->statement_count + TRANSACTION_COUNT) * sizeof(*db->statements));
    for (size_t i = 0; i < schema->statement_count; i++) {
        if (prepare(db, i, schema->statements[i], error) != 0)
            return -1;
    }
    for (size_t i = 0; i < TRANSACTION_COUNT; i++) {
        if (prepare(db, schema->statement_count + i, transaction_sql[i], error) != 0)
            return -1;
    }
    return 0;
}

struct gw_db *gw_db_open(const char *path, const struct gw_db_schema *schema,
                         struct gw_error *error)
{
    if (make_folder_of(path, error) != 0)
        return NULL;
    struct gw_db *db = gw_alloc(sizeof(*db));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        set_sqlite_error(db, error);
        gw_db_close(db);
        return NULL;
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, GW_DB_BUSY_TIMEOUT_MS);
    /* NORMAL: the last commits before a power failure may be lost, but nothing is torn. */
    if (enter_wal(db, error) != 0 ||
        execute(db, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", error) != 0 ||
        migrate(db, schema->migrations, error) != 0 || prepare_all(db, schema, error) != 0) {
        gw_db_close(db);
        return NULL;
    }
    return db;
}

void gw_db_close(struct gw_db *db)
{
    if (db == NULL)
        return;
    if (db->statements != NULL) {
        for (size_t i = 0; i < db->statement_count + TRANSACTION_COUNT; i++)
            sqlite3_finalize(db->statements[i]);
        free(db->statements);
    }
    sqlite3_close(db->handle);
    free(db);
}

/* --- running --- */

static int fail(struct gw_db *db, int code)
{
    sqlite3_snprintf(sizeof(db->message), db->message, "%s", sqlite3_errmsg(db->handle));
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
        return GW_DB_CONFLICT;
    return (code & 0xff) == SQLITE_BUSY ? GW_DB_BUSY : GW_DB_FAILED;
}

static int bind(sqlite3_stmt *statement, const struct gw_db_value *values, size_t count)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        int at = (int)i + 1;
        if (values[i].kind == GW_DB_INTEGER)
            code = sqlite3_bind_int64(statement, at, values[i].integer);
        else
            code = sqlite3_bind_text64(statement, at, values[i].text.base, values[i].text.len,
                                       SQLITE_STATIC, SQLITE_UTF8);
    }
    return code;
}

int gw_db_run(struct gw_db *db, size_t statement, const struct gw_db_value *values,
              size_t value_count, gw_db_row on_row, void *arg)
{
    sqlite3_stmt *prepared = db->statements[statement];
    int rows = 0, code = bind(prepared, values, value_count);
    if (code == SQLITE_OK) {
        while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
            rows++;
            if (on_row != NULL)
                on_row(arg, prepared);
        }
    }
    int result = code == SQLITE_DONE ? rows : fail(db, code);
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    return result;
}

static void read_number(void *arg, sqlite3_stmt *row)
{
    *(int64_t *)arg = sqlite3_column_int64(row, 0);
}

int gw_db_run_number(struct gw_db *db, size_t statement, int64_t *ret_number)
{
    int64_t number = 0;
    int rows = gw_db_run(db, statement, NULL, 0, read_number, &number);
    if (rows < 0)
        return rows;
    *ret_number = number;
    return 0;
}

int gw_db_begin(struct gw_db *db)
{
    return gw_db_run(db, db->statement_count + BEGIN, NULL, 0, NULL, NULL);
}

int gw_db_commit(struct gw_db *db)
{
    int result = gw_db_run(db, db->statement_count + COMMIT, NULL, 0, NULL, NULL);
    if (result < 0)
        gw_db_rollback(db);
    return result;
}

void gw_db_rollback(struct gw_db *db)
{
    /* SQLite has rolled back by itself after some errors; then there is nothing to end. */
    if (!sqlite3_get_autocommit(db->handle))
        gw_db_run(db, db->statement_count + ROLLBACK, NULL, 0, NULL, NULL);
}

const char *gw_db_message(const struct gw_db *db)
{
    return db->message;
}
