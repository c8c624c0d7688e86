/* What a hook costs its request in CPU: all phases, garbage collection with them, but nothing of
 * the gateway around. */
#include "../unit/hooks/world.h"

#define ROUNDS 50000

static void run(struct host *host, bool has_response)
{
    struct gw_hook_response response = {.http_status = 200, .message = GW_SLICE("\n\1x")};
    gw_hook_call_on_request(host->call);
    if (has_response)
        gw_hook_call_on_response(host->call, &response);
    gw_hook_call_destroy(host->call);
    host->call = NULL;
}

static double ns_per_request(const char *hook, bool has_response)
{
    struct world w;
    struct host host;
    double best = 1e9;
    OPEN_WORLD(&w, hook);
    for (int round = 0; round < 5; round++) {
        uint64_t ns = 0;
        for (int i = 0; i < ROUNDS; i++) {
            open_host(&host, &w, 0);
            uint64_t begin = gw_clock_ns();
            run(&host, has_response);
            ns += gw_clock_ns() - begin;
            close_host(&host);
        }
        double mean = (double)ns / ROUNDS;
        best = mean < best ? mean : best;
    }
    close_world(&w);
    return best;
}

#define ON_REQUEST(code) "Class.new { def on_request(req) " code " end }.new"
#define ON_RESPONSE(code) "Class.new { def on_response(req, res) " code " end }.new"

int main(void)
{
    static const struct {
        const char *name, *hook;
        bool has_response;
    } rows[] = {
        {"nothing", ON_REQUEST("nil"), false},
        {"sets a request header", ON_REQUEST("req.headers['x-a'] = '1'"), false},
        {"sets a response header", ON_RESPONSE("res.headers['x-a'] = '1'"), true},
        {"reads a field", ON_REQUEST("req.message['shelf']"), false},
        {"changes a field", ON_REQUEST("req.message['shelf'] = 'z'"), false},
        {"399 with a header", "Proc.new { |env| [399, {'x-a' => '1'}, []] }", false},
        {"path =~ literal, $1", ON_REQUEST("/^\\/v1\\/(\\w+)/ =~ req.path; $1"), false},
        {"literal.match?(path)", ON_REQUEST("/^\\/v1\\/(\\w+)/.match?(req.path)"), false},
        {"JSON, there and back",
         ON_REQUEST("JSON.generate(JSON.parse('{\"a\":[1,{\"b\":\"c\"}]}'))"), false},
        {"HMAC-SHA256", ON_REQUEST("OpenSSL::HMAC.hexdigest('SHA256', 'key', req.path)"), false},
    };
    build_root = GW_BUILD_ROOT;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("%-24s %6.0f ns\n", rows[i].name,
               ns_per_request(rows[i].hook, rows[i].has_response));
    return 0;
}
