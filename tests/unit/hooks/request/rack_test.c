/* Hooks in libh2o's own convention. */
#include "../world.h"

static struct gw_slice header_of(const struct gw_hook_reply *reply, const char *name)
{
    const struct gw_metadatum *header = gw_metadata_find(&reply->headers, gw_slice_str(name));
    return header != NULL ? header->value : (struct gw_slice){0};
}

/* Opens a world of one Proc, whose code is the file's, and runs it. */
static enum gw_hook_outcome serve(struct world *w, struct host *h, const char *code)
{
    char file[2048];
    snprintf(file, sizeof(file), "->(env) {\n%s\n}\n", code);
    OPEN_WORLD(w, file);
    open_host(h, w, 0);
    return request(h);
}

static void done(struct world *w, struct host *h)
{
    close_host(h);
    close_world(w);
}

static void the_environment_is_that_of_libh2o(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "->(env) {\n"
                   "  keys = env.keys.select { |k| k[0, 5] != 'rack.' }\n"
                   "  [200, {}, [keys.sort.map { |k| k + '=' + env[k] }.join(\"\\n\"), \"\\n\",\n"
                   "    env['rack.input'].read, ' ', env['rack.url_scheme']]]\n"
                   "}\n");
    open_host(&h, &w, 0);
    h.super.body = GW_SLICE("{\"a\": 1}");
    host_add_field(&h.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("x-a-b"), GW_SLICE("1"));
    host_add_field(&h.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("cookie"), GW_SLICE("d=2"));
    host_add_field(&h.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("content-type"), GW_SLICE("t/u"));
    host_add_field(&h.super, GW_HOOK_REQUEST_HEADERS, GW_SLICE("content-length"), GW_SLICE("8"));
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    assert_slice(gw_hook_call_reply(h.call)->body,
                 "CONTENT_LENGTH=8\nCONTENT_TYPE=t/u\nHTTP_ACCEPT=a/b, c/d\n"
                 "HTTP_COOKIE=c=1; d=2\nHTTP_HOST=library.example:8080\nHTTP_X_A_B=1\n"
                 "PATH_INFO=/v1/shelves/s%2F7/books\nQUERY_STRING=x=1&y=a+b%21&x=2\n"
                 "REMOTE_ADDR=10.1.2.3\nREMOTE_PORT=5555\nREQUEST_METHOD=POST\nSCRIPT_NAME=\n"
                 "SERVER_ADDR=10.0.0.1\nSERVER_NAME=library.example\nSERVER_PORT=8080\n"
                 "SERVER_PROTOCOL=HTTP/1.1\nSERVER_SOFTWARE=sluice\n{\"a\": 1} http");
    done(&w, &h);
}

static void an_answer_has_status_headers_and_body(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    assert_int_equal(serve(&w, &h,
                           "[403, {'Content-Type' => 'text/plain', 'x-list' => \"a\\nb\",\n"
                           "  'Connection' => 'close', 'x-number' => 5}, ['no', ' ', 7]]"),
                     GW_HOOK_REPLIED);
    const struct gw_hook_reply *reply = gw_hook_call_reply(h.call);
    assert_int_equal(reply->http_status, 403);
    assert_slice(reply->body, "no 7");
    assert_int_equal(reply->headers.count, 4);
    assert_slice(header_of(reply, "content-type"), "text/plain");
    assert_slice(header_of(reply, "x-list"), "a");
    assert_slice(reply->headers.items[2].value, "b");
    assert_slice(header_of(reply, "x-number"), "5");
    done(&w, &h);
}

static void bodies_come_in_several_forms(void **state)
{
    static const char *const forms[][2] = {
        {"[200, {}, []]", ""},
        {"[200, {}, nil]", ""},
        {"[200, {}, 'text']", "text"},
        {"[200, {}, ['a', 'b']]", "ab"},
        {"o = Object.new\ndef o.each; yield 'a'; Sluice.sleep(0); yield 'b'; end\n[200, {}, o]",
         "ab"},
        {"[200, {'content-length' => '2'}, ['abcd']]", "ab"},
        {"[200, {'content-length' => '9'}, ['abcd']]", "abcd"},
        {"[200, [['x', '1'], ['y', '2']], ['abcd']]", "abcd"},
        {"['200', {}, ['a']]", "a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct world w;
        struct host h;
        assert_int_equal(serve(&w, &h, forms[i][0]), GW_HOOK_REPLIED);
        assert_int_equal(gw_hook_call_reply(h.call)->http_status, 200);
        assert_slice(gw_hook_call_reply(h.call)->body, forms[i][1]);
        done(&w, &h);
    }
}

static void a_body_that_is_closed_is_closed_once(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    assert_int_equal(serve(&w, &h,
                           "o = Object.new\ndef o.each; yield 'a'; end\n"
                           "def o.close; puts 'closed'; end\n[200, {}, o]"),
                     GW_HOOK_REPLIED);
    assert_true(has_logged(&w, "closed"));
    done(&w, &h);
}

static void what_is_no_answer_is_an_error(void **state)
{
    static const char *const answers[][2] = {
        {"nil", "rack app did not return an array"},
        {"200", "rack app did not return an array"},
        {"[99, {}, []]", "status returned from rack app is out of range"},
        {"[1000, {}, []]", "status returned from rack app is out of range"},
        {"[200, [1], []]", "array element of headers MUST by an array"},
        {"[200, {'a b' => '1'}, []]", "is no name of a field"},
        {"[200, {}, 5]", "undefined method 'each'"},
        {"raise 'oh'", "RuntimeError: oh"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        struct world w;
        struct host h;
        assert_int_equal(serve(&w, &h, answers[i][0]), GW_HOOK_FAILED);
        assert_int_equal(gw_hook_call_failure(h.call)->http_status, 500);
        if (!has_logged(&w, answers[i][1]))
            print_message("%s: %s", answers[i][0], w.log);
        assert_true(has_logged(&w, answers[i][1]));
        done(&w, &h);
    }
}

static void status_399_goes_on_with_what_it_sets(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w,
               "->(env) { [399, {'x-fallthru-set-tenant-name' => 'blue',\n"
               "  'X-Fallthru-Set-Http-X-User' => 'ann', 'x-seen' => '1',\n"
               "  'content-length' => '3'}, ['not looked at']] }",
               "->(env) { [399, {'x-second' => env['TENANT_NAME'] + ' ' + env['HTTP_X_USER']},\n"
               "  []] }");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_GO_ON);
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-seen", "1");
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-second", "blue ann");
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "content-length", "");
    assert_field(&h, GW_HOOK_RESPONSE_HEADERS, "x-fallthru-set-tenant-name", "");
    assert_field(&h, GW_HOOK_REQUEST_HEADERS, "x-user", "ann");
    done(&w, &h);
}

static void the_input_is_read_as_racks(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "->(env) {\n"
                   "  io = env['rack.input']\n"
                   "  seen = [io.gets, io.read(2), io.read(100), io.read(5), io.read, io.gets]\n"
                   "  io.rewind\n"
                   "  io.each { |line| seen << line }\n"
                   "  buffer = ''\n"
                   "  io.rewind\n"
                   "  io.read(4, buffer)\n"
                   "  env['rack.errors'].puts 'to the log'\n"
                   "  [200, {}, [seen.inspect, buffer]]\n"
                   "}\n");
    open_host(&h, &w, 0);
    h.super.body = GW_SLICE("one\ntwo\nthree");
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    assert_slice(gw_hook_call_reply(h.call)->body,
                 "[\"one\\n\", \"tw\", \"o\\nthree\", nil, \"\", nil, \"one\\n\", \"two\\n\", "
                 "\"three\"]one\n");
    assert_true(has_logged(&w, "to the log"));
    done(&w, &h);
}

static void without_a_body_there_is_no_input(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    assert_int_equal(serve(&w, &h,
                           "[200, {}, [env.key?('rack.input').to_s,\n"
                           "  env.key?('CONTENT_LENGTH').to_s]]"),
                     GW_HOOK_REPLIED);
    assert_slice(gw_hook_call_reply(h.call)->body, "falsefalse");
    done(&w, &h);
}

static void an_object_with_call_will_do(void **state)
{
    struct world w;
    struct host h;
    (void)state;
    OPEN_WORLD(&w, "Class.new do\n  def call(env)\n    [204, {}, []]\n  end\nend.new\n");
    open_host(&h, &w, 0);
    assert_int_equal(request(&h), GW_HOOK_REPLIED);
    assert_int_equal(gw_hook_call_reply(h.call)->http_status, 204);
    done(&w, &h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_is_that_of_libh2o),
        cmocka_unit_test(an_answer_has_status_headers_and_body),
        cmocka_unit_test(bodies_come_in_several_forms),
        cmocka_unit_test(a_body_that_is_closed_is_closed_once),
        cmocka_unit_test(what_is_no_answer_is_an_error),
        cmocka_unit_test(status_399_goes_on_with_what_it_sets),
        cmocka_unit_test(the_input_is_read_as_racks),
        cmocka_unit_test(without_a_body_there_is_no_input),
        cmocka_unit_test(an_object_with_call_will_do),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
