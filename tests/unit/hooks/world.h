/* Hooks from text, with a loop, a backend of the Library service (library.proto), and a host that
 * is a plain struct. */
#ifndef TESTS_UNIT_HOOKS_WORLD_H
#define TESTS_UNIT_HOOKS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "grpc/server.h"
#include "hooks/hooks.h"
#include "transcode/transcode.h"

#define FILES_MAX 8

static const char *build_root;

/* --- a host --- */

struct field {
    enum gw_hook_fields kind;
    struct gw_slice name, value;
};

struct host {
    struct gw_hook_host super;
    gw_pool pool;
    struct field fields[64];
    size_t field_count;
    struct gw_slice text; /* JSON of the request message */
    struct gw_slice wire;
    int translations, replacements;
    int resumed; /* times */
    enum gw_hook_outcome outcome;
    struct gw_hook_call *call;
    bool destroys_when_resumed;
    struct world *world;
};

struct world {
    char folder[64];
    struct gw_config *config;
    struct gw_snapshot *snapshot;
    struct gw_hook_set *set;
    char errors[4096];
    struct gw_metrics *metrics;
    struct gw_loop *loop;
    struct gw_upstream_set *upstream_set;
    struct gw_upstreams *upstreams;
    struct gw_grpc_server *server;
    uint16_t port;
    int backend_calls;
    int backend_closed;
    char backend_trace[64]; /* x-trace-id of the last call */
    struct gw_hook_vm *vm;
    char log[65536];
    size_t log_length;
};

static bool host_next_field(struct gw_hook_host *super, enum gw_hook_fields kind, size_t *cursor,
                            struct gw_slice *ret_name, struct gw_slice *ret_value)
{
    struct host *host = (struct host *)super;
    while (*cursor < host->field_count) {
        const struct field *field = &host->fields[(*cursor)++];
        if (field->kind != kind || field->name.base == NULL)
            continue;
        *ret_name = field->name;
        *ret_value = field->value;
        return true;
    }
    return false;
}

static const char *host_add_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                                  struct gw_slice name, struct gw_slice value)
{
    struct host *host = (struct host *)super;
    if (gw_slice_eq(name, GW_SLICE("x-refused")))
        return "the host refuses it";
    size_t i = 0;
    while (i < host->field_count && host->fields[i].name.base != NULL)
        i++;
    assert_true(i < sizeof(host->fields) / sizeof(*host->fields));
    host->fields[i] = (struct field){kind, name, value};
    if (i == host->field_count)
        host->field_count++;
    return NULL;
}

static void host_remove_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                              struct gw_slice name)
{
    struct host *host = (struct host *)super;
    for (size_t i = 0; i < host->field_count; i++) {
        struct field *field = &host->fields[i];
        if (field->kind == kind && field->name.base != NULL && gw_slice_eq(field->name, name))
            field->name = (struct gw_slice){0};
    }
}

static const char *host_set_field(struct gw_hook_host *super, enum gw_hook_fields kind,
                                  struct gw_slice name, struct gw_slice value)
{
    host_remove_field(super, kind, name);
    return host_add_field(super, kind, name, value);
}

static int host_message(struct gw_hook_host *super, struct gw_slice *ret_wire,
                        struct gw_failure *ret_failure)
{
    struct host *host = (struct host *)super;
    struct gw_error error;
    struct gw_buf wire = gw_buf_in_pool(&host->pool);
    static const struct gw_json_options plain;
    host->translations++;
    gw_buf_reserve(&wire, 1);
    if (gw_json_to_wire(gw_snapshot_schema(host->world->snapshot), super->route->method->input,
                        &plain, host->text, &host->pool, &wire, &error) != 0) {
        *ret_failure = (struct gw_failure){400,
                                           GW_INVALID_ARGUMENT,
                                           gw_pool_dup(&host->pool, gw_slice_str(error.message)),
                                           {0},
                                           super->route};
        return -1;
    }
    *ret_wire = host->wire = gw_buf_slice(&wire);
    return 0;
}

static void host_set_message(struct gw_hook_host *super, struct gw_slice wire)
{
    struct host *host = (struct host *)super;
    host->replacements++;
    host->wire = wire;
}

static void host_resumed(struct gw_hook_host *super, enum gw_hook_outcome outcome)
{
    struct host *host = (struct host *)super;
    host->resumed++;
    host->outcome = outcome;
    if (host->destroys_when_resumed) {
        gw_hook_call_destroy(host->call);
        host->call = NULL;
    }
}

static const struct gw_hook_host_ops host_ops = {
    .next_field = host_next_field,
    .set_field = host_set_field,
    .add_field = host_add_field,
    .remove_field = host_remove_field,
    .message = host_message,
    .set_message = host_set_message,
    .resumed = host_resumed,
};

static inline void open_host(struct host *host, struct world *w, size_t route)
{
    *host = (struct host){.world = w};
    h2o_mem_init_pool(&host->pool);
    static const struct gw_slice captures[] = {{"s%2F7", 5}};
    host->super = (struct gw_hook_host){
        .ops = &host_ops,
        .pool = &host->pool,
        .route = gw_snapshot_route_at(w->snapshot, route),
        .captures = captures,
        .method = GW_SLICE("POST"),
        .path = GW_SLICE("/v1/shelves/s%2F7/books"),
        .query = GW_SLICE("x=1&y=a+b%21&x=2"),
        .scheme = GW_SLICE("http"),
        .authority = GW_SLICE("library.example:8080"),
        .protocol = GW_SLICE("HTTP/1.1"),
        .remote_addr = GW_SLICE("10.1.2.3"),
        .remote_port = 5555,
        .server_addr = GW_SLICE("10.0.0.1"),
        .server_port = 8080,
        .trace_id = GW_SLICE("0af7651916cd43dd8448eb211c80319c"),
    };
    host->super.upstream = host->super.route->upstream;
    host->text = GW_SLICE("{\"shelf\": \"s1\", \"book\": {\"id\": \"b1\", \"title\": \"Emma\"}}");
    host_add_field(&host->super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("accept"), GW_SLICE("a/b"));
    host_add_field(&host->super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("cookie"), GW_SLICE("c=1"));
    host_add_field(&host->super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("accept"), GW_SLICE("c/d"));
    host->call = gw_hook_call_create(w->vm, &host->super);
}

static inline void close_host(struct host *host)
{
    gw_hook_call_destroy(host->call);
    h2o_mem_clear_pool(&host->pool);
}

/* "" where there is none. */
static inline struct gw_slice field_of(struct host *host, enum gw_hook_fields kind,
                                       const char *name)
{
    size_t cursor = 0;
    struct gw_slice n, v;
    while (host_next_field(&host->super, kind, &cursor, &n, &v)) {
        if (gw_slice_eq(n, gw_slice_str(name)))
            return v;
    }
    return (struct gw_slice){0};
}

#define assert_slice(actual, expected)                                                             \
    do {                                                                                           \
        struct gw_slice actual_slice = (actual);                                                   \
        char text[4096];                                                                           \
        snprintf(text, sizeof(text), "%.*s", GW_SLICE_ARG(actual_slice));                          \
        assert_string_equal(text, expected);                                                       \
    } while (0)
#define assert_field(host, kind, name, expected) assert_slice(field_of(host, kind, name), expected)

/* --- the backend: answers GetBook --- */

static void on_get_book(void *arg, struct gw_server_call *call, struct gw_slice message)
{
    struct world *w = arg;
    w->backend_calls++;
    struct gw_metadata metadata = gw_server_call_metadata(call);
    const struct gw_metadatum *trace = gw_metadata_find(&metadata, GW_SLICE("x-trace-id"));
    if (trace != NULL)
        snprintf(w->backend_trace, sizeof(w->backend_trace), "%.*s", GW_SLICE_ARG(trace->value));
    /* GetBookRequest.name and Book.id are both field 1. */
    if (message.base == NULL)
        message = GW_SLICE("");
    if (memmem(message.base, message.len, "missing", 7) != NULL)
        gw_server_call_finish(call, GW_NOT_FOUND, GW_SLICE("no such book"), (struct gw_slice){0});
    else if (memmem(message.base, message.len, "never", 5) != NULL)
        return;
    else {
        gw_server_call_write(call, message);
        gw_server_call_finish(call, GW_OK, (struct gw_slice){0}, (struct gw_slice){0});
    }
}

static void on_close_book(void *arg, struct gw_server_call *call)
{
    (void)call;
    ((struct world *)arg)->backend_closed++;
}

static inline void open_backend(struct world *w)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, length), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&a, &length);
    w->port = ntohs(a.sin_port);
    w->server = gw_grpc_server_create(w->loop, &(struct gw_grpc_server_options){0});
    gw_grpc_server_add(w->server, &(struct gw_server_method){
                                      .path = GW_SLICE("/library.v1.Library/GetBook"),
                                      .on_message = on_get_book,
                                      .on_close = on_close_book,
                                      .arg = w,
                                  });
    gw_grpc_server_listen(w->server, fd);
}

/* --- a world --- */

static void on_log(void *arg, struct gw_slice line)
{
    struct world *w = arg;
    if (w->log_length + line.len >= sizeof(w->log))
        w->log_length = 0;
    memcpy(w->log + w->log_length, line.base, line.len);
    w->log_length += line.len;
    w->log[w->log_length] = '\0';
}

static inline void write_file(const struct world *w, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", w->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* What `errors` says, without the folder. */
static inline void take_errors(struct world *w, struct gw_diagnostics *errors)
{
    char text[4096] = "", *to = w->errors;
    FILE *f = fmemopen(text, sizeof(text), "w");
    gw_diagnostics_print(errors, f);
    fclose(f);
    size_t length = strlen(w->folder);
    for (char *from = text; *from != '\0';) {
        if (strncmp(from, w->folder, length) == 0)
            from += length + 1;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

/* The files a.rb, b.rb ... (up to NULL): the first are global with `global_count`, the others of
 * the first route. `more` is more of the configuration. */
static inline void load_world(struct world *w, const char *const *files, size_t global_count,
                              const char *more)
{
    struct gw_diagnostics errors = {0};
    struct gw_buf text = GW_BUF_HEAP;
    *w = (struct world){.folder = "/tmp/sluice-hooks-XXXXXX"};
    assert_non_null(mkdtemp(w->folder));
    w->loop = gw_loop_create();
    open_backend(w);
    gw_buf_printf(&text,
                  "listen: [{address: 127.0.0.1:0}]\n"
                  "schema: {descriptor_sets: [\"%s/tests/unit/transcode/library.binpb\"]}\n"
                  "upstreams:\n"
                  "  - {name: library, endpoints: [{address: 127.0.0.1:%u}]}\n"
                  "  - {name: archive, endpoints: [{address: 127.0.0.1:1}]}\n%s",
                  build_root, w->port, more);
    struct gw_buf lists[2] = {GW_BUF_HEAP, GW_BUF_HEAP};
    for (size_t i = 0; files[i] != NULL; i++) {
        char name[] = {(char)('a' + i), '.', 'r', 'b', '\0'};
        write_file(w, name, files[i]);
        struct gw_buf *list = &lists[i < global_count ? 0 : 1];
        gw_buf_printf(list, "%s%s", list->len ? ", " : "", name);
    }
    if (lists[0].len > 0)
        gw_buf_printf(&text, "hooks: [%.*s]\n", (int)lists[0].len, lists[0].base);
    gw_buf_printf(&text, "routes:\n"
                         "  - match: POST /v1/shelves/{shelf}/books\n"
                         "    grpc: library.v1.Library/CreateBook\n"
                         "    body: book\n"
                         "    upstream: library\n");
    if (lists[1].len > 0)
        gw_buf_printf(&text, "    hooks: [%.*s]\n", (int)lists[1].len, lists[1].base);
    gw_buf_printf(&text, "  - match: GET /v1/{name=shelves/*}\n"
                         "    grpc: library.v1.Library/GetBook\n"
                         "    upstream: library\n");
    char path[96];
    snprintf(path, sizeof(path), "%s/f.yaml", w->folder);
    write_file(w, "f.yaml", gw_buf_terminate(&text));
    w->config = gw_config_load(path, &errors);
    if (w->config != NULL)
        w->snapshot = gw_snapshot_create(w->config, &errors);
    if (w->snapshot != NULL)
        w->set = gw_hook_set_create(w->snapshot, &errors);
    take_errors(w, &errors);
    gw_diagnostics_dispose(&errors);
    for (int i = 0; i < 2; i++)
        gw_buf_dispose(&lists[i]);
    gw_buf_dispose(&text);
}

static inline void open_world(struct world *w, const char *const *files, size_t global_count,
                              const char *more)
{
    struct gw_error error;
    load_world(w, files, global_count, more);
    assert_string_equal(w->errors, "");
    w->metrics = gw_metrics_create(2);
    w->upstream_set =
        gw_upstream_set_create(w->config->upstreams, w->config->upstream_count, 1, w->metrics);
    assert_int_equal(gw_hook_set_register(w->set, w->metrics, &error), 0);
    gw_metrics_freeze(w->metrics);
    struct gw_metrics_shard *shard = gw_metrics_shard(w->metrics, 0);
    w->upstreams = gw_upstreams_create(w->upstream_set, w->loop, shard, 0);
    w->vm = gw_hook_vm_create(w->set, &(struct gw_hook_vm_options){.loop = w->loop,
                                                                   .upstreams = w->upstreams,
                                                                   .shard = shard,
                                                                   .log = on_log,
                                                                   .log_arg = w});
}

#define OPEN_WORLD(w, ...) open_world(w, (const char *const[]){__VA_ARGS__, NULL}, 0, "")

static inline void close_world(struct world *w)
{
    gw_upstreams_destroy(w->upstreams);
    gw_hook_vm_destroy(w->vm);
    gw_grpc_server_destroy(w->server);
    for (int i = 0; i < 5; i++)
        gw_loop_turn(w->loop, 1);
    gw_upstream_set_destroy(w->upstream_set);
    gw_metrics_destroy(w->metrics);
    gw_hook_set_destroy(w->set);
    gw_snapshot_destroy(w->snapshot);
    gw_config_destroy(w->config);
    gw_loop_destroy(w->loop);
    for (char name = 'a'; name < 'a' + FILES_MAX; name++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%c.rb", w->folder, name);
        unlink(path);
        snprintf(path, sizeof(path), "%s/f.yaml", w->folder);
        unlink(path);
    }
    rmdir(w->folder);
}

static inline bool has_logged(const struct world *w, const char *text)
{
    return strstr(w->log, text) != NULL;
}

/* Turns until the host was resumed; at most five seconds. */
static inline void await(struct host *host)
{
    uint64_t end = gw_clock_ms() + 5000;
    int before = host->resumed;
    while (host->resumed == before && gw_clock_ms() < end)
        gw_loop_turn(host->world->loop, 10);
    assert_int_equal(host->resumed, before + 1);
}

/* on_request, waited for. */
static inline enum gw_hook_outcome request(struct host *host)
{
    host->outcome = gw_hook_call_on_request(host->call);
    if (host->outcome == GW_HOOK_WAITING)
        await(host);
    return host->outcome;
}

/* A metric as /metrics shows it; "" where it is not shown. */
static inline const char *metric(const struct world *w, const char *name)
{
    static char line[256];
    struct gw_buf out = GW_BUF_HEAP;
    gw_metrics_expose(w->metrics, &out);
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "\n%s", name);
    const char *at = strstr(gw_buf_terminate(&out), wanted);
    line[0] = '\0';
    if (at != NULL)
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    gw_buf_dispose(&out);
    return line;
}

#endif
