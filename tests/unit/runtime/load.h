/* Configurations and snapshots from YAML text, for tests. */
#ifndef GW_TESTS_LOAD_H
#define GW_TESTS_LOAD_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/snapshot.h"

struct loaded {
    struct gw_config *config;
    struct gw_snapshot *snapshot;
    char errors[4096]; /* as printed, without the file's name */
};

static const char *build_root;

/* Prints the errors as "LINE:COLUMN: message\n". */
static inline void print_errors(struct loaded *l, struct gw_diagnostics *errors, const char *file)
{
    char text[16384] = "";
    FILE *f = fmemopen(text, sizeof(text), "w");
    gw_diagnostics_print(errors, f);
    fclose(f);
    char *to = l->errors;
    for (char *from = text; *from != '\0';) {
        if (strncmp(from, file, strlen(file)) == 0)
            from +=
                strlen(file) + (from[strlen(file)] == ':' && (to == l->errors || to[-1] == '\n'));
        else
            *to++ = *from++;
    }
    *to = '\0';
}

/* `rest` follows the lines for listen, schema (library.proto) and upstreams, which are 1 to 6. */
static inline struct loaded load(const char *rest)
{
    struct loaded l = {0};
    char path[] = "/tmp/sluice-test-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        abort();
    FILE *f = fdopen(fd, "w");
    fprintf(f,
            "listen: [{address: 127.0.0.1:0}]\n"
            "schema: {descriptor_sets: [\"%s/tests/unit/transcode/library.binpb\"]}\n"
            "upstreams:\n"
            "  - {name: library, endpoints: [{address: 127.0.0.1:1}]}\n"
            "  - {name: archive, endpoints: [{address: 127.0.0.1:2}]}\n"
            "\n%s",
            build_root, rest);
    fclose(f);
    struct gw_diagnostics errors = {0};
    l.config = gw_config_load(path, &errors);
    if (l.config != NULL)
        l.snapshot = gw_snapshot_create(l.config, &errors);
    print_errors(&l, &errors, path);
    gw_diagnostics_dispose(&errors);
    unlink(path);
    return l;
}

static inline void unload(struct loaded *l)
{
    gw_snapshot_destroy(l->snapshot);
    gw_config_destroy(l->config);
}

#endif
