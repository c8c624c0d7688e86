#include "grpc/service.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "google/rpc/status.pb-c.h"
#include "grpc/request.h"

/* Registration: one method of one service, in the server's pool. */
struct service_method {
    struct gw_rpc_method method; /* without handler: UNIMPLEMENTED */
    const ProtobufCMethodDescriptor *descriptor;
    void *context;
};

struct gw_rpc {
    const struct service_method *method;
    struct gw_server_call *call;
    void *data;
};

/* --- messages in a pool --- */

static void *pool_alloc(void *pool, size_t bytes)
{
    return h2o_mem_alloc_pool(pool, bytes);
}

static void pool_free(void *pool, void *p)
{
    (void)pool;
    (void)p;
}

static struct gw_slice pack(gw_pool *pool, const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = h2o_mem_alloc_pool(pool, length);
    protobuf_c_message_pack(message, bytes);
    return gw_slice(bytes, length);
}

/* --- the server's side --- */

static void on_start(void *arg, struct gw_server_call *call)
{
    const struct service_method *m = arg;
    if (m->method.handler == NULL)
        gw_server_call_finish(call, GW_UNIMPLEMENTED, GW_SLICE("the method is not implemented"),
                              GW_SLICE(""));
}

static void on_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    const struct service_method *m = arg;
    gw_pool *pool = gw_server_call_pool(call);
    ProtobufCAllocator allocator = {pool_alloc, pool_free, pool};
    struct gw_error error;
    ProtobufCMessage *request =
        gw_request_unpack(m->descriptor->input, message, &allocator, &error);
    if (request == NULL) {
        gw_server_call_finish(call, error.status, gw_slice_str(error.message), GW_SLICE(""));
        return;
    }
    struct gw_rpc *rpc = h2o_mem_alloc_pool(pool, sizeof(*rpc));
    *rpc = (struct gw_rpc){.method = m, .call = call};
    *gw_server_call_data(call) = rpc;
    m->method.handler(rpc, request);
}

static void on_writable(void *arg, struct gw_server_call *call)
{
    const struct service_method *m = arg;
    struct gw_rpc *rpc = *gw_server_call_data(call);
    if (rpc != NULL && m->method.on_writable != NULL)
        m->method.on_writable(rpc);
}

static void on_close(void *arg, struct gw_server_call *call)
{
    const struct service_method *m = arg;
    struct gw_rpc *rpc = *gw_server_call_data(call);
    if (rpc != NULL && m->method.on_close != NULL)
        m->method.on_close(rpc);
}

/* --- registration --- */

static const struct gw_rpc_method *find(const struct gw_rpc_method *methods, const char *name)
{
    for (; methods->name != NULL; methods++) {
        if (strcmp(methods->name, name) == 0)
            return methods;
    }
    return NULL;
}

static size_t count(const struct gw_rpc_method *methods)
{
    size_t n = 0;
    while (methods[n].name != NULL)
        n++;
    return n;
}

void gw_service_add(struct gw_grpc_server *server, const ProtobufCServiceDescriptor *descriptor,
                    const struct gw_rpc_method *methods, void *context)
{
    gw_pool *pool = gw_grpc_server_pool(server);
    size_t found = 0;
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
        const char *name = descriptor->methods[i].name;
        const struct gw_rpc_method *method = find(methods, name);
        struct service_method *m = h2o_mem_alloc_pool(pool, sizeof(*m));
        *m = (struct service_method){{.name = name}, &descriptor->methods[i], context};
        if (method != NULL) {
            m->method = *method;
            found++;
        }
        bool added = gw_grpc_server_add(
            server, &(struct gw_server_method){
                        .path = gw_pool_printf(pool, "/%s/%s", descriptor->name, name),
                        .server_streaming = m->method.server_streaming,
                        .on_start = on_start,
                        .on_message = on_message,
                        .on_writable = on_writable,
                        .on_close = on_close,
                        .arg = m,
                    });
        assert(added);
        (void)added;
    }
    assert(found == count(methods)); /* else one is misspelt */
    (void)found;
    (void)count;
}

/* --- the handler's side --- */

void *gw_rpc_context(const struct gw_rpc *rpc)
{
    return rpc->method->context;
}

gw_pool *gw_rpc_pool(struct gw_rpc *rpc)
{
    return gw_server_call_pool(rpc->call);
}

void **gw_rpc_data(struct gw_rpc *rpc)
{
    return &rpc->data;
}

bool gw_rpc_write(struct gw_rpc *rpc, const ProtobufCMessage *response)
{
    assert(response->descriptor == rpc->method->descriptor->output);
    char *body = gw_server_call_queue(rpc->call, protobuf_c_message_get_packed_size(response));
    if (body != NULL)
        protobuf_c_message_pack(response, (uint8_t *)body);
    return gw_server_call_is_writable(rpc->call);
}

void gw_rpc_reply(struct gw_rpc *rpc, const ProtobufCMessage *response)
{
    gw_rpc_write(rpc, response);
    gw_rpc_end(rpc);
}

void gw_rpc_end(struct gw_rpc *rpc)
{
    gw_server_call_finish(rpc->call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

void gw_rpc_fail(struct gw_rpc *rpc, int status, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_server_call_finish(rpc->call, status, gw_slice_str(text), GW_SLICE(""));
}

void gw_rpc_fail_with(struct gw_rpc *rpc, int status, const char *message,
                      const ProtobufCMessage *detail)
{
    gw_pool *pool = gw_rpc_pool(rpc);
    struct gw_slice value = pack(pool, detail);
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *details[] = {&any};
    any.type_url =
        (char *)gw_pool_printf(pool, "type.googleapis.com/%s", detail->descriptor->name).base;
    any.value = (ProtobufCBinaryData){value.len, (uint8_t *)value.base};
    Google__Rpc__Status packed = GOOGLE__RPC__STATUS__INIT;
    packed.code = status;
    packed.message = (char *)message;
    packed.n_details = 1;
    packed.details = details;
    gw_server_call_finish(rpc->call, status, gw_slice_str(message), pack(pool, &packed.base));
}
