#include "grpc/reflection.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/request.h"
#include "schema/reflection_index.h"

/* v1alpha differs from v1 by its package alone, so v1's messages serve both. */
typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

struct gw_reflection {
    gw_pool pool;
    struct gw_reflection_index index;
    GW_VEC(const char *) services;
};

/* One request of a stream. */
struct question {
    const struct gw_reflection *reflection;
    struct gw_server_call *call;
    bool *sent; /* by position: the files that this stream has carried */
    Request *request;
};

static void answer(const struct question *q, Response *response)
{
    response->valid_host = q->request->host;
    response->original_request = q->request;
    char *body = gw_server_call_queue(q->call, protobuf_c_message_get_packed_size(&response->base));
    if (body != NULL)
        protobuf_c_message_pack(&response->base, (uint8_t *)body);
}

static void answer_error(const struct question *q, const char *what, const char *name)
{
    char text[300];
    snprintf(text, sizeof(text), "%s: %.200s", what, name);
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    error.error_code = GW_NOT_FOUND;
    error.error_message = text;
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response.error_response = &error;
    answer(q, &response);
}

/* The file first: clients take that for the answer. Then what it imports, directly or not, but what
 * the stream has carried. */
static void answer_file(const struct question *q, const struct gw_reflection_file *file)
{
    size_t room = q->reflection->index.file_count, count = 0;
    const struct gw_reflection_file **files = gw_alloc(room * sizeof(const void *));
    ProtobufCBinaryData *blobs = gw_alloc(room * sizeof(*blobs));
    files[count++] = file;
    q->sent[file->position] = true;
    for (size_t i = 0; i < count; i++) {
        blobs[i] = (ProtobufCBinaryData){files[i]->bytes.len, (uint8_t *)files[i]->bytes.base};
        for (size_t n = 0; n < files[i]->import_count; n++) {
            const struct gw_reflection_file *import = files[i]->imports[n];
            if (!q->sent[import->position]) {
                q->sent[import->position] = true;
                files[count++] = import;
            }
        }
    }
    Grpc__Reflection__V1__FileDescriptorResponse found =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    found.n_file_descriptor_proto = count;
    found.file_descriptor_proto = blobs;
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response.file_descriptor_response = &found;
    answer(q, &response);
    free(files);
    free(blobs);
}

static struct gw_slice type_name(const char *text)
{
    return gw_slice_str(text[0] == '.' ? text + 1 : text);
}

static void file_by_name(const struct question *q, const char *name)
{
    const struct gw_reflection_file *file =
        gw_strmap_get(&q->reflection->index.by_name, gw_slice_str(name));
    if (file != NULL)
        answer_file(q, file);
    else
        answer_error(q, "unknown file", name);
}

static void file_by_symbol(const struct question *q, const char *symbol)
{
    const struct gw_reflection_file *file =
        gw_strmap_get(&q->reflection->index.by_symbol, type_name(symbol));
    if (file != NULL)
        answer_file(q, file);
    else
        answer_error(q, "unknown symbol", symbol);
}

static void file_by_extension(const struct question *q,
                              const Grpc__Reflection__V1__ExtensionRequest *wanted)
{
    const struct gw_reflection_extendee *e =
        gw_strmap_get(&q->reflection->index.extendees, type_name(wanted->containing_type));
    for (size_t i = 0; e != NULL && i < e->count; i++) {
        if (e->numbers[i] == wanted->extension_number) {
            answer_file(q, e->files[i]);
            return;
        }
    }
    answer_error(q, "unknown extension of", wanted->containing_type);
}

static void extension_numbers(const struct question *q, const char *type)
{
    const struct gw_reflection_index *index = &q->reflection->index;
    const struct gw_reflection_extendee *e = gw_strmap_get(&index->extendees, type_name(type));
    if (e == NULL && gw_strmap_get(&index->by_symbol, type_name(type)) == NULL) {
        answer_error(q, "unknown type", type);
        return;
    }
    Grpc__Reflection__V1__ExtensionNumberResponse found =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    found.base_type_name = (char *)type_name(type).base;
    found.n_extension_number = e != NULL ? e->count : 0;
    found.extension_number = e != NULL ? e->numbers : NULL;
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    response.all_extension_numbers_response = &found;
    answer(q, &response);
}

static void list_services(const struct question *q)
{
    size_t count = q->reflection->services.count;
    Grpc__Reflection__V1__ServiceResponse *services = gw_alloc(count * sizeof(*services));
    Grpc__Reflection__V1__ServiceResponse **pointers = gw_alloc(count * sizeof(*pointers));
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = (char *)q->reflection->services.items[i];
        pointers[i] = &services[i];
    }
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    list.n_service = count;
    list.service = pointers;
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response.list_services_response = &list;
    answer(q, &response);
    free(pointers);
    free(services);
}

static void dispatch(const struct question *q)
{
    const Request *r = q->request;
    switch (r->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        file_by_name(q, r->file_by_filename);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        file_by_symbol(q, r->file_containing_symbol);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        file_by_extension(q, r->file_containing_extension);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        extension_numbers(q, r->all_extension_numbers_of_type);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        list_services(q);
        break;
    default:
        gw_server_call_finish(q->call, GW_INVALID_ARGUMENT,
                              GW_SLICE("the request asks for nothing that is known here"),
                              GW_SLICE(""));
    }
}

/* --- the server's side --- */

static void on_start(void *arg, struct gw_server_call *call)
{
    const struct gw_reflection *reflection = arg;
    size_t bytes = reflection->index.file_count * sizeof(bool);
    void *sent = h2o_mem_alloc_pool(gw_server_call_pool(call), bytes);
    *gw_server_call_data(call) = memset(sent, 0, bytes);
}

static void on_message(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    struct gw_error error;
    Request *request = (Request *)gw_request_unpack(
        &grpc__reflection__v1__server_reflection_request__descriptor, message, NULL, &error);
    if (request == NULL) {
        gw_server_call_finish(call, error.status, gw_slice_str(error.message), GW_SLICE(""));
        return;
    }
    dispatch(&(struct question){arg, call, *gw_server_call_data(call), request});
    grpc__reflection__v1__server_reflection_request__free_unpacked(request, NULL);
}

static void on_half_close(void *arg, struct gw_server_call *call)
{
    (void)arg;
    gw_server_call_finish(call, GW_OK, GW_SLICE(""), GW_SLICE(""));
}

/* --- set-up --- */

static bool is_listed(const struct gw_reflection *reflection, const char *service)
{
    for (size_t i = 0; i < reflection->services.count; i++) {
        if (strcmp(reflection->services.items[i], service) == 0)
            return true;
    }
    return false;
}

static void list(struct gw_reflection *reflection, const char *service)
{
    if (!is_listed(reflection, service))
        *gw_vec_push(&reflection->services) =
            gw_pool_dup(&reflection->pool, gw_slice_str(service)).base;
}

static void add_version(struct gw_grpc_server *server, struct gw_reflection *reflection,
                        const char *service)
{
    list(reflection, service);
    gw_grpc_server_add(
        server, &(struct gw_server_method){
                    .path = gw_pool_printf(&reflection->pool, "/%s/ServerReflectionInfo", service),
                    .client_streaming = true,
                    .server_streaming = true,
                    .on_start = on_start,
                    .on_message = on_message,
                    .on_half_close = on_half_close,
                    .arg = reflection,
                });
}

struct gw_reflection *gw_reflection_create(struct gw_grpc_server *server,
                                           struct gw_slice descriptor_set,
                                           const char *const *services, struct gw_error *error)
{
    struct gw_reflection *reflection = gw_alloc(sizeof(*reflection));
    h2o_mem_init_pool(&reflection->pool);
    if (gw_reflection_index_init(&reflection->index, &reflection->pool, descriptor_set, error) !=
        0) {
        gw_reflection_destroy(reflection);
        return NULL;
    }
    for (; *services != NULL; services++)
        list(reflection, *services);
    add_version(server, reflection, "grpc.reflection.v1.ServerReflection");
    add_version(server, reflection, "grpc.reflection.v1alpha.ServerReflection");
    return reflection;
}

void gw_reflection_destroy(struct gw_reflection *reflection)
{
    if (reflection == NULL)
        return;
    gw_reflection_index_dispose(&reflection->index);
    gw_vec_dispose(&reflection->services);
    h2o_mem_clear_pool(&reflection->pool);
    free(reflection);
}
