/* The command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/print.h"
#include "base/signals.h"
#include "config/config.h"
#include "frontend/gateway.h"
#include "hooks/rehearsal.h"
#include "runtime/snapshot.h"

/* Exit statuses. */
enum { EXIT_FAULT = 1, EXIT_USAGE = 2 };

/* Most that --body takes. */
#define BODY_MAX (64u << 20)

static const char help[] =
    "usage: sluice [COMMAND] [OPTIONS]\n"
    "\n"
    "An API gateway: REST calls become gRPC calls to balanced backends.\n"
    "\n"
    "commands:\n"
    "  run                 serve until SIGTERM, SIGINT or SIGQUIT (the default)\n"
    "  check               read the configuration and everything it names, say FILE: ok or what is "
    "wrong\n"
    "  routes              print METHOD, TEMPLATE, GRPC METHOD and UPSTREAM of every route, "
    "tab-separated\n"
    "  explain 'GET /v1/users/7?x=1'\n"
    "                      print the route, gRPC method, upstream and message that a request would "
    "become,\n"
    "                      or the error that its client would get\n"
    "  hook FILE 'GET /v1/users/7?x=1'\n"
    "                      run one Ruby hook on a made-up request and print what it did\n"
    "  version             print the version\n"
    "\n"
    "options:\n"
    "  -c, --config FILE   the configuration; default conf/${ENVIRONMENT:-development}.yaml\n"
    "  -b, --body FILE     explain, hook: the request's body; - is standard input\n"
    "  -t, --content-type TYPE\n"
    "                      explain, hook: the body's type; default application/json\n"
    "  -H, --header 'NAME: VALUE'\n"
    "                      hook: a header of the request; may be given again\n"
    "  -a, --answer FILE   hook: the upstream's answer, as JSON; default {}\n"
    "  -h, --help          print this\n"
    "      --version       print the version\n"
    "\n"
    "signals:\n"
    "  TERM, INT, QUIT     drain and stop; another TERM or INT a second later stops at once\n"
    "  USR1                open the access log again\n"
    "  HUP, USR2           nothing yet: to reload, to replace the program\n"
    "\n"
    "exit status: 0 done, 1 something is wrong (the reason is on standard error), 2 wrong usage.\n";

/* Most times that --header may be given. */
#define HEADERS_MAX 100

struct options {
    const char *config;
    const char *body;
    const char *content_type;
    const char *answer;
    const char *headers[HEADERS_MAX];
    size_t header_count;
    const char *file;
    const char *request;
};

struct loaded {
    struct gw_config *config;
    struct gw_snapshot *snapshot;
    struct gw_hook_set *hooks;
};

static int usage(const char *format, const char *what)
{
    char text[1024];
    snprintf(text, sizeof(text), format, what);
    gw_print_line(stderr, "sluice: %s", text);
    fprintf(stderr, "try: sluice --help\n");
    return EXIT_USAGE;
}

static int load(const struct options *options, struct loaded *ret_loaded)
{
    struct gw_diagnostics errors = {0};
    struct loaded loaded = {.config = gw_config_load(options->config, &errors)};
    if (loaded.config != NULL)
        loaded.snapshot = gw_snapshot_create(loaded.config, &errors);
    if (loaded.snapshot != NULL)
        loaded.hooks = gw_hook_set_create(loaded.snapshot, &errors);
    if (loaded.hooks == NULL) {
        gw_diagnostics_print(&errors, stderr);
        gw_snapshot_destroy(loaded.snapshot);
        gw_config_destroy(loaded.config);
    }
    gw_diagnostics_dispose(&errors);
    *ret_loaded = loaded;
    return loaded.hooks != NULL ? 0 : EXIT_FAULT;
}

static void unload(struct loaded *loaded)
{
    gw_hook_set_destroy(loaded->hooks);
    gw_snapshot_destroy(loaded->snapshot);
    gw_config_destroy(loaded->config);
}

static int command_run(const struct options *options, struct loaded *loaded)
{
    (void)options;
    struct gw_error error;
    if (gw_gateway_run(loaded->snapshot, loaded->hooks, SLUICE_VERSION, &error) == 0)
        return 0;
    gw_print_line(stderr, "sluice: %s", error.message);
    return EXIT_FAULT;
}

static int command_check(const struct options *options, struct loaded *loaded)
{
    (void)loaded;
    printf("%s: ok\n", options->config);
    return 0;
}

static int command_routes(const struct options *options, struct loaded *loaded)
{
    (void)options;
    struct gw_buf out = GW_BUF_HEAP;
    gw_snapshot_print_routes(loaded->snapshot, &out);
    fwrite(out.base, 1, out.len, stdout);
    gw_buf_dispose(&out);
    return 0;
}

static int read_body(const char *path, struct gw_buf *out)
{
    struct gw_error error;
    int result = strcmp(path, "-") == 0
                     ? gw_file_read_open(STDIN_FILENO, BODY_MAX, out, &error)
                     : gw_file_read(path, GW_FILE_OR_PIPE, BODY_MAX, out, &error);
    if (result != 0)
        gw_print_line(stderr, "sluice: %s: cannot be read: %s", path, error.message);
    return result;
}

static int command_explain(const struct options *options, struct loaded *loaded)
{
    struct gw_buf body = GW_BUF_HEAP, out = GW_BUF_HEAP;
    struct gw_error error;
    int status = EXIT_FAULT;
    if (options->body == NULL || read_body(options->body, &body) == 0) {
        int outcome = gw_snapshot_explain(loaded->snapshot, gw_slice_str(options->request),
                                          gw_slice_str(options->content_type), gw_buf_slice(&body),
                                          &out, &error);
        if (outcome < 0) {
            status = usage("%s", error.message);
        } else {
            fwrite(out.base, 1, out.len, stdout);
            status = outcome == 0 ? 0 : EXIT_FAULT;
        }
    }
    gw_buf_dispose(&body);
    gw_buf_dispose(&out);
    return status;
}

static int command_hook(const struct options *options, struct loaded *loaded)
{
    struct gw_buf body = GW_BUF_HEAP, answer = GW_BUF_HEAP, out = GW_BUF_HEAP;
    struct gw_diagnostics errors = {0};
    struct gw_error error = {.message = ""};
    int status = EXIT_FAULT;
    if ((options->body == NULL || read_body(options->body, &body) == 0) &&
        (options->answer == NULL || read_body(options->answer, &answer) == 0)) {
        const struct gw_hook_rehearsal rehearsal = {
            .file = options->file,
            .request = gw_slice_str(options->request),
            .headers = options->headers,
            .header_count = options->header_count,
            .content_type = gw_slice_str(options->content_type),
            .body = gw_buf_slice(&body),
            .answer = gw_buf_slice(&answer),
        };
        int outcome = gw_hook_rehearse(loaded->snapshot, &rehearsal, &out, &errors, &error);
        if (out.len > 0)
            fwrite(out.base, 1, out.len, stdout);
        gw_diagnostics_print(&errors, stderr);
        if (outcome < 0 && errors.count == 0)
            gw_print_line(stderr, "sluice: %s", error.message);
        status = outcome == 0 ? 0 : EXIT_FAULT;
    }
    gw_diagnostics_dispose(&errors);
    gw_buf_dispose(&body);
    gw_buf_dispose(&answer);
    gw_buf_dispose(&out);
    return status;
}

static int command_version(const struct options *options, struct loaded *loaded)
{
    (void)options;
    (void)loaded;
    printf("sluice %s\n", SLUICE_VERSION);
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(const struct options *options, struct loaded *loaded);
    const char *argument; /* NULL: takes none */
    bool has_body;        /* takes --body and --content-type */
    bool has_file;        /* takes a FILE before the argument, --header and --answer */
    bool needs_config;
} commands[] = {
    {"run", command_run, .needs_config = true},
    {"check", command_check, .needs_config = true},
    {"routes", command_routes, .needs_config = true},
    {"explain", command_explain, "'METHOD /PATH'", .has_body = true, .needs_config = true},
    {"hook", command_hook, "FILE and 'METHOD /PATH'", .has_body = true, .has_file = true,
     .needs_config = true},
    {"version", command_version},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"body", required_argument, NULL, 'b'},
        {"content-type", required_argument, NULL, 't'},
        {"header", required_argument, NULL, 'H'},
        {"answer", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {0};
    int letter;
    argv[0] = (char *)"sluice"; /* what getopt's complaints begin with */
    while ((letter = getopt_long(argc, argv, "c:b:t:H:a:h", long_options, NULL)) != -1) {
        switch (letter) {
        case 'c':
            options.config = optarg;
            break;
        case 'b':
            options.body = optarg;
            break;
        case 't':
            options.content_type = optarg;
            break;
        case 'H':
            if (options.header_count == HEADERS_MAX)
                return usage("%s is one header too many", optarg);
            options.headers[options.header_count++] = optarg;
            break;
        case 'a':
            options.answer = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'V':
            return command_version(&options, NULL);
        default:
            return fputs("try: sluice --help\n", stderr), EXIT_USAGE;
        }
    }

    const char *name = optind < argc ? argv[optind++] : "run";
    const struct command *command = find_command(name);
    if (command == NULL)
        return usage("no command is named %s", name);
    if (command->argument != NULL && optind + command->has_file >= argc)
        return usage("what is it about? give %s", command->argument);
    if (command->has_file)
        options.file = argv[optind++];
    if (command->argument != NULL)
        options.request = argv[optind++];
    if (optind < argc)
        return usage("%s is one argument too many", argv[optind]);
    if ((options.body != NULL || options.content_type != NULL) && !command->has_body)
        return usage("%s takes neither --body nor --content-type", name);
    if ((options.answer != NULL || options.header_count > 0) && !command->has_file)
        return usage("%s takes neither --header nor --answer", name);
    if (!command->needs_config)
        return command->run(&options, NULL);

    char default_config[512];
    if (options.config == NULL) {
        const char *environment = getenv("ENVIRONMENT");
        snprintf(default_config, sizeof(default_config), "conf/%s.yaml",
                 environment && *environment ? environment : "development");
        options.config = default_config;
    }
    struct loaded loaded;
    if (command->run == command_run)
        gw_signals_hold();
    int status = load(&options, &loaded);
    if (status != 0)
        return status;
    status = command->run(&options, &loaded);
    unload(&loaded);
    return status;
}
