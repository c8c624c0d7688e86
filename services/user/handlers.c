#include "user/handlers.h"

#include <string.h>

#include "common/reply.h"
#include "user/store.h"

enum {
    USERNAME_MAX_BYTES = 64,
    EMAIL_MAX_BYTES = 254, /* RFC 5321 section 4.5.3.1.3, without the angle brackets */
    FULL_NAME_MAX_BYTES = 256,
    AGE_MAX = 150,
};

static const char user_type[] = "user.v1.User";

static void say_hello(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__SayHelloRequest *request = (const void *)message;
    struct gw_check check = gw_check_begin(rpc);
    gw_check_text(&check, "name", request->name, FULL_NAME_MAX_BYTES, GW_REQUIRED);
    if (gw_check_failed(&check))
        return;
    User__V1__SayHelloResponse response = USER__V1__SAY_HELLO_RESPONSE__INIT;
    response.message = (char *)gw_pool_printf(gw_rpc_pool(rpc), "Hello, %s!", request->name).base;
    gw_rpc_reply(rpc, &response.base);
}

/* Only what tells an address from something else; whether mail arrives there is for mail to tell.
 */
static bool looks_like_email(const char *email)
{
    const char *at = strchr(email, '@');
    return at != NULL && at != email && at[1] != '\0' && strpbrk(at + 1, "@ ") == NULL;
}

static void check_profile(struct gw_check *check, const char *username, const char *email,
                          const char *full_name, int32_t age, enum gw_presence presence)
{
    gw_check_text(check, "username", username, USERNAME_MAX_BYTES, presence);
    gw_check_text(check, "email", email, EMAIL_MAX_BYTES, presence);
    if (email[0] != '\0' && !looks_like_email(email))
        gw_check_add(check, "email", "expected an address such as name@example.com");
    gw_check_text(check, "full_name", full_name, FULL_NAME_MAX_BYTES, GW_OPTIONAL);
    if (age < 0 || age > AGE_MAX)
        gw_check_add(check, "age", "expected 0 to 150");
}

static void reply_taken(struct gw_rpc *rpc, struct gw_db *db, const char *id, const char *username,
                        const char *email)
{
    int has_username = gw_user_has_username(db, username, id);
    if (has_username < 0)
        gw_reply_db_failed(rpc, db, has_username);
    else if (has_username > 0)
        gw_reply_taken(rpc, "username", user_type, username);
    else
        gw_reply_taken(rpc, "email", user_type, email);
}

static void create_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__CreateUserRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    check_profile(&check, request->username, request->email, request->full_name, request->age,
                  GW_REQUIRED);
    if (gw_check_failed(&check))
        return;
    User__V1__CreateUserResponse response = USER__V1__CREATE_USER_RESPONSE__INIT;
    int result = gw_user_insert(db, gw_rpc_pool(rpc), request, &response.user);
    if (result == GW_DB_CONFLICT)
        reply_taken(rpc, db, "", request->username, request->email);
    else if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void get_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__GetUserRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "id", request->id);
    if (gw_check_failed(&check))
        return;
    User__V1__GetUserResponse response = USER__V1__GET_USER_RESPONSE__INIT;
    int result = gw_user_find(db, gw_rpc_pool(rpc), request->id, &response.user);
    if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else if (result == 0)
        gw_reply_not_found(rpc, "user", user_type, request->id);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void update_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__UpdateUserRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "id", request->id);
    check_profile(&check, request->username, request->email, request->full_name, request->age,
                  GW_OPTIONAL);
    if (gw_check_failed(&check))
        return;
    User__V1__UpdateUserResponse response = USER__V1__UPDATE_USER_RESPONSE__INIT;
    int result = gw_user_update(db, gw_rpc_pool(rpc), request, &response.user);
    if (result == GW_DB_CONFLICT)
        reply_taken(rpc, db, request->id, request->username, request->email);
    else if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else if (result == 0)
        gw_reply_not_found(rpc, "user", user_type, request->id);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void delete_user(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__DeleteUserRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "id", request->id);
    if (gw_check_failed(&check))
        return;
    int result = gw_user_delete(db, request->id);
    if (result < 0) {
        gw_reply_db_failed(rpc, db, result);
    } else if (result == 0) {
        gw_reply_not_found(rpc, "user", user_type, request->id);
    } else {
        User__V1__DeleteUserResponse response = USER__V1__DELETE_USER_RESPONSE__INIT;
        response.success = 1;
        gw_rpc_reply(rpc, &response.base);
    }
}

static void list_users(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const User__V1__ListUsersRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    if (request->page < 0)
        gw_check_add(&check, "page", "expected 1 or more");
    int64_t limit = gw_check_page_size(&check, "page_size", request->page_size);
    if (gw_check_failed(&check))
        return;
    int64_t page = request->page > 0 ? request->page : 1, total;
    User__V1__ListUsersResponse response = USER__V1__LIST_USERS_RESPONSE__INIT;
    int result =
        gw_user_list(db, gw_rpc_pool(rpc), (page - 1) * limit, limit, &response.users, &total);
    if (result < 0) {
        gw_reply_db_failed(rpc, db, result);
        return;
    }
    response.n_users = (size_t)result;
    response.total = gw_total(total);
    gw_rpc_reply(rpc, &response.base);
}

const struct gw_rpc_method gw_user_methods[] = {
    {.name = "SayHello", .handler = say_hello},
    {.name = "CreateUser", .handler = create_user},
    {.name = "GetUser", .handler = get_user},
    {.name = "UpdateUser", .handler = update_user},
    {.name = "DeleteUser", .handler = delete_user},
    {.name = "ListUsers", .handler = list_users},
    {0},
};
