#include "frontend/descriptors.h"

#include <string.h>

/* Of a loop: epoll's, and both ends of the pipe of its queue. */
#define LOOP 3
/* libh2o's context has a queue, too. */
#define CONTEXT 2
#define SIGNALS 1
/* The thread of a log and its loop. */
#define LOG (LOOP + 1)

/* For the admin port, look-ups of names, logs that are opened again, clients that are refused. */
#define RESERVE_MOST 64
/* With fewer than this for clients, endpoints and the reserve it is no gateway. */
#define LEFT_LEAST 8

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool has_files(const struct gw_config *config)
{
    for (size_t i = 0; i < config->route_count; i++) {
        if (config->routes[i].files.text != NULL)
            return true;
    }
    return false;
}

struct gw_descriptor_needs gw_descriptors_need(const struct gw_config *config, uint32_t workers,
                                               uint64_t open, uint64_t limit)
{
    uint64_t logs = config->access_log.enabled ? 2 : 1; /* one of hooks */
    uint64_t admin = config->admin_address.text != NULL ? 1 + CONTEXT : 0;
    uint64_t worker = LOOP + CONTEXT + config->listener_count;
    uint64_t upstreams = 0;
    for (size_t i = 0; i < config->upstream_count; i++)
        upstreams += config->upstreams[i].endpoint_count * config->upstreams[i].pool.max_size;
    return (struct gw_descriptor_needs){
        .limit = limit,
        .fixed =
            open + LOOP + SIGNALS + config->listener_count + admin + logs * LOG + workers * worker,
        .upstreams = upstreams * workers,
        .connections = config->limits.connections,
        .has_files = has_files(config),
    };
}

uint64_t gw_descriptors_share(const struct gw_descriptor_needs *needs,
                              struct gw_descriptor_shares *ret_shares)
{
    if (needs->limit < needs->fixed + LEFT_LEAST)
        return needs->fixed + LEFT_LEAST;
    uint64_t left = needs->limit - needs->fixed;
    uint64_t reserve = least(RESERVE_MOST, left / 4);
    left -= reserve;
    uint64_t upstreams = least(needs->upstreams, left / 2);
    left -= upstreams;
    uint64_t files = needs->has_files ? left / 4 : 0;
    uint32_t connections = (uint32_t)least(needs->connections, left - files);
    *ret_shares = (struct gw_descriptor_shares){
        .connections = connections,
        .files = (uint32_t)least(left - connections, UINT32_MAX),
        .admin = (uint32_t)(reserve / 2),
        .from = needs->limit - reserve - upstreams,
    };
    return 0;
}
