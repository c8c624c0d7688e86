/* A request, its answer and its error as objects of Ruby. Internal to hooks/. */
#ifndef GW_HOOKS_REQUEST_REQUEST_H
#define GW_HOOKS_REQUEST_REQUEST_H

#include "hooks/request/state.h"

void gw_hook_request_define(mrb_state *mrb);
void gw_hook_answer_define(mrb_state *mrb);
void gw_hook_rack_define(mrb_state *mrb);

mrb_value gw_hook_request_new(mrb_state *mrb, struct gw_hook_call *call);
/* The call of a Sluice::Request; raises where it is over. */
struct gw_hook_call *gw_hook_request_call(mrb_state *mrb, mrb_value self);

/* A String; nil where the slice has no base. */
mrb_value gw_hook_string(mrb_state *mrb, struct gw_slice text);
/* Of an Array of two. */
void gw_hook_pair(mrb_state *mrb, mrb_value pair, struct gw_slice *ret_name,
                  struct gw_slice *ret_value);
/* Counts bytes that go into the host's pool, and stay there until the request is over; raises where
 * they are too many. */
void gw_hook_account(mrb_state *mrb, struct gw_hook_call *call, size_t bytes);
/* A copy in the host's pool; from within Ruby. */
struct gw_slice gw_hook_keep(mrb_state *mrb, struct gw_hook_call *call, struct gw_slice text);

/* What `message` gives: the Hash in the thing, made of message->wire when first asked for. */
mrb_value gw_hook_message_get(mrb_state *mrb, struct gw_hook_call *call,
                              struct gw_hook_message *message, enum gw_hook_thing thing);
void gw_hook_message_set(mrb_state *mrb, struct gw_hook_call *call, struct gw_hook_message *message,
                         enum gw_hook_thing thing, mrb_value hash);
/* Brings message->wire up to what hooks made of the Hash. 1: it has changed, 0: it has not. From
 * within Ruby; -1 and an error that names the field: it does not fit its type. */
int gw_hook_message_settle(mrb_state *mrb, struct gw_hook_call *call,
                           struct gw_hook_message *message, enum gw_hook_thing thing,
                           struct gw_error *error);

/* A hook's own answer; checked, copied, and once only. `body` is nil or a String; `hash` is nil or
 * the Hash of a message. */
void gw_hook_reply_set(mrb_state *mrb, struct gw_hook_call *call, mrb_int status,
                       const struct gw_metadata *headers, mrb_value body, mrb_value hash);
void gw_hook_status_check(mrb_state *mrb, mrb_int status);

#endif
