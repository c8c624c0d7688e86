/* Users in the database. Messages are made in the pool. Functions return 0 or 1 where said so, or a
 * failure of common/db.h; GW_DB_CONFLICT is a username or email that another user has. */
#ifndef USER_STORE_H
#define USER_STORE_H

#include "common/db.h"
#include "base/mem.h"
#include "user/v1/user.pb-c.h"

extern const struct gw_db_schema gw_user_schema;

/* *ret_user has a new id. */
int gw_user_insert(struct gw_db *db, gw_pool *pool, const User__V1__CreateUserRequest *request,
                   User__V1__User **ret_user);
/* 1: found. 0: there is none. */
int gw_user_find(struct gw_db *db, gw_pool *pool, const char *id, User__V1__User **ret_user);
/* Empty fields keep their value. 1: updated. 0: there is none. */
int gw_user_update(struct gw_db *db, gw_pool *pool, const User__V1__UpdateUserRequest *request,
                   User__V1__User **ret_user);
/* 1: deleted. 0: there was none. */
int gw_user_delete(struct gw_db *db, const char *id);
/* Oldest first; *ret_users has room for `limit`. *ret_total counts all users. Returns how many are
 * in *ret_users. */
int gw_user_list(struct gw_db *db, gw_pool *pool, int64_t offset, int64_t limit,
                 User__V1__User ***ret_users, int64_t *ret_total);
/* 1: a user other than `id` ("" for none) has that username. 0: none has. */
int gw_user_has_username(struct gw_db *db, const char *username, const char *id);

#endif
