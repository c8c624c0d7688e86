/* How the file descriptors that the process may have are shared out. Clients decide how many of
 * them there are; so they get what is left when the process itself, its connections to endpoints
 * and whatever must work when clients have used up theirs (the admin port, look-ups of names) have
 * been given a share. Pure. */
#ifndef GW_FRONTEND_DESCRIPTORS_H
#define GW_FRONTEND_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct gw_descriptor_needs {
    uint64_t limit;       /* RLIMIT_NOFILE */
    uint64_t fixed;       /* open from the start to the end */
    uint64_t upstreams;   /* connections to endpoints, if all workers had pool.max_size of them */
    uint32_t connections; /* limits.connections */
    bool has_files;       /* a route leads to files, of which each answer has one open */
};

struct gw_descriptor_shares {
    uint32_t connections; /* of clients, at most what was wanted */
    uint32_t files;       /* open at a time */
    uint32_t admin;       /* connections to the admin port; more wait to be accepted */
    uint64_t from;        /* numbers from here on are open only if the others' shares are in use */
};

/* Of a configuration, for this many workers, when `open` descriptors are open already. */
struct gw_descriptor_needs gw_descriptors_need(const struct gw_config *config, uint32_t workers,
                                               uint64_t open, uint64_t limit);
/* 0; or how many must be allowed at least, and *ret_shares is untouched. */
uint64_t gw_descriptors_share(const struct gw_descriptor_needs *needs,
                              struct gw_descriptor_shares *ret_shares);

#endif
