/* Hooks at work on one request, without waiting. */
#include "../world.h"

/* A hook of one method. */
#define ON_REQUEST(code) "Class.new do\n  def on_request(req)\n" code "\n  end\nend.new\n"
#define ON_RESPONSE(code) "Class.new do\n  def on_response(req, res)\n" code "\n  end\nend.new\n"
#define ON_ERROR(code) "Class.new do\n  def on_error(req, error)\n" code "\n  end\nend.new\n"

static struct gw_slice ctx_of(struct host *host)
{
    struct gw_buf ctx = gw_buf_in_pool(&host->pool);
    gw_hook_call_append_ctx(host->call, &ctx);
    return gw_buf_slice(&ctx);
}

static struct gw_slice json_of(struct host *host, struct gw_slice wire)
{
    struct gw_buf json = gw_buf_in_pool(&host->pool);
    struct gw_error error;
    static const struct gw_json_options plain;
    assert_int_equal(gw_wire_to_json(gw_snapshot_schema(host->world->snapshot),
                                     host->super.route->method->input, &plain, wire, &host->pool,
                                     &json, &error),
                     0);
    return gw_buf_slice(&json);
}

/* --- the request --- */

static void a_hook_reads_what_the_request_is(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("    req.ctx[:seen] = [req.method, req.path, req.query, req.scheme,\n"
                              "      req.authority, req.remote_addr, req.route, req.grpc_method,\n"
                              "      req.upstream, req.trace_id, req.body].join('|')\n"
                              "    req.ctx[:params] = req.params.inspect\n"
                              "    req.ctx[:accept] = req.headers['Accept']\n"
                              "    req.ctx[:n] = 7\n"
                              "    req.ctx[:list] = []\n"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h),
                 "{\"seen\":\"POST|/v1/shelves/s%2F7/books|x=1&y=a+b%21&x=2|http|"
                 "library.example:8080|10.1.2.3|/v1/shelves/{shelf}/books|"
                 "library.v1.Library/CreateBook|library|0af7651916cd43dd8448eb211c80319c|\","
                 "\"params\":\"{\\\"x\\\"=>[\\\"1\\\", \\\"2\\\"], \\\"y\\\"=>\\\"a b!\\\", "
                 "\\\"shelf\\\"=>\\\"s/7\\\"}\",\"accept\":\"a/b, c/d\",\"n\":7}");
    assert_int_equal(h.translations, 0);
    close_host(&h);
    close_world(&w);
}

static void fields_are_set_added_and_deleted(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("    req.headers['X-One'] = 1\n"
                              "    req.headers.delete('accept')\n"
                              "    req.headers['cookie'] = nil\n"
                              "    req.metadata['tenant'] = 'blue'\n"
                              "    req.metadata.add('tenant', 'red')\n"
                              "    req.response_headers['X-Served-By'] = 'sluice'\n"
                              "    req.ctx[:h] = req.headers.to_h.inspect\n"
                              "    req.ctx[:m] = req.metadata.to_a.inspect\n"
                              "    req.ctx[:t] = req.metadata['TENANT']\n"
                              "    req.ctx[:k] = req.headers.key?('x-one').inspect +\n"
                              "      req.headers.key?('x-two').inspect\n"
                              "    req.ctx[:e] = req.metadata.map { |n, v| n + v }.join(' ')\n"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_field(&h, GW_HOOK_REQUEST_HEADERS, "x-one", "1");
    assert_field(&h, GW_HOOK_REQUEST_HEADERS, "accept", "");
    assert_field(&h, GW_HOOK_REQUEST_HEADERS, "cookie", "");
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-served-by", "sluice");
    assert_slice(ctx_of(&h), "{\"h\":\"{\\\"x-one\\\"=>\\\"1\\\"}\","
                             "\"m\":\"[[\\\"tenant\\\", \\\"blue\\\"], [\\\"tenant\\\", "
                             "\\\"red\\\"]]\",\"t\":\"blue, red\",\"k\":\"truefalse\","
                             "\"e\":\"tenantblue tenantred\"}");
    close_host(&h);
    close_world(&w);
}

static void what_is_no_field_is_refused(void **state)
{
    static const char *const codes[] = {
        "req.headers['a b'] = '1'",
        "req.headers['a'] = \"1\\r\\nb: 2\"",
        "req.headers[''] = 'x'",
        "req.headers['x' * 300] = '1'",
        "req.headers['x-refused'] = '1'",
        "req.headers['x'] = 'y' * 70000",
        "99.times { |i| req.headers.add('x-refused-not', 'y' * 4000) }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[512];
        snprintf(file, sizeof(file),
                 ON_REQUEST("begin\n%s\nrescue ArgumentError => e\nreq.ctx[:e] = 1\nend"),
                 codes[i]);
        OPEN_WORLD(&w, file);
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_GO_ON);
        assert_slice(ctx_of(&h), "{\"e\":1}");
        close_host(&h);
        close_world(&w);
    }
}

static void a_hook_sends_the_call_elsewhere(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.upstream = 'archive'\n"
                              "begin\nreq.upstream = 'nowhere'\nrescue ArgumentError\nend"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_int_equal(h.super.upstream, 1);
    close_host(&h);
    close_world(&w);
}

static void a_request_that_is_over_cannot_be_used(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "Class.new do\n"
                   "  def on_request(req)\n"
                   "    if @old\n"
                   "      begin; @old.path; rescue => e; req.ctx[:a] = e.message; end\n"
                   "      begin; @headers['x']; rescue => e; req.ctx[:b] = e.message; end\n"
                   "    end\n"
                   "    @old, @headers = req, req.headers\n"
                   "  end\n"
                   "end.new\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    close_host(&h);
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_non_null(strstr(ctx_of(&h).base, "\"a\":\"the request is over\","
                                            "\"b\":\"the request is over\"}"));
    close_host(&h);
    close_world(&w);
}

/* --- messages --- */

static void a_message_is_decoded_when_touched_and_not_sent_again_unchanged(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.ctx[:title] = req.message['book']['title']"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"title\":\"Emma\"}");
    assert_int_equal(h.translations, 1);
    assert_int_equal(h.replacements, 0);
    close_host(&h);
    close_world(&w);
}

static void a_changed_message_goes_on_changed(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               ON_REQUEST("req.message['book']['title'] << '!'\n"
                          "req.message['book']['printed'] = '2020-01-02T03:04:05Z'"),
               ON_REQUEST("req.ctx[:t] = req.message['book']['title']\n"
                          "req.message['dry_run'] = true"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"t\":\"Emma!\"}");
    assert_slice(json_of(&h, h.wire),
                 "{\"shelf\":\"s1\",\"book\":{\"id\":\"b1\",\"title\":\"Emma!\","
                 "\"printed\":\"2020-01-02T03:04:05Z\"},\"dryRun\":true}");
    assert_int_equal(h.translations, 1);
    assert_int_equal(h.replacements, 2);
    close_host(&h);
    close_world(&w);
}

static void a_message_is_replaced(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.message = {'shelf' => 's2'}"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(json_of(&h, h.wire), "{\"shelf\":\"s2\"}");
    close_host(&h);
    close_world(&w);
}

static void a_message_that_does_not_fit_names_the_field(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.message['book']['title'] = 7"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 500);
    assert_slice(gw_hook_call_failure(h.call)->message, "hook failed");
    assert_true(has_logged(&w, "book.title: expected a string, found 7"));
    assert_true(has_logged(&w, "/a.rb\""));
    close_host(&h);
    close_world(&w);
}

static void a_body_that_cannot_be_translated_is_the_clients_fault(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.headers['x'] = '1'"),
               ON_REQUEST("begin\nreq.message\nrescue => e\nreq.ctx[:e] = 1\nend"));
    open_host(&h, &w, 0);
    h.text = GW_SLICE("{\"shelf\": 5}");
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 400);
    assert_non_null(strstr(gw_hook_call_failure(h.call)->message.base, "shelf: expected a string"));
    assert_string_equal(w.log, "");
    close_host(&h);
    close_world(&w);
}

/* --- replies --- */

static void a_reply_ends_the_chain(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               ON_REQUEST("return req.reply(401, headers: {'WWW-Authenticate' => \"A\\nB\"},\n"
                          "                 body: 'no')"),
               ON_REQUEST("req.headers['x-second'] = '1'"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    const struct gw_hook_reply *reply = gw_hook_call_reply(h.call);
    assert_int_equal(reply->http_status, 401);
    assert_slice(reply->body, "no");
    assert_int_equal(reply->headers.count, 2);
    assert_slice(reply->headers.items[0].name, "www-authenticate");
    assert_slice(reply->headers.items[0].value, "A");
    assert_slice(reply->headers.items[1].value, "B");
    assert_false(reply->has_message);
    assert_field(&h, GW_HOOK_REQUEST_HEADERS, "x-second", "");
    close_host(&h);
    close_world(&w);
}

static void a_reply_may_be_a_message(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.reply(200, message: {'nothing' => 1}) rescue\n"
                              "  req.ctx[:e] = $!.class.to_s\n"
                              "begin\nreq.reply(200, message: {'id' => 5})\n"
                              "rescue ArgumentError => e\nreq.ctx[:e] = e.message\nend\n"
                              "req.reply(200, message: {'id' => 'b7'})\n"
                              "begin\nreq.reply(200)\nrescue => e\nreq.ctx[:f] = e.message\nend"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    assert_true(gw_hook_call_reply(h.call)->has_message);
    assert_slice(gw_hook_call_reply(h.call)->message, "\n\002b7");
    assert_slice(ctx_of(&h), "{\"e\":\"id: expected a string, found 5\","
                             "\"f\":\"the request has been replied to\"}");
    close_host(&h);
    close_world(&w);
}

/* --- the order --- */

#define TRACE(name)                                                                                \
    "Class.new do\n"                                                                               \
    "  def on_request(req); req.ctx[:t] = (req.ctx[:t] || '') + '" name "'; end\n"                 \
    "  def on_response(req, res); req.ctx[:t] << '" name "'; end\n"                                \
    "  def on_error(req, error); req.ctx[:t] = (req.ctx[:t] || '') + '" name "!'; end\n"           \
    "end.new\n"

static void responses_go_backwards(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    open_world(&w, (const char *const[]){TRACE("g"), TRACE("1"), TRACE("2"), NULL}, 1, "");
    open_host(&h, &w, 0);
    assert_int_equal(gw_hook_set_phases(w.set, h.super.route),
                     GW_HOOK_REQUEST | GW_HOOK_RESPONSE | GW_HOOK_ERROR);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    struct gw_hook_response response = {.http_status = 200, .message = GW_SLICE("\n\002b1")};
    assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_GO_ON);
    struct gw_hook_error error = {.http_status = 404, .code = GW_NOT_FOUND};
    assert_int_equal(gw_hook_call_on_error(h.call, &error), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"t\":\"g1221g2!1!g!\"}");
    close_host(&h);

    open_host(&h, &w, 1); /* has the global one alone */
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"t\":\"g\"}");
    close_host(&h);
    close_world(&w);
}

static void a_route_without_hooks_has_no_phases(void **state)
{
    struct world w;
    (void)state;
    OPEN_WORLD(&w, ON_RESPONSE(""));
    assert_int_equal(gw_hook_set_phases(w.set, gw_snapshot_route_at(w.snapshot, 0)),
                     GW_HOOK_RESPONSE);
    assert_int_equal(gw_hook_set_phases(w.set, gw_snapshot_route_at(w.snapshot, 1)), 0);
    assert_int_equal(gw_hook_set_phases(w.set, NULL), 0);
    close_world(&w);
}

/* --- responses --- */

static void a_hook_changes_the_answer(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_RESPONSE("req.ctx[:s] = \"#{res.http_status} #{res.grpc_status} \" +\n"
                               "  res.trailers['took']\n"
                               "req.ctx[:b] = res.body\n"
                               "res.http_status = 203\n"
                               "res.headers['x-a'] = 'b'\n"
                               "res.message.delete('title')\n"
                               "res.message['id'] = 'hidden'\n"
                               "req.ctx[:c] = res.body"));
    open_host(&h, &w, 0);
    host_add_field(&h.super, GW_HOOK_TRAILERS, GW_SLICE("took"), GW_SLICE("5ms"));
    struct gw_hook_response response = {.http_status = 200,
                                        .message = GW_SLICE("\n\002b1\022\004Emma")};
    assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"s\":\"200 0 5ms\",\"b\":\"{\\\"id\\\":\\\"b1\\\","
                             "\\\"title\\\":\\\"Emma\\\"}\",\"c\":\"{\\\"id\\\":"
                             "\\\"hidden\\\"}\"}");
    assert_int_equal(response.http_status, 203);
    assert_slice(response.message, "\n\006hidden");
    assert_null(response.body.base);
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-a", "b");
    close_host(&h);
    close_world(&w);
}

static void what_the_schema_does_not_know_stays_in_an_answer_that_is_only_read(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_RESPONSE("req.ctx[:id] = res.message['id']"));
    open_host(&h, &w, 0);
    struct gw_hook_response response = {.http_status = 200,
                                        .message = GW_SLICE("\n\002b1\372\007\003new")};
    struct gw_slice before = response.message;
    assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_GO_ON);
    assert_ptr_equal(response.message.base, before.base);
    close_host(&h);
    close_world(&w);
}

static void a_hook_gives_another_body(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_RESPONSE("res.body = '{\"a\":' + res.message['id'].inspect + '}'"));
    open_host(&h, &w, 0);
    struct gw_hook_response response = {.http_status = 200, .message = GW_SLICE("\n\002b1")};
    assert_int_equal(gw_hook_call_on_response(h.call, &response), GW_HOOK_GO_ON);
    assert_slice(response.body, "{\"a\":\"b1\"}");
    close_host(&h);
    close_world(&w);
}

/* --- errors --- */

static void a_hook_changes_an_error(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               ON_ERROR("req.ctx[:e] = \"#{error.http_status} #{error.code} #{error.message} \"\n"
                        "req.ctx[:d] = error.details.inspect\n"
                        "error.http_status = 403\n"
                        "error.code = 7\n"
                        "error.message = 'not yours'\n"
                        "begin\nerror.code = 0\nrescue ArgumentError\nreq.ctx[:z] = 1\nend"));
    open_host(&h, &w, 0);
    struct gw_hook_error error = {
        .http_status = 404, .code = GW_NOT_FOUND, .message = GW_SLICE("no such book")};
    assert_int_equal(gw_hook_call_on_error(h.call, &error), GW_HOOK_GO_ON);
    assert_slice(ctx_of(&h), "{\"e\":\"404 5 no such book \",\"d\":\"[]\",\"z\":1}");
    assert_int_equal(error.http_status, 403);
    assert_int_equal(error.code, GW_PERMISSION_DENIED);
    assert_slice(error.message, "not yours");
    close_host(&h);
    close_world(&w);
}

static void an_error_may_be_replied_to(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_ERROR("req.reply(200, message: {'id' => 'none'}) if error.code == 5"));
    open_host(&h, &w, 0);
    struct gw_hook_error error = {.http_status = 404, .code = GW_NOT_FOUND};
    assert_int_equal(gw_hook_call_on_error(h.call, &error), GW_HOOK_REPLIED);
    assert_slice(gw_hook_call_reply(h.call)->message, "\n\004none");
    close_host(&h);
    close_world(&w);
}

static void a_hook_that_fails_leaves_the_error_as_it_is(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, ON_ERROR("req.ctx[:first] = 1"), ON_ERROR("raise 'oh'"));
    open_host(&h, &w, 0);
    struct gw_hook_error error = {.http_status = 404, .code = GW_NOT_FOUND};
    assert_int_equal(gw_hook_call_on_error(h.call, &error), GW_HOOK_GO_ON);
    assert_int_equal(error.code, GW_NOT_FOUND);
    assert_slice(ctx_of(&h), "{\"first\":1}");
    assert_true(has_logged(&w, "RuntimeError: oh"));
    close_host(&h);
    close_world(&w);
}

/* --- exceptions --- */

static void an_exception_is_logged_with_its_backtrace(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "def helper(n)\n"
                   "  raise ArgumentError, 'too ' + n\n"
                   "end\n"
                   "\n" ON_REQUEST("    helper('bad')"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_FAILED);
    assert_int_equal(gw_hook_call_failure(h.call)->http_status, 500);
    assert_int_equal(gw_hook_call_failure(h.call)->code, GW_INTERNAL);
    assert_slice(gw_hook_call_failure(h.call)->message, "hook failed");
    assert_true(has_logged(&w, "\"level\":\"error\",\"hook\":\""));
    assert_true(has_logged(&w, "\"text\":\"ArgumentError: too bad\","
                               "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"backtrace\":"));
    assert_true(has_logged(&w, "/a.rb:2:in helper\","));
    assert_true(has_logged(&w, "/a.rb:7:in on_request\"]}\n"));
    assert_non_null(strstr(metric(&w, "hooks_exceptions_total{"), "} 1"));
    close_host(&h);
    close_world(&w);
}

static void ten_thousand_exceptions_take_no_memory(void **state)
{
    struct world w;
    struct host h;
    unsigned long most[2] = {0}, now = 0;
    (void)state;
    OPEN_WORLD(&w, ON_REQUEST("req.headers['x'] = '1'\nraise 'no'"));
    for (int i = 0; i < 20000; i++) {
        open_host(&h, &w, 0);
        assert_int_equal(request(&h), GW_HOOK_FAILED);
        close_host(&h);
        if (i % 100 == 0)
            sscanf(metric(&w, "hooks_memory_bytes "), "hooks_memory_bytes %lu", &now);
        if (now > most[i / 10000])
            most[i / 10000] = now;
    }
    assert_true(most[0] > 0 && most[1] < most[0] + most[0] / 4);
    close_world(&w);
}

static void what_a_hook_may_not_do_raises(void **state)
{
    static const char *const codes[] = {
        "exit 1",
        "`ls`",
        "open('/etc/passwd')",
        "eval('1')",
        "IO.popen('ls')",
        "File.read('x')",
        "Socket.tcp('a', 1)",
        "Time.now",
        "ObjectSpace.each_object { }",
        "GC.disable",
        "$stdin.gets",
        "gets",
        "Kernel.eval('1')",
        "STDOUT.puts",
        "require 'x'",
        "Fiber.yield",
        "Fiber.new { Sluice.sleep(0) }.resume",
        "[1, 2].sort_by! { Sluice.sleep(0); 1 } && nil",
        "throw :x",
        "Sluice::Request.new",
        "Sluice::Fields.new",
        "Sluice.sleep(-1)",
        "Sluice.sleep('x')",
        "raise Exception",
        "raise Sluice::Halt",
        "req.reply(99)",
        "req.reply(200, body: 5)",
        "req.reply(200, body: 'a', message: {})",
        "def req.x; x; end; req.x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct world w;
        struct host h;
        char file[256];
        snprintf(file, sizeof(file), ON_REQUEST("%s"), codes[i]);
        OPEN_WORLD(&w, file);
        for (int k = 0; k < 3; k++) {
            open_host(&h, &w, 0);
            enum gw_hook_outcome outcome = request(&h);
            if (outcome != GW_HOOK_FAILED)
                print_message("%s: %d\n%s", codes[i], outcome, w.log);
            assert_int_equal(outcome, GW_HOOK_FAILED);
            assert_int_equal(gw_hook_call_failure(h.call)->http_status, 500);
            close_host(&h);
        }
        close_world(&w);
    }
}

/* --- logs and counters --- */

static void a_hook_says_something(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               ON_REQUEST("Sluice.log(:warn, 'slow', ms: 7, 'who' => \"a\\n\", text: nil, x: [1])\n"
                          "puts 'to', ['stdout']\n"
                          "$stderr.print 'e', 1\n"
                          "begin\nSluice.log(:loud, '')\nrescue ArgumentError => e\n"
                          "p e.message\nend"));
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_true(has_logged(&w, "\"level\":\"warn\""));
    assert_true(has_logged(&w, "\"text\":\"slow\",\"trace_id\":"
                               "\"0af7651916cd43dd8448eb211c80319c\",\"ms\":7,\"who\":\"a\\n\","
                               "\"text_\":null,\"x\":\"[1]\"}\n"));
    assert_true(has_logged(&w, "\"level\":\"info\""));
    assert_true(has_logged(&w, "\"text\":\"to\""));
    assert_true(has_logged(&w, "\"text\":\"stdout\""));
    assert_true(has_logged(&w, "\"text\":\"e1\""));
    assert_true(has_logged(&w, "level loud, expected debug, info, warn or error"));
    close_host(&h);
    close_world(&w);
}

static void counters_are_declared_when_files_are_loaded(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "refused = Sluice.counter('refused_total', {'why' => 'key'}, help: 'Refused.')\n"
                   "->(env) { refused.increment\n"
                   "  begin\n    Sluice.counter('late_total')\n  rescue ArgumentError\n"
                   "    refused.increment(5)\n  end\n  [399, {}, []] }\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_string_equal(metric(&w, "refused_total{"), "refused_total{why=\"key\"} 6");
    assert_non_null(strstr(metric(&w, "hooks_runs_total{"), "/a.rb\"} 1"));
    close_host(&h);
    close_world(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hook_reads_what_the_request_is),
        cmocka_unit_test(fields_are_set_added_and_deleted),
        cmocka_unit_test(what_is_no_field_is_refused),
        cmocka_unit_test(a_hook_sends_the_call_elsewhere),
        cmocka_unit_test(a_request_that_is_over_cannot_be_used),
        cmocka_unit_test(a_message_is_decoded_when_touched_and_not_sent_again_unchanged),
        cmocka_unit_test(a_changed_message_goes_on_changed),
        cmocka_unit_test(a_message_is_replaced),
        cmocka_unit_test(a_message_that_does_not_fit_names_the_field),
        cmocka_unit_test(a_body_that_cannot_be_translated_is_the_clients_fault),
        cmocka_unit_test(a_reply_ends_the_chain),
        cmocka_unit_test(a_reply_may_be_a_message),
        cmocka_unit_test(responses_go_backwards),
        cmocka_unit_test(a_route_without_hooks_has_no_phases),
        cmocka_unit_test(a_hook_changes_the_answer),
        cmocka_unit_test(what_the_schema_does_not_know_stays_in_an_answer_that_is_only_read),
        cmocka_unit_test(a_hook_gives_another_body),
        cmocka_unit_test(a_hook_changes_an_error),
        cmocka_unit_test(an_error_may_be_replied_to),
        cmocka_unit_test(a_hook_that_fails_leaves_the_error_as_it_is),
        cmocka_unit_test(an_exception_is_logged_with_its_backtrace),
        cmocka_unit_test(ten_thousand_exceptions_take_no_memory),
        cmocka_unit_test(what_a_hook_may_not_do_raises),
        cmocka_unit_test(a_hook_says_something),
        cmocka_unit_test(counters_are_declared_when_files_are_loaded),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
