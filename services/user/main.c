/* user-service: serves user.v1.UserService. */
#include "common/app.h"
#include "user/handlers.h"
#include "user/store.h"

int main(int argc, char **argv)
{
    static const struct gw_app app = {
        .name = "user-service",
        .server_name = "user-server",
        .count_name = "user_count",
        .port = 8001,
        .service = &user__v1__user_service__descriptor,
        .methods = gw_user_methods,
        .schema = &gw_user_schema,
    };
    return gw_app_main(&app, argc, argv);
}
