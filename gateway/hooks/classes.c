/* Every class and module that hooks find, from wherever it comes. */
#include "hooks/engine/log.h"
#include "hooks/engine/task.h"
#include "hooks/library/ruby_base64.h"
#include "hooks/library/ruby_counter.h"
#include "hooks/library/ruby_crypto.h"
#include "hooks/library/ruby_env.h"
#include "hooks/library/ruby_json.h"
#include "hooks/library/ruby_regexp.h"
#include "hooks/request/fields.h"
#include "hooks/request/request.h"
#include "hooks/request/rpc.h"

const gw_hook_define_fn gw_hook_library[] = {
    gw_hook_fields_define,  gw_hook_request_define,
    gw_hook_answer_define,  gw_hook_rack_define,
    gw_hook_task_define,    gw_hook_rpc_define,
    gw_hook_log_define,     gw_hook_json_define,
    gw_hook_regexp_define,  gw_hook_base64_define,
    gw_hook_crypto_define,  gw_hook_env_define,
    gw_hook_counter_define, NULL,
};
