/* The methods of user.v1.UserService. Their context is the database (gw_user_schema). */
#ifndef USER_HANDLERS_H
#define USER_HANDLERS_H

#include "grpc/service.h"

extern const struct gw_rpc_method gw_user_methods[];

#endif
