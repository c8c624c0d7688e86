#include "user/store.h"

#include "base/clock.h"
#include "base/random.h"
#include "common/row.h"

static const char *const migrations[] = {
    "CREATE TABLE users ("
    "  id TEXT PRIMARY KEY,"
    "  username TEXT NOT NULL UNIQUE,"
    "  email TEXT NOT NULL UNIQUE,"
    "  full_name TEXT NOT NULL,"
    "  age INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL," /* since 1970 */
    "  updated_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX users_by_creation ON users (created_us, id)",
    NULL,
};

#define USER_COLUMNS "id, username, email, full_name, age, created_us, updated_us"

enum { INSERT, FIND, UPDATE, DELETE, LIST, COUNT, HAS_USERNAME };
static const char *const statements[] = {
    [INSERT] = "INSERT INTO users (" USER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
               " RETURNING " USER_COLUMNS,
    [FIND] = "SELECT " USER_COLUMNS " FROM users WHERE id = ?1",
    [UPDATE] = "UPDATE users SET username = ifnull(nullif(?2, ''), username),"
               " email = ifnull(nullif(?3, ''), email),"
               " full_name = ifnull(nullif(?4, ''), full_name),"
               " age = ifnull(nullif(?5, 0), age), updated_us = ?6"
               " WHERE id = ?1 RETURNING " USER_COLUMNS,
    [DELETE] = "DELETE FROM users WHERE id = ?1 RETURNING id",
    [LIST] = "SELECT " USER_COLUMNS " FROM users ORDER BY created_us, id LIMIT ?2 OFFSET ?1",
    [COUNT] = "SELECT count(*) FROM users",
    [HAS_USERNAME] = "SELECT 1 FROM users WHERE username = ?1 AND id <> ?2",
};

const struct gw_db_schema gw_user_schema = {
    .migrations = migrations,
    .statements = statements,
    .statement_count = sizeof(statements) / sizeof(statements[0]),
    .count_statement = COUNT,
};

struct reader {
    gw_pool *pool;
    User__V1__User **next;
};

static void read_user(void *arg, sqlite3_stmt *row)
{
    struct reader *reader = arg;
    User__V1__User *user = h2o_mem_alloc_pool(reader->pool, sizeof(*user));
    user__v1__user__init(user);
    user->id = gw_row_text(reader->pool, row, 0);
    user->username = gw_row_text(reader->pool, row, 1);
    user->email = gw_row_text(reader->pool, row, 2);
    user->full_name = gw_row_text(reader->pool, row, 3);
    user->age = sqlite3_column_int(row, 4);
    user->created_at = gw_row_time(reader->pool, row, 5);
    user->updated_at = gw_row_time(reader->pool, row, 6);
    *reader->next++ = user;
}

int gw_user_insert(struct gw_db *db, gw_pool *pool, const User__V1__CreateUserRequest *request,
                   User__V1__User **ret_user)
{
    char id[GW_UUID_LENGTH + 1];
    gw_random_uuid(id);
    struct reader reader = {pool, ret_user};
    int rows =
        gw_db_run(db, INSERT,
                  GW_DB_VALUES(gw_db_text(id), gw_db_text(request->username),
                               gw_db_text(request->email), gw_db_text(request->full_name),
                               gw_db_integer(request->age), gw_db_integer(gw_clock_wall_us())),
                  read_user, &reader);
    return rows < 0 ? rows : 0;
}

int gw_user_find(struct gw_db *db, gw_pool *pool, const char *id, User__V1__User **ret_user)
{
    struct reader reader = {pool, ret_user};
    return gw_db_run(db, FIND, GW_DB_VALUES(gw_db_text(id)), read_user, &reader);
}

int gw_user_update(struct gw_db *db, gw_pool *pool, const User__V1__UpdateUserRequest *request,
                   User__V1__User **ret_user)
{
    struct reader reader = {pool, ret_user};
    return gw_db_run(db, UPDATE,
                     GW_DB_VALUES(gw_db_text(request->id), gw_db_text(request->username),
                                  gw_db_text(request->email), gw_db_text(request->full_name),
                                  gw_db_integer(request->age), gw_db_integer(gw_clock_wall_us())),
                     read_user, &reader);
}

int gw_user_delete(struct gw_db *db, const char *id)
{
    return gw_db_run(db, DELETE, GW_DB_VALUES(gw_db_text(id)), NULL, NULL);
}

int gw_user_list(struct gw_db *db, gw_pool *pool, int64_t offset, int64_t limit,
                 User__V1__User ***ret_users, int64_t *ret_total)
{
    User__V1__User **users = h2o_mem_alloc_pool(pool, (size_t)limit * sizeof(*users));
    struct reader reader = {pool, users};
    int rows = gw_db_run(db, LIST, GW_DB_VALUES(gw_db_integer(offset), gw_db_integer(limit)),
                         read_user, &reader);
    int result = rows < 0 ? rows : gw_db_run_number(db, COUNT, ret_total);
    if (result < 0)
        return result;
    *ret_users = users;
    return rows;
}

int gw_user_has_username(struct gw_db *db, const char *username, const char *id)
{
    return gw_db_run(db, HAS_USERNAME, GW_DB_VALUES(gw_db_text(username), gw_db_text(id)), NULL,
                     NULL);
}
