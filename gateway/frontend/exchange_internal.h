/* What the files that make up an exchange know of each other: exchange.c has its begin and end,
 * exchange_answer.c answers and errors, exchange_call.c the call, exchange_watch.c the client's
 * side meanwhile; stream.c answers of many messages, request_stream.c such requests. */
#ifndef GW_FRONTEND_EXCHANGE_INTERNAL_H
#define GW_FRONTEND_EXCHANGE_INTERNAL_H

#include "frontend/connection.h"
#include "frontend/internal.h"
#include "frontend/request_body.h"
#include "frontend/request_headers.h"

struct gw_hooked;
struct gw_stream;
struct gw_stream_format;
struct gw_request_stream;
struct gw_translation;
struct gw_exchange;

typedef void (*gw_exchange_fn)(struct gw_exchange *x);

/* Lives until its request's pool ends. A shared object of the pool holds it, whose dispose callback
 * is how the end of the request is seen: libh2o calls it while the request and its pool can still
 * be read. */
struct gw_exchange {
    h2o_req_t *req;
    struct gw_worker *worker;
    struct gw_connection *connection;
    const struct gw_route *route;      /* NULL: none matched */
    size_t upstream;                   /* the route's, or what hooks have chosen */
    const struct gw_config_cors *cors; /* what the answer says to other origins; NULL: nothing */
    uint64_t began_ns;
    struct gw_request_headers headers;
    struct gw_request_body *body; /* NULL: libh2o refused the request */
    struct gw_route_match *match; /* while the body is awaited, or a hook */
    bool wants_websocket;

    unsigned hook_phases;     /* of enum gw_hook_phase: yet to run */
    struct gw_hooked *hooked; /* NULL: there was none to run */
    struct gw_slice framed; /* the request message, where hooks have asked for it; else base NULL */

    uint64_t deadline_ms; /* the client's; 0: none */
    struct gw_call *call; /* NULL: not begun, or over */
    struct gw_call_report report;
    int grpc_status;       /* -1: no call has ended */
    struct gw_slice error; /* for the access log; empty: none */
    struct gw_buf json;    /* the answer, once the message is in; a large one is on the heap */
    struct gw_answer_memory memory;
    bool lacks_memory; /* the message was let go */
    uint32_t message_count;
    struct gw_error message_error;             /* status is GW_OK: the message was translated */
    struct gw_translation *translation;        /* under way, or kept for it; else NULL */
    struct gw_translation *translated_request; /* NULL: it was small */
    struct gw_stream *stream; /* the answer, of a method that streams it; else NULL */
    const struct gw_stream_format *stream_format; /* of such an answer in JSON */
    struct gw_request_stream *request_stream;     /* the same of the request */

    /* Where headers.protocol is not REST. */
    struct {
        struct gw_slice upstream_type, content_type; /* of the call; of the answer */
        bool answers_in_text;                        /* gRPC-Web in base64 */
        bool has_headers;                            /* initial metadata are among the answer's */
        size_t left_out_bytes; /* of initial metadata that are more than the client takes */
    } grpc;

    struct gw_task leave; /* the client was found to have left */
    bool watching;        /* the client's socket is ours to read */
    bool is_handed_over;  /* to what goes on behind the request, and counts and logs it */
};

/* HTTP/2 disposes of a request whose client has left, and watches over its answer. */
static inline bool gw_exchange_is_http1(const struct gw_exchange *x)
{
    return x->req->version < 0x200;
}

/* --- exchange.c --- */

/* The route of the request, once. */
void gw_exchange_take_route(struct gw_exchange *x, const struct gw_route *route);
/* The route leads to a call, which cannot have the metadata that the request wants to send: it is
 * answered. */
bool gw_exchange_refuses_metadata(struct gw_exchange *x);
/* What is to be translated, as far as it has come. */
struct gw_translate_request gw_exchange_request_of(const struct gw_exchange *x);
/* The body is there, as far as it is awaited: hooks, then gw_exchange_serve_match. */
void gw_exchange_serve(struct gw_exchange *x, const struct gw_route_match *match);
/* Begins the call, or what else the route leads to; on_request has run. */
void gw_exchange_serve_match(struct gw_exchange *x, const struct gw_route_match *match);
void gw_exchange_count_limit(const struct gw_exchange *x, enum gw_limit limit);
/* What becomes of a request whose body has a fault, which is counted. */
void gw_exchange_body_failure(struct gw_exchange *x, struct gw_failure *ret_failure);

/* --- exchange_answer.c --- */

/* The headers of every answer; content_type may be empty, where another knows it. */
void gw_exchange_add_headers(struct gw_exchange *x, struct gw_slice content_type);
/* The answer is whole, or comes from a file: what is left is that the client takes it. */
void gw_exchange_await_taking(struct gw_exchange *x);
/* Answers with x->json; content_length SIZE_MAX: an answer that does not say it. */
void gw_exchange_answer(struct gw_exchange *x, int http_status, struct gw_slice content_type,
                        size_t content_length);
void gw_exchange_answer_json(struct gw_exchange *x, int http_status);
/* Answers with the error form of the client's protocol. Only before another answer has begun, and
 * perhaps later: hooks may have a say. */
void gw_exchange_answer_error(struct gw_exchange *x, int http_status, int code,
                              struct gw_slice message, struct gw_slice details);
/* The same of a REST client, and at once. */
void gw_exchange_tell_error(struct gw_exchange *x, int http_status, int code,
                            struct gw_slice message, struct gw_slice details);
void gw_exchange_answer_failure(struct gw_exchange *x, const struct gw_failure *failure);
/* Answers a call that has failed. */
void gw_exchange_answer_result(struct gw_exchange *x, const struct gw_call_result *result);
/* Keeps for the access log what the client is told, and `reason`, which it is not: of the first
 * error only. */
void gw_exchange_note_error(struct gw_exchange *x, struct gw_slice message, struct gw_slice reason);
/* What a REST client is told as `code` then. */
int gw_exchange_code_of(const struct gw_call_result *result);
bool gw_exchange_is_head(const struct gw_exchange *x);

/* --- exchange_call.c --- */

/* Reads grpc-timeout; false, having answered, where it is malformed or has passed already. */
bool gw_exchange_take_deadline(struct gw_exchange *x);
/* Starts the call of x->route, with the deadline that its kind has. Nothing is sent or asked for
 * yet. The callbacks' `arg` is the exchange. */
void gw_exchange_start_call(struct gw_exchange *x, const struct gw_call_callbacks *callbacks);
/* For a call whose answer is one message; their `arg` is the exchange. */
extern const struct gw_call_callbacks gw_exchange_unary_answer;
/* The call has ended, or is given up: counts it. */
void gw_exchange_count_call(struct gw_exchange *x, int grpc_status, uint64_t now_ns);
/* Without a word to the client. Harmless where there is none. */
void gw_exchange_cancel_call(struct gw_exchange *x);
/* Cancels the call that is under way, and answers with an error, or ends the answer with one. */
void gw_exchange_give_up(struct gw_exchange *x, int http_status, int code, struct gw_slice message);
/* The same, because nothing has moved for too long. */
void gw_exchange_give_up_idle(struct gw_exchange *x);

/* --- exchange_memory.c --- */

/* As gw_answer_memory_reserve, of a message that is handed on as it is or is translated; false at
 * once for one that never fits. */
bool gw_answer_memory_await(struct gw_worker *worker, struct gw_answer_memory *memory,
                            bool is_translated, size_t bytes, size_t here);
/* How a call ends whose answer has no room; counts the limit. */
struct gw_call_result gw_answer_memory_failure(struct gw_worker *worker,
                                               const struct gw_answer_memory *memory);
/* The call has ended, and its answer waits no more: `result`, but where that was until the
 * deadline: *room, which says so. */
const struct gw_call_result *gw_answer_memory_judge(struct gw_worker *worker,
                                                    struct gw_answer_memory *memory,
                                                    const struct gw_call_result *result,
                                                    struct gw_call_result *room);
void gw_exchange_on_settled(struct gw_answer_memory *memory);
/* Of calls whose `arg` is the exchange. */
bool gw_exchange_on_coming(void *arg, size_t bytes, size_t here);
/* The answer takes so many bytes. False, and lacks_memory: there is no room for more than it had.
 */
bool gw_exchange_hold(struct gw_exchange *x, size_t bytes);
void gw_exchange_give_up_memory(struct gw_exchange *x);
/* x->json, which is empty, is about to get so many bytes or more. */
void gw_exchange_make_room(struct gw_exchange *x, size_t bytes);
/* Lets go of x->json, what is to be translated and its memory, so that an error may be the answer.
 */
void gw_exchange_drop_answer(struct gw_exchange *x);
/* The error, where lacks_memory says so behind the call. */
void gw_exchange_answer_lack(struct gw_exchange *x);
/* What became of a unary call: `result`, or in *room that its answer had no room. */
const struct gw_call_result *gw_exchange_judge(struct gw_exchange *x,
                                               const struct gw_call_result *result,
                                               struct gw_call_result *room);

/* --- exchange_translate.c --- */

/* False: the body is small, to be translated at once. Else `then` is called when its message is
 * there, unless the exchange ends before. */
bool gw_exchange_translate_request(struct gw_exchange *x, const struct gw_route_match *match,
                                   const struct gw_translate_request *request, gw_exchange_fn then);
/* For `then`: the framed message, or no bytes and the failure; both last as long as x. */
struct gw_slice gw_exchange_translated_request(const struct gw_exchange *x,
                                               const struct gw_failure **ret_failure);
/* Of a good answer of REST: makes x->json of it, or keeps it where it is large. x->message_error
 * and lacks_memory say how that went. */
void gw_exchange_take_message(struct gw_exchange *x, struct gw_slice message);
/* Translates what was kept; then calls `then`, at once where there is nothing to do, and never
 * where the exchange ends before. */
void gw_exchange_translate_taken(struct gw_exchange *x, gw_exchange_fn then);
bool gw_exchange_is_translating(const struct gw_exchange *x);
/* What goes on of it is of no interest any more. */
void gw_exchange_drop_translation(struct gw_exchange *x);
/* The call that borrows a translated request is over. */
void gw_exchange_dispose_translations(struct gw_exchange *x);

/* --- exchange_watch.c --- */

/* From here on, the client's leaving ends the exchange. */
void gw_exchange_watch_client(struct gw_exchange *x);
/* Gives the client's socket back to libh2o. */
void gw_exchange_unwatch_client(struct gw_exchange *x);
/* The client has left: the function of x->leave. */
void gw_exchange_on_leave(struct gw_task *task);

#endif
