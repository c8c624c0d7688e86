/* One hook on a made-up call. */
#include "world.h"

#include "hooks/rehearsal.h"

#define ALL                                                                                        \
    "Class.new do\n"                                                                               \
    "  def on_request(req)\n"                                                                      \
    "    Sluice.log(:info, 'hello')\n"                                                             \
    "    req.headers['x-a'] = 'b'\n"                                                               \
    "    req.headers.delete('accept')\n"                                                           \
    "    req.metadata.add('m', '1')\n"                                                             \
    "    req.metadata.add('m', '2')\n"                                                             \
    "    req.upstream = 'archive'\n"                                                               \
    "    req.message['dry_run'] = true\n"                                                          \
    "    req.ctx[:n] = 1\n"                                                                        \
    "    Sluice.sleep(0)\n"                                                                        \
    "    req.reply(403, headers: {'y' => 'z'}, body: 'no') if req.headers['x-refuse']\n"           \
    "    raise 'oh' if req.headers['x-raise']\n"                                                   \
    "  end\n"                                                                                      \
    "  def on_response(req, res)\n"                                                                \
    "    res.http_status = 201\n"                                                                  \
    "    res.headers['x-c'] = 'd'\n"                                                               \
    "    res.message['title'] += '!'\n"                                                            \
    "  end\n"                                                                                      \
    "  def on_error(req, error)\n"                                                                 \
    "    error.code = 5\n"                                                                         \
    "  end\n"                                                                                      \
    "end.new\n"

struct played {
    int result;
    char text[8192]; /* without times and folders */
    char errors[4096];
    struct gw_error error;
};

/* Runs a.rb, whose text is `file`. */
static void play(struct played *p, const char *file, const char *request, const char *header,
                 const char *body, const char *answer)
{
    struct world w;
    char path[128];
    open_world(&w, (const char *const[]){NULL}, 0, "");
    write_file(&w, "a.rb", file);
    snprintf(path, sizeof(path), "%s/a.rb", w.folder);
    const char *const headers[] = {"Accept: x", header};
    struct gw_buf out = GW_BUF_HEAP;
    struct gw_diagnostics errors = {0};
    *p = (struct played){0};
    p->result = gw_hook_rehearse(w.snapshot,
                                 &(struct gw_hook_rehearsal){.file = path,
                                                             .request = gw_slice_str(request),
                                                             .headers = headers,
                                                             .header_count = header != NULL ? 2 : 1,
                                                             .body = gw_slice_str(body),
                                                             .answer = gw_slice_str(answer)},
                                 &out, &errors, &p->error);
    take_errors(&w, &errors);
    snprintf(p->errors, sizeof(p->errors), "%s", w.errors);
    const char *from = out.len > 0 ? gw_buf_terminate(&out) : "";
    for (char *to = p->text; *from != '\0';) {
        if (strncmp(from, w.folder, strlen(w.folder)) == 0)
            from += strlen(w.folder) + 1;
        else if (strncmp(from, "\"time\":", 7) == 0)
            from += strcspn(from, ",") + 1;
        else
            *to++ = *from++;
    }
    gw_buf_dispose(&out);
    gw_diagnostics_dispose(&errors);
    close_world(&w);
}

static void it_tells_what_each_phase_changed(void **state)
{
    static struct played p;
    (void)state;
    play(&p, ALL, "POST /v1/shelves/s1/books", NULL, "{\"title\": \"Emma\"}", "{\"title\": \"E\"}");
    assert_int_equal(p.result, 0);
    assert_string_equal(
        p.text,
        "{\"hook\": \"a.rb\", \"route\": \"POST /v1/shelves/{shelf}/books\", "
        "\"grpc\": \"library.v1.Library/CreateBook\",\n"
        " \"on_request\": {\"outcome\": \"goes on\", \"request_headers\": {\"accept\": null, "
        "\"x-a\": \"b\"}, \"metadata\": {\"m\": \"1, 2\"}, \"upstream\": \"archive\", "
        "\"message\": {\"book\":{\"title\":\"Emma\"},\"shelf\":\"s1\",\"dryRun\":true}},\n"
        " \"on_response\": {\"http_status\": 201, \"message\": {\"title\":\"E!\"}, "
        "\"outcome\": \"goes on\", \"response_headers\": {\"x-c\": \"d\"}},\n"
        " \"on_error\": {\"code\": 5, \"outcome\": \"goes on\"},\n"
        " \"ctx\": {\"n\":1},\n"
        " \"log\": [\n"
        "  {\"level\":\"info\",\"hook\":\"a.rb\",\"text\":\"hello\"}]}\n");
}

static void a_reply_ends_it(void **state)
{
    static struct played p;
    (void)state;
    play(&p, ALL, "POST /v1/shelves/s1/books", "X-Refuse: 1", "{}", "");
    assert_int_equal(p.result, 0);
    assert_non_null(strstr(p.text,
                           "\"on_request\": {\"outcome\": \"replied\", \"reply\": {\"status\": "
                           "403, \"headers\": [[\"y\", \"z\"]], \"body\": \"no\"}, "));
    assert_null(strstr(p.text, "on_response"));
}

static void an_exception_ends_it_with_1(void **state)
{
    static struct played p;
    (void)state;
    play(&p, ALL, "POST /v1/shelves/s1/books", "x-raise: 1", "{}", "");
    assert_int_equal(p.result, 1);
    assert_non_null(strstr(p.text, "\"on_request\": {\"outcome\": \"failed\", \"status\": 500, "
                                   "\"error\": \"hook failed\", "));
    assert_non_null(strstr(p.text, "\"text\":\"RuntimeError: oh\",\"backtrace\":[\"a.rb:13:in "
                                   "on_request\"]}]}\n"));
}

static void a_body_that_is_wrong_ends_it_with_1(void **state)
{
    static struct played p;
    (void)state;
    play(&p, ALL, "POST /v1/shelves/s1/books", NULL, "{\"titel\": 1}", "");
    assert_int_equal(p.result, 1);
    assert_non_null(strstr(p.text, "\"outcome\": \"failed\", \"status\": 400"));
}

static void what_cannot_be_run_is_told(void **state)
{
    static struct played p;
    (void)state;
    play(&p, "(\n", "GET /v1/shelves/1", NULL, "", "");
    assert_int_equal(p.result, -1);
    assert_string_equal(p.text, "");
    assert_string_equal(p.errors, "a.rb:2:1: syntax error, unexpected $end\n");
    play(&p, ALL, "GET /nowhere", NULL, "", "");
    assert_int_equal(p.result, -1);
    assert_string_equal(p.text, "");
    assert_string_equal(p.error.message, "GET /nowhere: no such path");
    play(&p, ALL, "nonsense", NULL, "", "");
    assert_int_equal(p.result, -1);
    assert_non_null(strstr(p.error.message, "expected METHOD and path"));
    play(&p, ALL, "GET /v1/shelves/1", "no colon", "", "");
    assert_int_equal(p.result, -1);
    assert_string_equal(p.error.message,
                        "expected a header such as \"x-api-key: 7\", found \"no colon\"");
    play(&p, ALL, "GET /v1/shelves/1", NULL, "", "{\"title\": 5}");
    assert_int_equal(p.result, -1);
    assert_non_null(strstr(p.error.message, "the answer: title: expected a string, found 5"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_what_each_phase_changed),
        cmocka_unit_test(a_reply_ends_it),
        cmocka_unit_test(an_exception_ends_it_with_1),
        cmocka_unit_test(a_body_that_is_wrong_ends_it_with_1),
        cmocka_unit_test(what_cannot_be_run_is_told),
    };
    build_root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
