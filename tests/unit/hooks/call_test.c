/* Hooks at work on one request, without waiting. */
#include "world.h"

static void a_hook_reads_what_the_request_is(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "Class.new do\n"
                   "  def on_request(req)\n"
                   "    req.ctx[:seen] = [req.method, req.path, req.query, req.scheme,\n"
                   "      req.authority, req.remote_addr, req.route, req.grpc_method,\n"
                   "      req.upstream, req.trace_id, req.body].join('|')\n"
                   "    req.ctx[:params] = req.params.inspect\n"
                   "    req.ctx[:accept] = req.headers['Accept']\n"
                   "    req.ctx[:n] = 7\n"
                   "    req.ctx[:list] = []\n"
                   "  end\n"
                   "end.new\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    struct gw_buf ctx = GW_BUF_HEAP;
    gw_hook_call_append_ctx(h.call, &ctx);
    assert_slice(gw_buf_slice(&ctx),
                 "{\"seen\":\"POST|/v1/shelves/s%2F7/books|x=1&y=a+b%21&x=2|http|"
                 "library.example:8080|10.1.2.3|/v1/shelves/{shelf}/books|"
                 "library.v1.Library/CreateBook|library|0af7651916cd43dd8448eb211c80319c|\","
                 "\"params\":\"{\\\"x\\\"=>[\\\"1\\\", \\\"2\\\"], \\\"y\\\"=>\\\"a b!\\\", "
                 "\\\"shelf\\\"=>\\\"s/7\\\"}\",\"accept\":\"a/b, c/d\",\"n\":7}");
    gw_buf_dispose(&ctx);
    close_host(&h);
    close_world(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hook_reads_what_the_request_is),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
