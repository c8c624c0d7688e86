#include "frontend/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "frontend/byte_ranges.h"
#include "frontend/error_stream.h"
#include "frontend/hooked.h"

#define CANNOT_OPEN "the file cannot be opened now"

/* One for each route of the snapshot; those that lead elsewhere stay zero. libh2o knows a handler's
 * prefix from its path configuration, which is in no host: the gateway's handler calls it. */
struct folder {
    h2o_pathconf_t pathconf;
    struct gw_slice prefix; /* "/docs/", decoded */
};

struct gw_files {
    size_t count;
    gw_pool pool;
    struct folder folders[];
};

static void open_folder(struct gw_files *files, h2o_globalconf_t *h2o, const struct gw_route *route)
{
    static const char *index_files[] = {"index.html", NULL};
    struct folder *folder = &files->folders[route->index];
    struct gw_slice raw = gw_slice(route->template.base, route->template.len - strlen("**"));
    size_t position;
    gw_percent_decode(&files->pool, raw, false, &folder->prefix, &position);
    folder->prefix = gw_pool_dup(&files->pool, folder->prefix);
    h2o_config_init_pathconf(&folder->pathconf, h2o, folder->prefix.base, h2o->mimemap);
    h2o_file_register(&folder->pathconf, route->files, index_files, h2o->mimemap, 0);
}

struct gw_files *gw_files_create(h2o_globalconf_t *h2o, const struct gw_snapshot *snapshot)
{
    size_t count = gw_snapshot_route_count(snapshot);
    struct gw_files *files = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct gw_route *route = gw_snapshot_route_at(snapshot, i);
        if (route->files == NULL)
            continue;
        if (files == NULL) {
            files = gw_alloc(sizeof(*files) + count * sizeof(files->folders[0]));
            files->count = count;
            h2o_mem_init_pool(&files->pool);
        }
        open_folder(files, h2o, route);
    }
    return files;
}

void gw_files_destroy(struct gw_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; i < files->count; i++) {
        if (files->folders[i].prefix.len > 0)
            h2o_config_dispose_pathconf(&files->folders[i].pathconf);
    }
    h2o_mem_clear_pool(&files->pool);
    free(files);
}

/* What libh2o is about to open: errors are answered in our form, and what is no file is not opened,
 * for a pipe would stop the worker. Returns the HTTP status of the failure, or 0; *ret_bytes only
 * where it is a file. */
static int check(const char *folder, struct gw_slice name, gw_pool *pool, uint64_t *ret_bytes)
{
    struct stat status;
    bool is_index = name.len == 0 || name.base[name.len - 1] == '/';
    if (memchr(name.base, '\0', name.len) != NULL)
        return 404;
    struct gw_slice path =
        gw_pool_printf(pool, "%s/%.*s%s", folder, GW_SLICE_ARG(name), is_index ? "index.html" : "");
    if (stat(path.base, &status) != 0)
        return errno == EACCES ? 403 : 404;
    if (S_ISDIR(status.st_mode) && !is_index)
        return 0; /* libh2o redirects to the path with a slash */
    if (!S_ISREG(status.st_mode))
        return 404;
    *ret_bytes = (uint64_t)status.st_size;
    return access(path.base, R_OK) == 0 ? 0 : 403;
}

static void fail(struct gw_exchange *x, int http_status)
{
    struct gw_slice message = http_status == 403   ? GW_SLICE("the file may not be read")
                              : http_status == 503 ? GW_SLICE(CANNOT_OPEN)
                                                   : GW_SLICE("no such file");
    gw_exchange_answer_error(x, http_status, gw_status_of_http_error(http_status), message,
                             (struct gw_slice){0});
}

static void tell_shortage(const struct gw_exchange *x)
{
    gw_shortage_tell(x->worker->frontend, x->worker->shard, GW_SHORTAGE_FILE, EMFILE);
}

static void give_back(void *p)
{
    struct gw_frontend **frontend = p;
    __atomic_fetch_sub(&(*frontend)->open_files, 1, __ATOMIC_RELAXED);
}

/* A client may ask for many files on one connection: one more of the descriptors that files share,
 * until libh2o closes it with the request. */
static bool take_descriptor(struct gw_exchange *x)
{
    struct gw_frontend *frontend = x->worker->frontend;
    uint32_t count = __atomic_add_fetch(&frontend->open_files, 1, __ATOMIC_RELAXED);
    struct gw_frontend **held = h2o_mem_alloc_shared(&x->req->pool, sizeof(*held), give_back);
    *held = frontend;
    if (count <= frontend->descriptors.files)
        return true;
    tell_shortage(x);
    return false;
}

struct error_filter {
    h2o_req_prefilter_t super;
    struct gw_exchange *exchange;
};

/* A range that is not in the file (RFC 9110 section 14.4), and what has come to pass since `check`.
 */
static void on_setup_ostream(h2o_req_prefilter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    if (req->res.status >= 400) {
        if (req->res.status == 503) { /* which libh2o says for want of a descriptor */
            tell_shortage(((struct error_filter *)self)->exchange);
            req->res.reason = CANNOT_OPEN;
        }
        ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_RANGE, -1);
        h2o_iovec_t range = at >= 0 ? req->res.headers.entries[at].value : (h2o_iovec_t){NULL, 0};
        slot = gw_error_stream_put(((struct error_filter *)self)->exchange,
                                   gw_slice_str(req->res.reason), slot);
        if (at >= 0)
            h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_RANGE, NULL, range.base,
                           range.len);
    }
    h2o_setup_next_prefilter(self, req, slot);
}

/* Whether the path that libh2o opens leads here as the one that was asked for does. It may be in a
 * folder that another route has, with hooks of its own: `/docs/./private/a`. */
static bool leads_here(const struct gw_exchange *x, struct gw_slice path)
{
    struct gw_buf raw = gw_buf_in_pool(&x->req->pool);
    struct gw_route_match match;
    for (size_t i = 0; i < path.len; i++) {
        bool is_repeated = path.base[i] == '/' && i > 0 && path.base[i - 1] == '/';
        if (path.base[i] == '%')
            gw_buf_append(&raw, GW_SLICE("%25"));
        else if (!is_repeated)
            gw_buf_append_byte(&raw, path.base[i]);
    }
    return gw_snapshot_match(x->worker->frontend->snapshot,
                             gw_slice(x->req->input.method.base, x->req->input.method.len),
                             gw_buf_slice(&raw), &match) &&
           match.value == x->route;
}

/* libh2o's handler would serve any number of ranges, each as long as the file. */
static void check_ranges(h2o_req_t *req, uint64_t file_bytes)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_RANGE, -1);
    if (at < 0)
        return;
    const h2o_iovec_t *value = &req->headers.entries[at].value;
    if (gw_byte_ranges_are_modest(gw_slice(value->base, value->len), file_bytes))
        return;
    for (; at >= 0; at = h2o_find_header(&req->headers, H2O_TOKEN_RANGE, -1))
        h2o_delete_header(&req->headers, at);
}

void gw_files_serve(struct gw_exchange *x)
{
    h2o_req_t *req = x->req;
    const struct folder *folder = &x->worker->frontend->files->folders[x->route->index];
    /* Decoded, and without `.` and `..`: it may have left the folder's prefix. */
    struct gw_slice path = gw_slice(req->path_normalized.base, req->path_normalized.len);
    bool is_prefix = path.len + 1 == folder->prefix.len &&
                     gw_slice_starts_with(folder->prefix, path); /* "/docs", to be redirected */
    int status = 404;
    uint64_t file_bytes = 0;
    if (is_prefix)
        status = 0;
    else if (gw_slice_starts_with(path, folder->prefix) && leads_here(x, path))
        status = check(x->route->files, gw_slice_from(path, folder->prefix.len), &req->pool,
                       &file_bytes);
    check_ranges(req, file_bytes);
    if (status != 0)
        fail(x, status);
    else if ((x->hook_phases & GW_HOOK_RESPONSE) != 0)
        gw_hooked_file(x);
    else
        gw_files_send(x);
}

void gw_files_send(struct gw_exchange *x)
{
    h2o_req_t *req = x->req;
    const struct folder *folder = &x->worker->frontend->files->folders[x->route->index];
    if (!take_descriptor(x)) {
        fail(x, 503);
        return;
    }
    gw_exchange_await_taking(x);
    gw_exchange_add_headers(x, (struct gw_slice){0});
    struct error_filter *filter = (void *)h2o_add_prefilter(req, sizeof(*filter));
    filter->super.on_setup_ostream = on_setup_ostream;
    filter->exchange = x;
    h2o_handler_t *handler = folder->pathconf.handlers.entries[0];
    if (handler->on_req(handler, req) == 0)
        return;
    req->res.headers = (h2o_headers_t){0};
    req->prefilters = filter->super.next;
    fail(x, 404); /* it went in between */
}
