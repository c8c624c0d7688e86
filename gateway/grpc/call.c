#include "grpc/call.h"

const struct gw_slice gw_grpc_user_agent = GW_SLICE_INIT("sluice/" GW_VERSION);

void gw_call_send(struct gw_call *call, struct gw_slice framed, enum gw_send_flags flags)
{
    call->ops->send(call, framed, flags);
}

void gw_call_request(struct gw_call *call, uint32_t count)
{
    call->ops->request(call, count);
}

void gw_call_cancel(struct gw_call *call)
{
    if (call != NULL)
        call->ops->cancel(call);
}
